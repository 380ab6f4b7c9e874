//! What is done to a contestant.
//!
//! Owns: the order of the runs of each scenario. Does not own: load, server, contestants. Invariant: contestants that
//! are compared run one after the other on the same server, each on queues of its own.

mod half_load;
mod idle;
mod outage;
mod pending;
mod rpc;
mod scale;

use std::fmt;
use std::sync::Arc;

use clap::ValueEnum as _;
use sqs_rpc::virtual_queues::sqs::Prefer;

use super::contestant::{Bare, Contestant, Ends, Framework, Name};
use super::load::Load;
use super::outcome::Outcome;
use super::progress::Progress;
use super::server::Server;
use crate::clock::{cpu_since, cpu_time};
use crate::failure::Failure;

/// A scenario, as a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Scenario {
    /// Requests of so many callers at a time, for each of the payloads
    Rpc,
    /// Requests at half the rate that 256 callers reach, batched and not
    HalfLoad,
    /// An hour in which a requester with a host of its own does nothing; in the model only
    IdleHour,
    /// Ten minutes in which every call fails, and one caller keeps trying; in the model only
    Outage,
    /// Virtual queues on one host, from ten to a million: memory, creation, messages
    Scale,
    /// 100,000 requests that nobody answers: memory and threads
    Pending,
}

/// What all scenarios need.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) concurrency: Vec<usize>,
    pub(super) payload: Vec<usize>,
    pub(super) requests: u64,
    /// What the framework is set to.
    pub(super) prefer: Prefer,
    /// Who runs beside the framework.
    pub(super) compare: Option<Name>,
    pub(super) progress: Progress,
}

impl Scenario {
    /// Whether it only makes sense in virtual time.
    pub(super) const fn needs_model(self) -> bool {
        matches!(self, Self::IdleHour | Self::Outage)
    }

    pub(super) async fn run(self, bench: &Bench) -> Result<Vec<Outcome>, Failure> {
        match self {
            Self::Rpc => rpc::run(bench).await,
            Self::HalfLoad => half_load::run(bench).await,
            Self::IdleHour => idle::run(bench).await,
            Self::Outage => outage::run(bench).await,
            Self::Scale => scale::run(bench).await,
            Self::Pending => pending::run(bench).await,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_possible_value() {
            Some(value) => f.write_str(value.get_name()),
            None => write!(f, "{self:?}"),
        }
    }
}

impl Bench {
    /// Puts a load on a contestant that is warm, and stops it.
    async fn measure(
        &self,
        contestant: impl Contestant + 'static,
        run: Run<'_>,
    ) -> Result<Outcome, Failure> {
        let contestant: Arc<dyn Contestant> = Arc::new(contestant);
        let label = format!("{}, {}", run.label, run.contestant);
        self.progress.begin(&label, run.load.requests());
        let body = "x".repeat(run.payload);
        run.load.warm_up().put_on(&contestant, &body, || ()).await?;

        let (calls, cpu) = (self.server.calls.snapshot(), cpu_time());
        let tick = self.progress.tick();
        let timing = run.load.put_on(&contestant, &body, tick).await?;
        let calls = self.server.calls.snapshot().since(&calls);
        // In the model SQS computes in this very process.
        let cpu = cpu_since(cpu).filter(|_| !self.server.is_model());
        contestant.stop().await;
        Ok(Outcome::of_load(
            run.label,
            run.contestant,
            &timing,
            &calls,
            cpu,
        ))
    }

    async fn framework(&self, ends: &Ends, concurrency: usize) -> Result<Framework, Failure> {
        let sqs = |client: &_| self.server.sqs(client);
        Framework::start(ends, sqs, concurrency, self.prefer).await
    }

    async fn unbatched(&self, ends: &Ends, concurrency: usize) -> Result<Framework, Failure> {
        let sqs = |client: &_| self.server.sqs(client);
        Framework::unbatched(ends, sqs, concurrency).await
    }

    /// The bare program, on a reply queue of its own.
    async fn bare(&self, ends: &Ends, polls: usize, concurrency: usize) -> Result<Bare, Failure> {
        let replies = self.server.queue(&ends.asking, "replies").await?;
        Ok(Bare::start(ends, &replies, polls, concurrency))
    }
}

/// One run.
struct Run<'a> {
    label: &'a str,
    contestant: Name,
    load: Load,
    payload: usize,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench")
            .field("concurrency", &self.concurrency)
            .field("payload", &self.payload)
            .field("requests", &self.requests)
            .field("prefer", &self.prefer)
            .field("compare", &self.compare)
            .finish_non_exhaustive()
    }
}
