//! A timer for a loop that also waits for other events.
//!
//! Owns: one sleep, kept from turn to turn. Does not own: when the alarm is due. Most turns of a loop only move the
//! alarm to a later time, so a new timer in each turn would be registered and dropped without use.

use futures::future::{self, BoxFuture};

use super::{Clock, Moment};

/// A timer that each turn of a loop can set again at the cost of one comparison.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use sqs_rpc_transport::{Alarm, Clock};
/// use std::time::{Duration, SystemTime};
///
/// let clock = Clock::tokio(SystemTime::UNIX_EPOCH);
/// let mut alarm = Alarm::new(clock.clone());
/// let at = clock.now() + Duration::from_secs(1);
/// tokio::select! {
///     () = alarm.until(Some(at)) => unreachable!("something else came first"),
///     () = async {} => {}
/// }
/// alarm.until(Some(at + Duration::from_secs(1))).await;
/// assert_eq!(clock.now().since(at), Duration::from_secs(1));
/// # }
/// ```
pub struct Alarm {
    clock: Clock,
    /// The current sleep and the moment at which it ends.
    sleep: Option<(Moment, BoxFuture<'static, ()>)>,
}

impl Alarm {
    /// A timer on this clock.
    #[must_use]
    pub const fn new(clock: Clock) -> Self {
        Self { clock, sleep: None }
    }

    /// Completes once the clock has reached `at`. Never completes if `at` is `None`.
    ///
    /// # Cancel safety
    /// Dropping it has no effect; the sleep is kept for the next call.
    pub async fn until(&mut self, at: Option<Moment>) {
        let Some(at) = at else {
            return future::pending().await;
        };
        loop {
            let sleep = match &mut self.sleep {
                // A sleep that ends early does no harm: the loop then sleeps for the remaining time.
                Some((end, sleep)) if *end <= at => sleep,
                other => &mut other.insert((at, self.clock.sleep_until(at))).1,
            };
            sleep.await;
            self.sleep = None;
            if self.clock.now() >= at {
                return;
            }
        }
    }
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alarm")
            .field("set_to", &self.sleep.as_ref().map(|(at, _)| at))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, SystemTime};

    use futures::FutureExt;

    use super::*;
    use crate::TimeSource;

    /// Counts the sleeps that are made.
    #[derive(Debug)]
    struct Counted(Clock, Arc<AtomicUsize>);

    impl TimeSource for Counted {
        fn now(&self) -> Moment {
            self.0.now()
        }

        fn wall(&self) -> SystemTime {
            self.0.wall()
        }

        fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.sleep_until(at)
        }
    }

    fn alarm() -> (Alarm, Clock, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let source = Counted(Clock::tokio(SystemTime::UNIX_EPOCH), Arc::clone(&made));
        let clock = Clock::from_source(source);
        (Alarm::new(clock.clone()), clock, made)
    }

    #[tokio::test(start_paused = true)]
    async fn moving_an_alarm_later_makes_no_new_sleep() {
        let (mut alarm, clock, made) = alarm();
        let start = clock.now();
        for turn in 1..=1_000 {
            let at = start + Duration::from_millis(turn);
            assert!(alarm.until(Some(at)).now_or_never().is_none());
        }
        assert_eq!(made.load(Ordering::Relaxed), 1);
        let at = start + Duration::from_millis(1_000);
        alarm.until(Some(at)).await;
        assert_eq!(clock.now(), at, "rings exactly at its time");
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn moving_an_alarm_earlier_makes_it_ring_earlier() {
        let (mut alarm, clock, _) = alarm();
        let start = clock.now();
        let late = start + Duration::from_secs(9);
        assert!(alarm.until(Some(late)).now_or_never().is_none());
        let early = start + Duration::from_secs(1);
        alarm.until(Some(early)).await;
        assert_eq!(clock.now(), early);
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_without_a_time_never_rings() {
        let (mut alarm, clock, _) = alarm();
        let at = clock.now() + Duration::from_secs(1);
        assert!(alarm.until(Some(at)).now_or_never().is_none());
        let never = clock.timeout_at(at + Duration::from_secs(1), alarm.until(None));
        assert!(never.await.is_err());
    }
}
