//! So many callers at a time, for each payload.

use super::{Bench, Load, Name, Run};
use crate::bench::outcome::Outcome;
use crate::failure::Failure;

/// The bare program is tried with each of these numbers of polls; the best counts.
const POLLS: [usize; 4] = [1, 2, 4, 8];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::new();
    for &payload in &bench.payload {
        for &concurrency in &bench.concurrency {
            let label = format!("{concurrency} callers, {payload} B");
            let load = Load::Closed {
                concurrency,
                requests: bench.requests,
            };
            let run = |contestant| Run {
                label: &label,
                contestant,
                load,
                payload,
            };
            let ends = bench.server.ends().await?;
            let framework = bench.framework(&ends, concurrency).await?;
            outcomes.push(bench.measure(framework, run(Name::SqsRpc)).await?);
            if bench.compare == Some(Name::BareSdk) {
                let mut best: Option<Outcome> = None;
                for polls in POLLS {
                    let ends = bench.server.ends().await?;
                    let bare = bench.bare(&ends, polls, concurrency).await?;
                    let mut outcome = bench.measure(bare, run(Name::BareSdk)).await?;
                    outcome.polls = Some(polls);
                    best =
                        Some(best.map_or_else(|| outcome.clone(), |best| faster(best, &outcome)));
                }
                outcomes.extend(best);
            }
        }
    }
    Ok(outcomes)
}

fn faster(best: Outcome, other: &Outcome) -> Outcome {
    let rate = |outcome: &Outcome| outcome.rpc().map_or(0.0, |rpc| rpc.rpc_per_second);
    if rate(other) > rate(&best) {
        other.clone()
    } else {
        best
    }
}
