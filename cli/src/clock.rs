//! Stopwatch, wall time and CPU time. The only module of this crate that reads a clock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A stopwatch on tokio's clock that runs from its creation; with a paused clock it measures virtual time.
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

/// The current wall-clock time.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn wall_time() -> SystemTime {
    SystemTime::now()
}

/// The CPU time of all threads of this process so far; `None` if the system does not report it.
#[cfg(unix)]
pub(crate) fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    ))
}

/// On Windows the CPU time is only available to unsafe code.
#[cfg(not(unix))]
pub(crate) fn cpu_time() -> Option<Duration> {
    None
}

/// The CPU time that was used since `before`.
pub(crate) fn cpu_since(before: Option<Duration>) -> Option<Duration> {
    Some(cpu_time()?.saturating_sub(before?))
}
