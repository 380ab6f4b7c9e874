//! Runs the contract suite against a server, and reports every disagreement:
//! `cargo run -p local-sqs --features contract --example sqs_contract -- http://127.0.0.1:9324 [longest wait in seconds]`.
//!
//! The server uses real time, so checks that wait for longer than 3 s are skipped by default.

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::{Client, Config};
use aws_smithy_http_client::Builder;
use local_sqs::contract::{CHECKS, Subject};
use std::error::Error;
use std::time::Duration;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "this is a program for people")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments
        .next()
        .ok_or("expected the server's endpoint URL, found none")?;
    let longest = Duration::from_secs(arguments.next().map_or(Ok(3), |seconds| seconds.parse())?);
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "contract"))
        .http_client(Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    let subject = Subject::new(
        Client::from_conf(config),
        format!("contract-{}", std::process::id()),
    );
    let (mut agreed, mut disagreed, mut left_out) = (0, 0, 0);
    for check in CHECKS {
        if check.waits > longest {
            left_out += 1;
            continue;
        }
        match check.run(&subject).await {
            Ok(()) => agreed += 1,
            Err(seen) => {
                disagreed += 1;
                println!("{}: {seen}", check.name);
            }
        }
    }
    println!("{agreed} agreed, {disagreed} disagreed, {left_out} left out");
    if disagreed == 0 {
        Ok(())
    } else {
        Err("the server disagrees with SQS".into())
    }
}
