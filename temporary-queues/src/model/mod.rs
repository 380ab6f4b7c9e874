//! Large rings in virtual time: the real cores of leases and of the ring, with SQS as a map.
//!
//! Thousands of processes create hosts, renew their leases and watch each other without faults. Some hosts have no owner,
//! and a part of the processes may be killed at once. The model counts the calls that the goals P13 and P14 limit. Faults,
//! wrong clocks and pauses are tested by the simulation (`tests/simulation`), which runs whole processes, but fewer.
//!
//! Two invariants are checked: no live host is deleted by another process (I5), and a dead host is deleted within a time
//! limit (I6). Runs with the same seed are identical.

mod queues;
mod scenarios;
mod world;

use std::time::Duration;

/// R and P of all processes.
const RETENTION: Duration = Duration::from_secs(300);
const PERIOD: Duration = Duration::from_secs(300);
/// The maximum staleness of tags and lists, in ms.
const STALE: u64 = 60_000;

/// The setup of a run.
#[derive(Debug, Clone, Copy)]
struct Scenario {
    seed: u64,
    /// The number of processes. They start within the first minute.
    processes: usize,
    /// The number of hosts that have no owner from the beginning.
    dead: usize,
    /// After this number of seconds, this part of the processes is killed.
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

/// The results of a run.
#[derive(Debug, Default)]
struct Report {
    /// The violations of invariants.
    violations: Vec<String>,
    /// The number of dead hosts that other processes have deleted.
    cleaned: usize,
    /// The number of dead hosts that still exist at the end.
    left: usize,
    /// The number of calls for watching (list, read, delete) of each process, from the third minute on.
    watching: Vec<u64>,
    /// The number of renewals in each 15 s.
    renewals: Vec<u64>,
}
