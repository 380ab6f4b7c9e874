//! `cargo xtask interop`: see the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    sqs_rpc_interop::run().await
}
