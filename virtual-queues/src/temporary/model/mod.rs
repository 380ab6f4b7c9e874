//! Large rings in virtual time: the cores of leases and of the ring as they are, SQS as a map.
//!
//! Thousands of processes make hosts, renew their leases and watch each other in peace; some hosts have no owner, and a part of
//! the processes may be killed at once. It counts what the goals P13 and P14 bound. Faults, wrong clocks and pauses are the
//! simulation's (`tests/simulation`), which runs whole processes and cannot run so many.
//!
//! Two invariants are checked after each event: no live host is deleted by another process (I5), and a dead host is gone within
//! its bound (I6). The same seed does the same.

mod queues;
mod scenarios;
mod world;

use std::time::Duration;

/// R and P of all processes.
const RETENTION: Duration = Duration::from_secs(300);
const PERIOD: Duration = Duration::from_secs(300);
/// How stale tags and lists may be, in ms.
const STALE: u64 = 60_000;

/// What happens in a run.
#[derive(Debug, Clone, Copy)]
struct Scenario {
    seed: u64,
    /// Processes that begin within the first minute.
    processes: usize,
    /// Hosts without an owner, from the beginning.
    dead: usize,
    /// A part of the processes that ends without a word after so many seconds.
    killed: Option<(u64, f64)>,
    lasts: Duration,
}

impl Scenario {
    fn new(seed: u64, processes: usize) -> Self {
        Self {
            seed,
            processes,
            dead: 0,
            killed: None,
            lasts: Duration::from_secs(1_920),
        }
    }
}

/// What a run showed.
#[derive(Debug, Default)]
struct Report {
    /// What must not be.
    violations: Vec<String>,
    /// Dead hosts deleted by others.
    cleaned: usize,
    /// Dead hosts that are still there at the end.
    left: usize,
    /// Calls for watching: list, read, delete; by process, from the third minute on.
    watching: Vec<u64>,
    /// Renewals, in buckets of 15 s.
    renewals: Vec<u64>,
}
