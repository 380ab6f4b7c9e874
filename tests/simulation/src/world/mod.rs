//! Runs a plan: one seed, one runtime, no clock but [`TrueTime`].
//!
//! Owns: the order of what happens in a run, and the looks of the oracle from time to time. The end of a run is always
//! the same, see `ending`: all faults stop, everything that lives is asked once more, and the oracle looks at what is
//! left.

mod ending;
mod process;
mod queues;
mod ring;
mod start;
mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use sqs_responder::InMemoryReplyStore;
use sqs_virtual_queues::Stats;
use sqs_virtual_queues::sqs::Clock;

use self::process::{Parts, Process};
use self::queues::MOST_RECEIVES;
use crate::coverage::Coverage;
use crate::network::Network;
use crate::oracle::{ActionTable, CallTable, Oracle, Promises, Violation};
use crate::plan::Plan;
use crate::process::{Gate, LifeId, ProcessClock};
use crate::time::TrueTime;
use crate::trace::{Keep, Trace};

/// Processes start when the queues have been there for longer than a second.
const START: Duration = Duration::from_secs(2);
/// So often the oracle looks at what is pending.
const LOOK: Duration = Duration::from_secs(1);

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The first thing that was wrong.
    pub violation: Option<Violation>,
    /// How often what took place.
    pub coverage: Coverage,
    /// The hash of the trace, and the number of its lines, if it was kept.
    pub trace: (u64, u64),
    /// The lines, if they were kept.
    pub lines: Vec<String>,
    /// What each process did, by time.
    pub calls: CallTable,
    /// Calls of owners, by action.
    pub owner_calls: ActionTable,
    /// The counters of each life at its end.
    pub stats: BTreeMap<LifeId, Stats>,
    /// Messages in the dead-letter queue at the end.
    pub dead_letters: usize,
}

/// Runs a plan to its end, or to the first thing that is wrong.
///
/// # Panics
/// If there is no Tokio runtime to be had, and if the plan itself is wrong.
#[must_use]
pub fn run(plan: &Plan, keep: Keep) -> Report {
    // What is dropped from the runtime's end on has no network, and nobody looks at what it does.
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
    /// Handles of those who were killed: a crash drops nothing.
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
        // Of a machine of its own, whose clock is right.
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

    /// Goes on until then, and looks from time to time. `false` if something was wrong.
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
