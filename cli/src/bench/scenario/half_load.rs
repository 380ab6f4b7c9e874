//! Half of what it can do: what batches cost in latency where there is no need for them.

use super::{Bench, Load, Name, Run};
use crate::bench::outcome::Outcome;
use crate::failure::Failure;

const CALLERS: usize = 256;
const PAYLOAD: usize = 1024;

pub(super) async fn run(bench: &Bench) -> Result<Vec<Outcome>, Failure> {
    let run = |label, contestant, load| Run {
        label,
        contestant,
        load,
        payload: PAYLOAD,
    };
    let full = Load::Closed {
        concurrency: CALLERS,
        requests: bench.requests,
    };
    let ends = bench.server.ends().await?;
    let framework = bench.framework(&ends, CALLERS).await?;
    let saturated = bench
        .measure(framework, run("saturated", Name::SqsRpc, full))
        .await?;
    let rate = saturated.rpc().map_or(0.0, |rpc| rpc.rpc_per_second) / 2.0;
    let half = Load::Open {
        rate,
        requests: bench.requests,
    };

    let ends = bench.server.ends().await?;
    let framework = bench.framework(&ends, CALLERS).await?;
    let batched = bench
        .measure(framework, run("half load", Name::SqsRpc, half))
        .await?;
    let ends = bench.server.ends().await?;
    let unbatched = bench.unbatched(&ends, CALLERS).await?;
    let unbatched = bench
        .measure(unbatched, run("half load", Name::Unbatched, half))
        .await?;
    Ok(vec![saturated, batched, unbatched])
}
