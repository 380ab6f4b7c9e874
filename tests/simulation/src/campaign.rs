//! Many seeds, on all cores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::coverage::Coverage;
use crate::judge::{Failure, judge, plan};
use crate::scenarios::{self, Scenario};
use crate::trace::Keep;

/// Which seeds.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The first.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// Only this scenario; else what each seed says.
    pub scenario: Option<&'static Scenario>,
    /// Threads.
    pub threads: usize,
    /// Go on after a seed has failed.
    pub keep_going: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Seeds that were run.
    pub ran: u64,
    /// What took place how often.
    pub coverage: Coverage,
    /// The seeds that failed, and how.
    pub failed: BTreeMap<u64, Failure>,
}

impl Campaign {
    /// The scenario of a seed.
    #[must_use]
    pub fn scenario_of(&self, seed: u64) -> Option<&'static Scenario> {
        self.scenario.or_else(|| scenarios::of_seed(seed))
    }

    /// Runs the seeds until all have been run, one fails (unless it is to keep going), or `go_on` says no. `go_on` is
    /// told after each what there is so far, and how that one failed.
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
            // This thread is one of them: with no other, an allocation takes no lock.
            work();
        });
        outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
