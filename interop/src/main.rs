//! `cargo xtask interop`: see the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    sqs_rpc_interop::run(std::env::args().skip(1)).await
}
