//! An hour without a request.

use std::time::Duration;

use sqs_rpc::Requester;

use super::{Bench, Name};
use crate::bench::outcome::Outcome;
use crate::failure::Failure;

const HOUR: Duration = Duration::from_secs(3600);

/// The requester made its host and served a request just before.
pub(super) async fn run(bench: &Bench) -> Result<Vec<Outcome>, Failure> {
    let client = bench.server.client();
    let requester = Requester::builder(bench.server.sqs(&client))
        .build()
        .map_err(Failure::usage)?;
    requester.ready().await.map_err(Failure::other)?;
    bench.progress.begin("idle hour", 1);
    let before = bench.server.calls.snapshot();
    tokio::time::sleep(HOUR).await;
    let calls = bench.server.calls.snapshot().since(&before);
    requester.shutdown(Duration::from_secs(30)).await;
    Ok(vec![Outcome::of_calls("idle hour", Name::SqsRpc, &calls)])
}
