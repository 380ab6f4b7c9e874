//! The contract suite, against both ways in.

use crate::support::over_http;
use aws_sdk_sqs::Client;
use local_sqs::LocalSqs;
use local_sqs::contract::{CHECKS, Subject};
use std::collections::HashSet;

/// Runs all checks and names every disagreement.
async fn run(client: Client) {
    let subject = Subject::new(client, "contract");
    let mut disagreements = Vec::new();
    for check in CHECKS {
        if let Err(seen) = check.run(&subject).await {
            disagreements.push(format!("{}: {seen}", check.name));
        }
    }
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

/// The server is in the same runtime, so the paused clock is its clock, too.
#[tokio::test(start_paused = true)]
async fn over_http_with_json() {
    let (_sqs, server, client) = over_http().await;
    run(client).await;
    server.shutdown().await;
}

#[test]
fn names_are_unique() {
    let names: HashSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), CHECKS.len());
}
