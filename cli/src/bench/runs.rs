//! Who is put under which load, in which order.
//!
//! Does not own: load, server, contestants. Invariant: contestants that are compared run one after the other on the same
//! server, each on queues of its own.

use std::sync::Arc;

use super::contestant::{Bare, Contestant, Framework, Name};
use super::load::Load;
use super::outcome::{Outcome, Rpc};
use super::progress::Progress;
use super::server::Server;
use super::{Arguments, Compare};
use crate::clock::{cpu_since, cpu_time};
use crate::failure::Failure;

/// The bare program is tried with each of these numbers of polls; the best counts.
const POLLS: [usize; 4] = [1, 2, 4, 8];

/// What all runs share.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) arguments: Arguments,
    pub(super) progress: Progress,
}

impl Bench {
    /// Every load on every contestant.
    pub(super) async fn run(&self) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::new();
        for &payload in &self.arguments.payload {
            for &callers in self.callers() {
                let requests = self.arguments.requests;
                let load = match self.arguments.rate {
                    Some(rate) => Load::Open { rate, requests },
                    None => Load::Closed { callers, requests },
                };
                self.on_each(load, callers, payload, &mut outcomes).await?;
            }
        }
        Ok(outcomes)
    }

    /// A rate is one load, whatever the number of callers; the largest number is what the responder gets ready for.
    fn callers(&self) -> &[usize] {
        let all = &self.arguments.concurrency;
        match (self.arguments.rate, all.iter().max()) {
            (Some(_), Some(most)) => std::slice::from_ref(most),
            _ => all,
        }
    }

    async fn on_each(
        &self,
        load: Load,
        callers: usize,
        payload: usize,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<(), Failure> {
        let sqs = |client: &_| self.server.sqs(client);
        let prefer = self.arguments.prefer.into();
        let outcome = |contestant, polls, rpc: &Rpc| Outcome {
            load: load.clone(),
            payload,
            contestant,
            polls,
            rpc: rpc.clone(),
        };
        let ends = self.server.ends().await?;
        let ours = Framework::start(&ends, sqs, callers, prefer).await?;
        let rpc = self.measure(ours, Name::SqsRpc, &load, payload).await?;
        outcomes.push(outcome(Name::SqsRpc, None, &rpc));
        match self.arguments.compare {
            None => {}
            Some(Compare::Unbatched) => {
                let ends = self.server.ends().await?;
                let ours = Framework::unbatched(&ends, sqs, callers).await?;
                let rpc = self.measure(ours, Name::Unbatched, &load, payload).await?;
                outcomes.push(outcome(Name::Unbatched, None, &rpc));
            }
            Some(Compare::BareSdk) => {
                let mut best: Option<(usize, Rpc)> = None;
                for polls in POLLS {
                    let ends = self.server.ends().await?;
                    let replies = self.server.queue(&ends.asking, "replies").await?;
                    let bare = Bare::start(&ends, &replies, polls, callers);
                    let rpc = self.measure(bare, Name::BareSdk, &load, payload).await?;
                    let faster = |(_, best): &(_, Rpc)| rpc.rpc_per_second > best.rpc_per_second;
                    if best.as_ref().is_none_or(faster) {
                        best = Some((polls, rpc));
                    }
                }
                outcomes.extend(best.map(|(polls, rpc)| outcome(Name::BareSdk, Some(polls), &rpc)));
            }
        }
        Ok(())
    }

    /// Puts a load on a contestant that is warm, and stops it.
    async fn measure(
        &self,
        contestant: impl Contestant + 'static,
        name: Name,
        load: &Load,
        payload: usize,
    ) -> Result<Rpc, Failure> {
        let contestant: Arc<dyn Contestant> = Arc::new(contestant);
        self.progress
            .begin(&format!("{load}, {payload} B, {name}"), load.requests());
        let body = "x".repeat(payload);
        load.warm_up().put_on(&contestant, &body, || ()).await?;

        let (calls, cpu) = (self.server.calls.snapshot(), cpu_time());
        let timing = load
            .put_on(&contestant, &body, self.progress.tick())
            .await?;
        let calls = self.server.calls.snapshot().since(&calls);
        // In the model SQS computes in this very process.
        let cpu = cpu_since(cpu).filter(|_| !self.server.is_model());
        contestant.stop().await;
        Ok(Rpc::new(&timing, &calls, cpu))
    }
}
