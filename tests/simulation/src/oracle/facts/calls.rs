//! The facts about calls: their number per process, the calls without effect, and the messages of other programs.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use local_sqs::engine::Action;

use crate::process::LifeId;

const SECOND: Duration = Duration::from_secs(1);

/// The length of the buckets in which calls are counted, in seconds.
pub const BUCKET: u64 = 5;

/// The calls of each process in each bucket.
pub type CallTable = BTreeMap<(usize, u64), Counts>;

/// The calls of a process in one bucket of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of calls that the framework made.
    pub calls: u64,
    /// The number of sends among these calls.
    pub sends: u64,
    /// The number of retries by the SDK.
    pub repeats: u64,
    /// The number of delivered messages whose body SQS had delivered before: copies and redelivered messages.
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

/// The times of the last calls of each life and action that failed or returned nothing.
#[derive(Debug, Default)]
pub(crate) struct Rates(HashMap<(LifeId, Action), VecDeque<Duration>>);

/// A message that another program has sent to a queue.
#[derive(Debug, Clone)]
pub(crate) struct Strange {
    pub(crate) body: String,
    /// The number of deliveries, without duplicates that SQS delivered while the message was hidden.
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
