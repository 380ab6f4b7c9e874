//! Calls: how many each process made, and what other programs put on queues.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use local_sqs::engine::Action;

use crate::process::LifeId;

const SECOND: Duration = Duration::from_secs(1);

/// Calls are counted in buckets of so many seconds.
pub const BUCKET: u64 = 5;

/// What each process did in each bucket.
pub type CallTable = BTreeMap<(usize, u64), Counts>;

/// What a process did in one bucket of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that the framework made.
    pub calls: u64,
    /// Those of them that send.
    pub sends: u64,
    /// Attempts that the SDK made besides.
    pub repeats: u64,
    /// Messages that SQS handed out, and whose body it had handed out before: copies, and what came again.
    pub copies: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.sends += other.sends;
        self.repeats += other.repeats;
        self.copies += other.copies;
    }
}

/// When each life last made calls of each action that did nothing.
#[derive(Debug, Default)]
pub(crate) struct Rates(HashMap<(LifeId, Action), VecDeque<Duration>>);

/// A message that some other program has put on a queue.
#[derive(Debug, Clone)]
pub(crate) struct Strange {
    pub(crate) body: String,
    /// Deliveries, without those of what SQS should hide.
    pub(crate) times: u32,
    pub(crate) first: Option<Duration>,
    pub(crate) hidden_until: Duration,
}

impl Rates {
    pub(crate) fn fruitless(&mut self, life: LifeId, action: Action, now: Duration) -> usize {
        let times = self.0.entry((life, action)).or_default();
        times.push_back(now);
        forget(times, now, SECOND);
        times.len()
    }
}

fn forget(times: &mut VecDeque<Duration>, now: Duration, after: Duration) {
    while times.front().is_some_and(|at| *at + after < now) {
        times.pop_front();
    }
}
