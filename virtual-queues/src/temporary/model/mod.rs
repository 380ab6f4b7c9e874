//! Rings in virtual time: all cores as they are, SQS as a map.
//!
//! Thousands of processes, each with clocks of its own that drift, jump and stand still, make hosts, renew their leases
//! and watch each other; calls are throttled, lost, or take effect hours later; lists and tags are read stale. After
//! every event the invariants are checked: no live host is deleted by another process (I5), and a dead one is gone
//! within its bound (I6). The same seed does the same. A mechanism can be taken out ([`Mutant`]), and then something
//! must be seen to fail.

mod clocks;
mod mutants;
mod process;
mod queues;
mod scenarios;
mod world;

use std::time::Duration;

/// A mechanism that is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    None,
    /// Owners never give a host up.
    NoFence,
    /// Owners measure by their monotonic clocks alone.
    MonotonicFence,
    /// Watchers take their own wall clocks for SQS's time.
    LocalWallVerdict,
    /// A walk stops at a living owner, whether it watches or not.
    StopsAtNonWatching,
    /// Owners do not remember renewals of unknown outcome.
    ForgetsUnknown,
    /// A renewal of unknown outcome counts as one that was acknowledged.
    UnknownCounts,
    /// Renewals are written under two keys in turn, and again under the one of unknown outcome.
    ReusesBlockedKeys,
    /// Watchers read the first key only.
    FirstKeyOnly,
    /// A stamp in the future counts as life.
    FutureStopsWalk,
    /// Leases are written by a call after CreateQueue.
    TagsAfterwards,
    /// Renewals end with the first one that is throttled.
    HeartbeatDies,
    /// A process never looks at hosts of its own UUID, not even at those that it does not know of.
    SkipsStrays,
    /// Parts are not cut: a list shows 1,000 names and no more.
    OnePage,
}

/// What happens in a run.
#[derive(Debug, Clone)]
struct Scenario {
    seed: u64,
    mutant: Mutant,
    /// Processes that begin within the first minute.
    processes: usize,
    /// Hosts without an owner, from the beginning.
    dead: usize,
    retention: Vec<u64>,
    period: u64,
    lasts: Duration,
    /// Part of the processes that do not watch.
    idle_watchers: f64,
    /// Processes that end without a word at this time, out of all that began at the start.
    killed: Option<(u64, f64)>,
    /// Every process lives for about so long and is replaced by a new one.
    lives: Option<u64>,
    /// All processes are replaced by new ones at this time.
    deployed: Option<u64>,
    /// Local clocks are wrong by up to so many seconds, and drift.
    wrong_clocks: i64,
    /// Processes are paused now and then for up to so many seconds.
    pauses: u64,
    /// A part of these pauses stops the wall clock, too.
    frozen: bool,
    /// How stale tags and lists may be, in seconds.
    stale: u64,
    /// Parts of calls that are throttled, that have no answer, and whose effect comes late.
    throttled: f64,
    lost: f64,
    late: f64,
    /// Every so many renewals of a host, one has no answer: it lands at once, up to half an hour later, or never.
    unknown_every: Option<u64>,
    /// Nothing but throttling for TagQueue between these times.
    no_tagging: Option<(u64, u64)>,
    /// Parts of answers without a date, and the seconds that others are wrong by.
    no_date: f64,
    wrong_dates: i64,
    /// Stamps in the future are written to some dead hosts.
    future_stamps: bool,
}

impl Scenario {
    fn healthy(seed: u64, processes: usize) -> Self {
        Self {
            seed,
            mutant: Mutant::None,
            processes,
            dead: 0,
            retention: vec![300],
            period: 300,
            lasts: Duration::from_secs(3_600),
            idle_watchers: 0.0,
            killed: None,
            lives: None,
            deployed: None,
            wrong_clocks: 0,
            pauses: 0,
            frozen: false,
            stale: 0,
            throttled: 0.0,
            lost: 0.0,
            late: 0.0,
            unknown_every: None,
            no_tagging: None,
            no_date: 0.0,
            wrong_dates: 0,
            future_stamps: false,
        }
    }

    /// Everything at once.
    fn rough(seed: u64, processes: usize) -> Self {
        Self {
            retention: vec![60, 300, 300, 900, 3_600],
            idle_watchers: 0.1,
            lives: Some(3_000),
            wrong_clocks: 600,
            pauses: 900,
            frozen: true,
            stale: 60,
            throttled: 0.05,
            lost: 0.03,
            late: 0.7,
            no_date: 0.05,
            wrong_dates: 5,
            lasts: Duration::from_secs(4 * 3_600),
            ..Self::healthy(seed, processes)
        }
    }
}

/// What a run showed.
#[derive(Debug, Default)]
struct Report {
    /// What must not be.
    violations: Vec<String>,
    created: u64,
    /// Dead hosts deleted by others, with the seconds from death to deletion.
    cleaned: Vec<u64>,
    /// Dead hosts that are still there at the end, with their age.
    left: Vec<u64>,
    /// Hosts that owners gave up although they lived.
    given_up: u64,
    /// Hosts that owners deleted, after a newer one had taken their place.
    drained: u64,
    /// Calls for watching: list, read, delete; by process, from the third minute on.
    watching: Vec<u64>,
    /// Renewals, in buckets of 15 s.
    renewals: Vec<u64>,
}
