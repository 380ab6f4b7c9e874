//! Runs many seeds on several threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::coverage::Coverage;
use crate::judge::{Failure, judge, plan};
use crate::scenarios::{self, Scenario};
use crate::trace::Keep;

/// The seeds to run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The first seed.
    pub first: u64,
    /// The number of seeds.
    pub seeds: u64,
    /// The only scenario to run; `None`: the scenario or mix of each seed.
    pub scenario: Option<&'static Scenario>,
    /// The number of threads.
    pub threads: usize,
    /// Whether to continue after a seed has failed.
    pub keep_going: bool,
}

/// The result of a campaign.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The number of seeds that were run.
    pub ran: u64,
    /// The counts of faults and checks.
    pub coverage: Coverage,
    /// The seeds that failed, with their failures.
    pub failed: BTreeMap<u64, Failure>,
}

impl Campaign {
    /// The scenario of a seed.
    #[must_use]
    pub fn scenario_of(&self, seed: u64) -> Option<&'static Scenario> {
        self.scenario.or_else(|| scenarios::of_seed(seed))
    }

    /// Runs the seeds until all have run, a seed fails (unless `keep_going` is set), or `go_on` returns `false`. `go_on` is
    /// called after each seed with the results so far and the failure of that seed.
    pub fn run(&self, go_on: impl Fn(&Outcome, Option<(u64, &Failure)>) -> bool + Sync) -> Outcome {
        let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        let outcome = Mutex::new(Outcome::default());
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.seeds {
                    return;
                }
                let seed = self.first.wrapping_add(number);
                let scenario = self.scenario_of(seed);
                let verdict = judge(&plan(seed, scenario), scenario, Keep::Nothing);
                let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                outcome.ran += 1;
                outcome.coverage += &verdict.report.coverage;
                let failure = verdict.failure;
                let goes_on = go_on(&outcome, failure.as_ref().map(|failure| (seed, failure)));
                if !goes_on || (failure.is_some() && !self.keep_going) {
                    stop.store(true, Ordering::Relaxed);
                }
                outcome
                    .failed
                    .extend(failure.map(|failure| (seed, failure)));
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.threads {
                scope.spawn(work);
            }
            // This thread works, too: if it is the only thread, allocations take no lock.
            work();
        });
        outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
