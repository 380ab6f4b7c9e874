//! The clocks of one process. They are wrong as the plan says.
//!
//! **Invariant:** the monotonic clock never goes back. It may run fast or slow, or stop; the wall clock may also jump.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::BoxFuture;
use sqs_rpc_transport::{Moment, TimeSource};
use tokio::sync::Notify;

use crate::time::TrueTime;

/// The monotonic and the wall clock of a process. Cheap to clone; all clones show the same time.
#[derive(Debug, Clone)]
pub struct ProcessClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    time: TrueTime,
    state: Mutex<ClockState>,
    /// Notified when the relation between local and true time has changed.
    changed: Notify,
}

/// Local time is `local + (true - since) * rate`.
#[derive(Debug)]
struct ClockState {
    since: Duration,
    local: Duration,
    /// In millionths; 1,000,000 is right.
    rate: u64,
    stopped: bool,
    /// The offset of the wall clock in milliseconds, in addition to the drift that it shares with the monotonic clock.
    wall_offset: i64,
}

impl ProcessClock {
    /// A clock whose wall time is wrong by `offset_ms`, and which drifts by `drift_ppm` parts per million.
    #[must_use]
    pub fn new(time: TrueTime, offset_ms: i64, drift_ppm: i64) -> Self {
        let inner = Inner {
            state: Mutex::new(ClockState {
                since: time.now(),
                local: time.now(),
                rate: 1_000_000_u64.saturating_add_signed(drift_ppm),
                stopped: false,
                wall_offset: offset_ms,
            }),
            time,
            changed: Notify::new(),
        };
        Self(Arc::new(inner))
    }

    /// Moves the wall clock.
    pub fn step_wall(&self, by_ms: i64) {
        self.lock().wall_offset += by_ms;
    }

    /// Stops both clocks. [`go_on`](Self::go_on) says whether the wall clock was really stopped.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.catch_up(self.0.time.now());
        state.stopped = true;
    }

    /// Restarts the monotonic clock from where it stopped. `wall_stood`: whether the wall clock was stopped, too; if not, it
    /// jumps to the time that it would have now.
    pub fn go_on(&self, wall_stood: bool) {
        let mut state = self.lock();
        if !state.stopped {
            // Two pauses overlapped, and the end of the first ended both.
            return;
        }
        let now = self.0.time.now();
        let lost = now.saturating_sub(state.since);
        state.since = now;
        state.stopped = false;
        if !wall_stood {
            state.wall_offset += lost.as_millis() as i64;
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// The monotonic time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.lock().at(self.0.time.now())
    }

    fn lock(&self) -> MutexGuard<'_, ClockState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TimeSource for ProcessClock {
    fn now(&self) -> Moment {
        Moment::from_start(Self::now(self))
    }

    fn wall(&self) -> SystemTime {
        let state = self.lock();
        // Both clocks have the same drift, because they have the same crystal.
        let local = state.at(self.0.time.now());
        let start = self.0.time.wall() - self.0.time.now();
        let offset = Duration::from_millis(state.wall_offset.unsigned_abs());
        if state.wall_offset < 0 {
            start + local - offset
        } else {
            start + local + offset
        }
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        async move {
            let at = at.since_start();
            loop {
                // Created before the check, so that no later change is missed.
                let changed = clock.0.changed.notified();
                let wake = {
                    let state = clock.lock();
                    if state.at(clock.0.time.now()) >= at {
                        return;
                    }
                    state.reached(at)
                };
                match wake {
                    Some(wake) => tokio::select! {
                        biased;
                        () = changed => {}
                        () = clock.0.time.until(wake) => {}
                    },
                    None => changed.await,
                }
            }
        }
        .boxed()
    }
}

impl ClockState {
    fn at(&self, now: Duration) -> Duration {
        if self.stopped {
            return self.local;
        }
        self.local + scale(now.saturating_sub(self.since), self.rate, 1_000_000)
    }

    fn catch_up(&mut self, now: Duration) {
        self.local = self.at(now);
        self.since = now;
    }

    /// The true time at which local time `at` is reached. `None` if the clock is stopped, or `at` is more than 30 days away.
    fn reached(&self, at: Duration) -> Option<Duration> {
        let away = at.saturating_sub(self.local);
        if self.stopped || away > Duration::from_secs(30 * 86_400) {
            return None;
        }
        // Timers have whole milliseconds. The time is rounded up, including the nanoseconds that `scale` cuts off, because
        // a timer that fires early would be set again forever.
        let away = scale(away, 1_000_000, self.rate) + Duration::from_micros(1);
        let wake = (self.since + away).as_micros().div_ceil(1_000);
        Some(Duration::from_millis(u64::try_from(wake).ok()?))
    }
}

fn scale(duration: Duration, by: u64, of: u64) -> Duration {
    let nanos = duration.as_nanos() * u128::from(by) / u128::from(of.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    /// Timers are rounded up, so that they never fire early.
    const ROUNDED_UP: Duration = Duration::from_millis(1);

    #[test]
    fn a_fast_clock_wakes_early_and_has_its_offset() {
        TrueTime::run(async |time| {
            let clock = ProcessClock::new(time.clone(), -10_000, 100_000);
            clock.sleep_until(Moment::from_start(SECOND * 11)).await;
            assert_eq!(time.now(), SECOND * 10 + ROUNDED_UP);
            let gained = time.now() / 10;
            assert_eq!(clock.wall() + SECOND * 10, time.wall() + gained);
        });
    }

    #[test]
    fn a_clock_that_was_stopped_makes_sleeps_end_late() {
        TrueTime::run(async |time| {
            let clock = ProcessClock::new(time.clone(), 0, 0);
            let sleeper = tokio::spawn(clock.sleep_until(Moment::from_start(SECOND * 10)));
            time.until(SECOND * 5).await;
            clock.stop();
            time.until(SECOND * 35).await;
            assert_eq!(clock.now(), SECOND * 5);
            clock.go_on(false);
            assert_eq!(clock.wall(), time.wall(), "the wall clock was not stopped");
            assert!(sleeper.await.is_ok());
            assert_eq!(time.now(), SECOND * 40 + ROUNDED_UP);
        });
    }

    #[test]
    fn restarting_a_running_clock_does_not_set_it_back() {
        TrueTime::run(async |time| {
            let clock = ProcessClock::new(time.clone(), 0, 0);
            clock.stop();
            time.until(SECOND * 5).await;
            clock.go_on(false);
            time.until(SECOND * 15).await;
            clock.go_on(true);
            assert_eq!(clock.now(), SECOND * 10);
            assert_eq!(clock.wall(), time.wall());
        });
    }
}
