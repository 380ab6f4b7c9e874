//! Serves an in-memory SQS on a port, and prints one line per request: `cargo run --example serve -- 127.0.0.1:9324`.

use local_sqs::{LocalSqs, Server};
use std::error::Error;
use std::net::SocketAddr;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "this is a program for people")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = std::env::args()
        .nth(1)
        .as_deref()
        .unwrap_or("127.0.0.1:9324")
        .parse()?;
    let sqs = LocalSqs::builder()
        .trace(|request| println!("{request}"))
        .build();
    let server = Server::bind(sqs, address).await?;
    println!("export AWS_ENDPOINT_URL_SQS={}", server.endpoint_url());
    println!("export AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local");
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}
