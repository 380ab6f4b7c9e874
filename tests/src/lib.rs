//! Integration tests of sqs-rpc.
