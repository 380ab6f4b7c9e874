//! Hours without a request.

use std::time::Duration;

use sqs_rpc::Requester;
use sqs_rpc::requester::RequesterBuilder;

use super::{Bench, Name};
use crate::bench::outcome::Outcome;
use crate::failure::Failure;

const HOUR: Duration = Duration::from_secs(3600);
/// By then a host that is idle is deleted: 15 minutes and a quarter of it by default.
const IDLE_TIME: Duration = Duration::from_secs(20 * 60);

/// The requester has just made its host. It keeps it for the whole of one hour, and has lost it before the other.
pub(super) async fn run(bench: &Bench) -> Result<Vec<Outcome>, Failure> {
    let live = |builder: RequesterBuilder| builder.idle_time(3 * HOUR);
    Ok(vec![
        hour(bench, "idle hour", live, Duration::ZERO).await?,
        hour(
            bench,
            "the hour after the host's idle time",
            |it| it,
            IDLE_TIME,
        )
        .await?,
    ])
}

async fn hour(
    bench: &Bench,
    label: &str,
    options: impl FnOnce(RequesterBuilder) -> RequesterBuilder,
    after: Duration,
) -> Result<Outcome, Failure> {
    let client = bench.server.client();
    let requester = options(Requester::builder(bench.server.sqs(&client)))
        .build()
        .map_err(Failure::usage)?;
    requester.ready().await.map_err(Failure::other)?;
    bench.progress.begin(label, 1);
    tokio::time::sleep(after).await;
    let before = bench.server.calls.snapshot();
    tokio::time::sleep(HOUR).await;
    let calls = bench.server.calls.snapshot().since(&before);
    requester.shutdown(Duration::from_secs(30)).await;
    Ok(Outcome::of_calls(label, Name::SqsRpc, &calls))
}
