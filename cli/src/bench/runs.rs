//! Which contestant runs under which load, and in which order.
//!
//! Does not own: load, server, contestants. Invariant: compared contestants run one after the other on the same server,
//! each with its own queues; a started contestant is always stopped, however its run ends.

use std::sync::{Arc, Mutex, PoisonError};

use super::arguments::{Arguments, Compare};
use super::contestant::{Bare, Contestant, Framework, Name};
use super::load::Load;
use super::outcome::{Outcome, Rpc};
use super::progress::Progress;
use super::server::Server;
use crate::clock::{cpu_since, cpu_time};
use crate::failure::Failure;

/// The bare program runs with each of these numbers of polls; the best result is reported.
const POLLS: [usize; 4] = [1, 2, 4, 8];

/// The state that all runs share.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) arguments: Arguments,
    pub(super) progress: Progress,
    /// The contestant of the current run. Set before its start, `None` after its stop.
    running: Mutex<Option<Arc<dyn Contestant>>>,
}

impl Bench {
    pub(super) fn new(server: Server, arguments: Arguments, progress: Progress) -> Self {
        Self {
            server,
            arguments,
            progress,
            running: Mutex::default(),
        }
    }

    /// Runs every load on every contestant.
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

    /// The numbers of callers to run with. With a rate there is only one load, and the largest number sets the
    /// responder's concurrency.
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
        let ours = Framework::new(&ends, sqs, callers, prefer)?;
        let rpc = self.measure(ours, Name::SqsRpc, &load, payload).await?;
        outcomes.push(outcome(Name::SqsRpc, None, &rpc));
        match self.arguments.compare {
            None => {}
            Some(Compare::Unbatched) => {
                let ends = self.server.ends().await?;
                let ours = Framework::unbatched(&ends, sqs, callers)?;
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

    /// Deletes all remaining queues, also after an interrupt or a failure.
    pub(super) async fn clean_up(&self) {
        let running = self.set_running(None);
        if let Some(contestant) = running {
            contestant.end().await;
        }
        self.server.delete_queues().await;
    }

    fn set_running(&self, contestant: Option<Arc<dyn Contestant>>) -> Option<Arc<dyn Contestant>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *running, contestant)
    }

    /// Runs `run` and reports a silence on stderr, unless the load itself has fewer than one reply per second.
    async fn watched<T>(&self, load: &Load, run: impl Future<Output = T>) -> T {
        if self.server.is_model() || load.is_slow() {
            return run.await;
        }
        tokio::select! {
            biased;
            result = run => result,
            never = self.progress.watch() => match never {},
        }
    }

    /// Starts a contestant, warms it up, runs the load, and stops the contestant.
    async fn measure(
        &self,
        contestant: impl Contestant + 'static,
        name: Name,
        load: &Load,
        payload: usize,
    ) -> Result<Rpc, Failure> {
        let contestant: Arc<dyn Contestant> = Arc::new(contestant);
        self.set_running(Some(Arc::clone(&contestant)));
        contestant.start().await?;
        self.progress
            .begin(&format!("{load}, {payload} B, {name}"), load.requests());
        tracing::debug!(%load, payload, %name, "starting a run");
        let body = "x".repeat(payload);
        let warm_up = load.warm_up();
        self.watched(
            load,
            warm_up.put_on(&contestant, &body, self.progress.warm_up()),
        )
        .await?;

        let (calls, cpu) = (self.server.calls.snapshot(), cpu_time());
        let timing = load.put_on(&contestant, &body, self.progress.tick());
        let timing = self.watched(load, timing).await?;
        let calls = self.server.calls.snapshot().since(&calls);
        // In the model SQS runs in this process, so its CPU time cannot be separated.
        let cpu = cpu_since(cpu).filter(|_| !self.server.is_model());
        contestant.stop().await;
        self.set_running(None);
        Ok(Rpc::new(&timing, &calls, cpu))
    }
}
