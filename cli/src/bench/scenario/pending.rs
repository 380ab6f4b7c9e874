//! Requests that nobody answers: what one that waits takes, in memory and in threads.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{self, Either};
use futures::stream::FuturesUnordered;
use sqs_rpc::Requester;

use super::{Bench, Name};
use crate::bench::outcome::Outcome;
use crate::bench::resources::resources;
use crate::failure::Failure;

/// Requests that wait together, one step after the other.
const SIZES: [usize; 2] = [1, 100_000];
/// None ends before the last has begun.
const TIMEOUT: Duration = Duration::from_secs(3_600);
/// How often to look whether all are sent.
const LOOK: Duration = Duration::from_millis(50);

pub(super) async fn run(bench: &Bench) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::new();
    for size in SIZES {
        outcomes.push(at(bench, size).await?);
    }
    Ok(outcomes)
}

async fn at(bench: &Bench, size: usize) -> Result<Outcome, Failure> {
    let label = format!("{size} pending");
    bench.progress.begin(&label, 1);
    let client = bench.server.client();
    let queue = bench.server.queue(&client, "unanswered").await?;
    let requester = Requester::builder(bench.server.sqs(&client))
        .timeout(TIMEOUT)
        .max_pending(size)
        .build()
        .map_err(Failure::usage)?;
    requester.ready().await.map_err(Failure::other)?;
    let calls = bench.server.calls.snapshot();
    let before = resources();

    let mut pending: FuturesUnordered<_> = (0..size)
        .map(|_| requester.request(&queue, "x").send())
        .collect();
    let sent = async {
        while requester.stats().requests_sent < size as u64 {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::pin!(sent);
    match future::select(sent, pending.next()).await {
        Either::Left(((), _)) => {}
        Either::Right((ended, _)) => {
            let why = ended.map_or_else(|| "no request".to_owned(), |it| format!("{it:?}"));
            return Err(Failure::other(format!("a request ended: {why}")));
        }
    }
    let mut figures = BTreeMap::new();
    if let (Some(before), Some(now)) = (before, resources()) {
        figures.insert("OS threads", now.threads as f64);
        if size > 1 {
            let grown = now.resident.saturating_sub(before.resident);
            // Its future, and what sending it left in the allocator, included.
            figures.insert("resident bytes a request", grown as f64 / size as f64);
        }
    }
    let calls = bench.server.calls.snapshot().since(&calls);
    drop(pending);
    requester.shutdown(Duration::from_secs(30)).await;
    Ok(Outcome::of_figures(label, Name::SqsRpc, figures, &calls))
}
