//! The contract suite, in process and over HTTP, in both protocols. `SQS_CONTRACT=name` selects the checks whose names
//! contain `name`.

use crate::query_client::in_query;
use crate::support::{http_client, over_http};
use aws_sdk_sqs::Client;
use local_sqs::LocalSqs;
use local_sqs::contract::{CHECKS, Subject};
use std::collections::HashSet;

/// Runs all checks and reports every disagreement.
async fn run(client: Client) {
    let subject = Subject::new(client, "contract");
    let mut disagreements = Vec::new();
    let selected = std::env::var("SQS_CONTRACT").unwrap_or_default();
    let checks = CHECKS.iter().filter(|check| check.name.contains(&selected));
    let mut run = 0;
    for check in checks {
        run += 1;
        if let Err(seen) = check.run(&subject).await {
            disagreements.push(format!("{}: {seen}", check.name));
        }
    }
    assert!(run > 0, "no check has {selected:?} in its name");
    assert!(
        disagreements.is_empty(),
        "{} disagreements:\n{}",
        disagreements.len(),
        disagreements.join("\n")
    );
}

#[tokio::test(start_paused = true)]
async fn in_process() {
    run(LocalSqs::start().client()).await;
}

/// The server is in the same runtime, so it uses the paused clock, too.
#[tokio::test(start_paused = true)]
async fn over_http_with_json() {
    let (_sqs, server, client) = over_http().await;
    run(client).await;
    server.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn in_process_with_query() {
    let sqs = LocalSqs::start();
    let config = sqs.sdk_config().http_client(in_query(sqs.http_client()));
    run(Client::from_conf(config.build())).await;
}

#[tokio::test(start_paused = true)]
async fn over_http_with_query() {
    let (sqs, server, _) = over_http().await;
    let config = http_client(&sqs, &server).config().to_builder();
    let inner = aws_smithy_http_client::Builder::new().build_http();
    run(Client::from_conf(
        config.http_client(in_query(inner)).build(),
    ))
    .await;
    server.shutdown().await;
}

#[test]
fn names_are_unique() {
    let names: HashSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), CHECKS.len());
}
