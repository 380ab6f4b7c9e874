//! True time: what the runtime's paused clock says, and SQS's clock, which is never wrong.
//!
//! The one place of this crate that reads a clock. Processes see it through clocks of their own, see
//! [`process`](crate::process).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use local_sqs::engine::Timestamp;
use tokio::time::Instant;

/// SQS's time at the start of every run, in milliseconds since the epoch.
const START: u64 = 1_790_000_000_000;

/// The clock of the world. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct TrueTime {
    start: Instant,
}

impl TrueTime {
    /// Starts now. Needs a runtime whose clock is paused.
    #[expect(clippy::disallowed_methods, reason = "the clock module")]
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// SQS's time.
    #[must_use]
    pub fn sqs(&self) -> Timestamp {
        Timestamp::from_millis(START).plus(self.now())
    }

    /// SQS's time as the standard library has it.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.sqs().as_millis())
    }

    /// The instant at which an engine's timestamp is reached.
    #[must_use]
    pub fn instant(&self, at: Timestamp) -> Instant {
        self.start + at.since(Timestamp::from_millis(START))
    }

    /// Sleeps until so long after the start.
    pub async fn until(&self, at: Duration) {
        tokio::time::sleep_until(self.start + at).await;
    }
}
