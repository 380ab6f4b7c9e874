//! `cargo xtask goals`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    sqs_rpc_goals::run(std::env::args().skip(1))
}
