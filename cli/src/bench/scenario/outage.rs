//! Ten minutes in which SQS answers nothing but 503.

use std::time::Duration;

use futures::future::{self, Either};

use super::{Bench, Name};
use crate::bench::contestant::{Contestant as _, Framework};
use crate::bench::outcome::Outcome;
use crate::failure::Failure;

const OUTAGE: Duration = Duration::from_secs(600);
/// How long a caller rests after an error, as a person at a login page does.
const REST: Duration = Duration::from_secs(30);
/// Requests succeed again after this at the latest.
const RECOVERY: Duration = Duration::from_secs(60);

pub(super) async fn run(bench: &Bench) -> Result<Vec<Outcome>, Failure> {
    let ends = bench.server.ends().await?;
    let framework = bench.framework(&ends, 1).await?;
    framework.call("before".to_owned()).await?;

    bench.progress.begin("outage", 1);
    bench.server.fail(true);
    let before = bench.server.calls.snapshot();
    let over = tokio::time::sleep(OUTAGE);
    let caller = async {
        loop {
            let _ = framework.call("during".to_owned()).await;
            tokio::time::sleep(REST).await;
        }
    };
    tokio::pin!(over, caller);
    match future::select(over, caller).await {
        Either::Left(((), _)) => {}
        Either::Right((never, _)) => never,
    }
    let calls = bench.server.calls.snapshot().since(&before);
    bench.server.fail(false);
    recovered(&framework).await?;
    framework.stop().await;
    Ok(vec![Outcome::of_calls(
        "10 minutes of outage",
        Name::SqsRpc,
        &calls,
    )])
}

/// A call that was out when the outage ended may fail yet; after a minute nothing may.
async fn recovered(framework: &Framework) -> Result<(), Failure> {
    let recovery = async {
        while framework.call("after".to_owned()).await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(RECOVERY, recovery)
        .await
        .map_err(|_| Failure::other("no request succeeds a minute after the outage"))
}
