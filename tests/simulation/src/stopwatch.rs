//! Real time, for the person who waits: how fast seeds are, and which have not been run yet.
//!
//! The one place of this program that reads the machine's clocks. Nothing in a run sees them.

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

/// A seed from which nobody has started before.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs() * 100_000
}
