//! The cost of runs in real time, processor time and memory, and seeds that were never run before.
//!
//! The only module of this program that reads the machine's clocks and counters. Runs do not depend on them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the clock module")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A first seed that was never used before, because it depends on the time.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs() * 100_000
}

/// The processor time of this program in user mode so far, in units of 10 ms. `None` on systems other than Linux.
pub(crate) fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in brackets and may contain spaces.
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks: u64 = after_name.split_whitespace().nth(11)?.parse().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// The resident memory of this program, in MiB. `None` on systems other than Linux.
pub(crate) fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let kib = lines.find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = kib.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1_024)
}
