//! The only module that reads a clock.
//!
//! SQS's time is the wall time at the start plus the time that has passed on tokio's monotonic clock. So if a test
//! pauses or advances tokio's clock, SQS's time does the same.

use crate::engine::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// SQS's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    wall: Timestamp,
}

impl Clock {
    /// A clock that now shows `wall`, or the system's time if `wall` is `None`.
    #[expect(clippy::disallowed_methods, reason = "this is the clock module")]
    pub(crate) fn start(wall: Option<SystemTime>) -> Self {
        let wall = wall.unwrap_or_else(SystemTime::now);
        let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self {
            started: Instant::now(),
            wall: Timestamp::default().plus(since_epoch),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.wall.plus(self.started.elapsed())
    }

    /// The instant at which this clock shows `at`.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        self.started + at.since(self.wall)
    }
}

/// Tokio's clock, for waits that do not depend on SQS's time.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Returns a function that measures the time since this call, on tokio's clock.
#[cfg(feature = "contract")]
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub(crate) fn stopwatch() -> impl Fn() -> Duration {
    let started = Instant::now();
    move || started.elapsed()
}
