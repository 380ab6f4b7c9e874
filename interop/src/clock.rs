//! How long something took, and when it was.
//!
//! The one place of this crate that reads a clock.

use std::fmt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A stopwatch that runs from its making; it displays what it shows.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the clock module")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl fmt::Display for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.elapsed().as_secs_f64())
    }
}

/// Now, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn unix_seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}
