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

/// The time that all threads of this process have computed so far; `None` where the system does not say.
#[cfg(unix)]
pub(crate) fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    ))
}

/// Windows says it to unsafe code only.
#[cfg(not(unix))]
pub(crate) fn cpu_time() -> Option<Duration> {
    None
}

/// What was added to [`cpu_time`] since.
pub(crate) fn cpu_since(before: Option<Duration>) -> Option<Duration> {
    Some(cpu_time()?.saturating_sub(before?))
}
