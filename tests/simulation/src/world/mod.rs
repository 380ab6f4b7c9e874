//! Runs a plan: one seed, one runtime, and no clock but [`TrueTime`].
//!
//! Owns: the order of the events in a run, and the regular checks of the oracle. The end of a run is always the same, see
//! `ending`: all faults stop, every living requester sends requests again, and the oracle makes the final checks.

mod ending;
mod process;
mod queues;
mod ring;
mod start;
mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use sqs_responder::InMemoryReplyStore;
use sqs_rpc_transport::{Clock, Stats};

use self::process::{Parts, Process};
use crate::coverage::Coverage;
use crate::network::Network;
use crate::oracle::{ActionTable, CallTable, Oracle, Promises, Violation};
use crate::plan::Plan;
use crate::process::{Gate, LifeId, ProcessClock};
use crate::time::TrueTime;
use crate::trace::{Keep, Trace};

/// When processes start: later than a second after the creation of the queues.
const START: Duration = Duration::from_secs(2);
/// The interval of the oracle's regular checks.
const LOOK: Duration = Duration::from_secs(1);

/// The number of deliveries before a message goes to the dead-letter queue.
const MOST_RECEIVES: u32 = 5;

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The first violation.
    pub violation: Option<Violation>,
    /// The counts of faults and checks.
    pub coverage: Coverage,
    /// The hash of the trace, and the number of its lines, if it was kept.
    pub trace: (u64, u64),
    /// The lines, if they were kept.
    pub lines: Vec<String>,
    /// The calls of each process over time.
    pub calls: CallTable,
    /// The calls of owners, by action.
    pub owner_calls: ActionTable,
    /// The counters of each life at its end.
    pub stats: BTreeMap<LifeId, Stats>,
    /// The number of messages in the dead-letter queues at the end.
    pub dead_letters: usize,
}

/// Runs a plan to its end, or to the first violation.
///
/// # Panics
/// If the Tokio runtime cannot be created, or if the plan is invalid.
#[must_use]
pub fn run(plan: &Plan, keep: Keep) -> Report {
    // Tasks and handles dropped after the end of the runtime have no network, and their actions are not checked.
    let (report, oracle, gates) = TrueTime::run(async |time| {
        let mut world = World::new(plan, time, keep);
        world.play().await;
        world.report()
    });
    gates.iter().for_each(Gate::bury);
    oracle.forget();
    report
}

struct World<'a> {
    plan: &'a Plan,
    time: TrueTime,
    trace: Trace,
    oracle: Oracle,
    network: Network,
    processes: BTreeMap<usize, Process>,
    /// The handles of killed processes, kept because a crash drops nothing.
    graveyard: Vec<Parts>,
    gates: Vec<Gate>,
    stats: BTreeMap<LifeId, Stats>,
    /// The reply store that responders share if the plan says so.
    store: InMemoryReplyStore,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, time: TrueTime, keep: Keep) -> Self {
        let trace = Trace::new(keep);
        let windows: Vec<_> = plan.windows().cloned().collect();
        let promises = Promises {
            most_receives: plan.redriven.unwrap_or(MOST_RECEIVES),
            one_store: plan.one_store,
            ..plan.promises
        };
        let oracle = Oracle::new(time.clone(), trace.clone(), promises, windows.clone());
        // The store runs on its own machine, whose clock is right.
        let clock = Clock::from_source(ProcessClock::new(time.clone(), 0, 0));
        let store = InMemoryReplyStore::default().with_clock(clock);
        let network = Network::new(plan.seed, time.clone(), oracle.clone(), windows);
        Self {
            plan,
            time,
            trace,
            oracle,
            network,
            processes: BTreeMap::new(),
            graveyard: Vec::new(),
            gates: Vec::new(),
            stats: BTreeMap::new(),
            store,
        }
    }

    async fn play(&mut self) {
        self.make_queues();
        self.time.until(START).await;
        for process in self.plan.processes() {
            self.start(process.clone(), 0);
        }
        for step in self.plan.steps() {
            if !self.look_until(START + step.at).await {
                return;
            }
            self.take(step);
        }
        if self.look_until(START + self.plan.length).await && self.heal().await {
            self.ask_all_again().await;
            if self.oracle.violation().is_none() {
                self.watch_ring().await;
            }
        }
    }

    /// Lets the run continue until `at`, with regular checks. Returns `false` after a violation.
    async fn look_until(&mut self, at: Duration) -> bool {
        loop {
            if self.oracle.violation().is_some() {
                return false;
            }
            let next = (self.time.now() + LOOK).min(at);
            if self.time.now() >= at {
                return true;
            }
            self.time.until(next).await;
            self.look();
        }
    }

    fn look(&mut self) {
        self.oracle.looks_at_pending();
        self.oracle.looks_at_due();
        self.oracle.looks_at_owners();
        for process in self.processes.values() {
            if process.link.gate.is_open() {
                process.look_at_caps(&self.oracle);
            }
        }
        self.collect_dead();
    }

    fn collect_dead(&mut self) {
        for process in self.processes.values_mut() {
            if process.link.gate.is_killed() && !matches!(process.parts, Parts::Gone) {
                let parts = std::mem::replace(&mut process.parts, Parts::Gone);
                self.stats.insert(process.link.life, parts.stats());
                self.graveyard.push(parts);
            }
        }
    }
}
