//! Ten minutes in which SQS answers nothing but 503.

use std::time::Duration;

use futures::future::{self, Either};

use super::{Bench, Name};
use crate::bench::contestant::Contestant as _;
use crate::bench::outcome::Outcome;
use crate::failure::Failure;

const OUTAGE: Duration = Duration::from_secs(600);
/// How long a caller rests after an error, as a person at a login page does.
const REST: Duration = Duration::from_secs(30);

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
    framework.call("after".to_owned()).await?;
    framework.stop().await;
    Ok(vec![Outcome::of_calls(
        "10 minutes of outage",
        Name::SqsRpc,
        &calls,
    )])
}
