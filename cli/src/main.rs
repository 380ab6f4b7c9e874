//! The `sqs-rpc` command.

fn main() {}
