//! How long something took. The one place of this crate that reads a clock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A stopwatch that runs from its making, on tokio's clock: under a paused one it shows virtual time.
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

/// What the clock on the wall shows.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn wall_time() -> SystemTime {
    SystemTime::now()
}

/// The time that all threads of this process have computed so far.
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}
