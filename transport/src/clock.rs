//! The crate's only clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::{self, BoxFuture};

/// A point on a process's monotonic clock, as the time since that clock began.
///
/// Unlike [`std::time::Instant`] it can be created from a plain number, so a pure state machine can be tested without
/// a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The moment `after` the clock began.
    #[must_use]
    pub const fn from_start(after: Duration) -> Self {
        Self(after)
    }

    /// Time since the clock began.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to this moment; zero if `earlier` is the later of the two.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// Saturates instead of overflowing: a deadline that means "never" stays unreachable.
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    /// Saturates at the start of the clock.
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

/// The time source of a [`Clock`].
///
/// A simulation gives each of its processes a time source with its own offset, drift or pauses.
pub trait TimeSource: fmt::Debug + Send + Sync + 'static {
    /// The monotonic time.
    fn now(&self) -> Moment;

    /// The wall clock's time, which may jump.
    fn wall(&self) -> SystemTime;

    /// Completes once [`now`](Self::now) has reached `at`.
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()>;
}

/// A clock: monotonic time, wall time and sleep. Cheap to clone; all clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Arc<dyn TimeSource>);

/// The error of [`Clock::timeout_at`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the timeout expired")]
pub struct Elapsed;

impl Clock {
    /// The machine's clocks, with Tokio's timer.
    #[must_use]
    pub fn system() -> Self {
        Self::from_source(SystemTimeSource {
            start: tokio_now(),
            wall: None,
        })
    }

    /// Tokio's clock for both times: the wall clock starts at `wall` and advances with Tokio's clock.
    ///
    /// For tests under Tokio's paused time, in which the machine's wall clock would not advance with Tokio's clock.
    #[must_use]
    pub fn tokio(wall: SystemTime) -> Self {
        Self::from_source(SystemTimeSource {
            start: tokio_now(),
            wall: Some(wall),
        })
    }

    /// A clock that returns the times of `source`.
    #[must_use]
    pub fn from_source(source: impl TimeSource) -> Self {
        Self(Arc::new(source))
    }

    /// The monotonic time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.0.now()
    }

    /// The wall clock's time.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    /// Sleeps until `at`. Completes at once if `at` is in the past.
    ///
    /// # Cancel safety
    /// Dropping it has no effect.
    pub fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at)
    }

    /// Sleeps for `duration`.
    ///
    /// # Cancel safety
    /// Dropping it has no effect.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now() + duration)
    }

    /// Runs `work` until it ends or `at` is reached, whichever comes first; `work` wins a tie.
    ///
    /// # Errors
    /// [`Elapsed`] when `at` was reached first. `work` has been dropped then.
    ///
    /// # Cancel safety
    /// That of `work`.
    pub async fn timeout_at<F: Future>(&self, at: Moment, work: F) -> Result<F::Output, Elapsed> {
        tokio::select! {
            biased;
            output = work => Ok(output),
            () = self.sleep_until(at) => Err(Elapsed),
        }
    }
}

#[derive(Debug)]
struct SystemTimeSource {
    start: tokio::time::Instant,
    /// The wall clock's time at `start`; `None` for the machine's own wall clock.
    wall: Option<SystemTime>,
}

impl TimeSource for SystemTimeSource {
    fn now(&self) -> Moment {
        Moment(tokio_now().duration_since(self.start))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock module")]
    fn wall(&self) -> SystemTime {
        match self.wall {
            Some(wall) => wall + self.now().since_start(),
            None => SystemTime::now(),
        }
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        // A deadline beyond the range of Tokio's timer is never reached, and adding it to an instant could overflow.
        match self.start.checked_add(at.since_start()) {
            Some(at) => tokio::time::sleep_until(at).boxed(),
            None => future::pending().boxed(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
fn tokio_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_neither_overflows_nor_goes_below_the_start() {
        let end = Moment::from_start(Duration::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(
            Moment::default() - Duration::from_secs(1),
            Moment::default()
        );
        assert_eq!(Moment::default().since(end), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_ends_at_its_moment() {
        let clock = Clock::tokio(SystemTime::UNIX_EPOCH);
        let (start, wall) = (clock.now(), clock.wall());
        clock.sleep(Duration::from_millis(1500)).await;
        assert_eq!(clock.now().since(start), Duration::from_millis(1500));
        assert_eq!(
            clock.wall().duration_since(wall).unwrap(),
            Duration::from_millis(1500)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_too_long_is_dropped() {
        let clock = Clock::tokio(SystemTime::UNIX_EPOCH);
        let at = clock.now() + Duration::from_secs(1);
        assert_eq!(
            clock.timeout_at(at, future::pending::<()>()).await,
            Err(Elapsed)
        );
        assert_eq!(clock.now(), at);
        assert_eq!(clock.timeout_at(at, future::ready(7)).await, Ok(7));
    }
}
