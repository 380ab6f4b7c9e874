//! The timer of a loop that waits for other things, too.
//!
//! Owns: one sleep, kept from turn to turn. Does not own: when it is to end. A loop has many turns before its alarm, and
//! most turns move that to later: a timer made in each would be made, registered and thrown away for nothing.

use futures::future::{self, BoxFuture};

use super::{Clock, Moment};

/// A timer that can be set again in each turn of a loop, at the price of a comparison.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use sqs_virtual_queues::sqs::{Alarm, Clock};
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
    /// A sleep that has not ended, and when it does.
    sleep: Option<(Moment, BoxFuture<'static, ()>)>,
}

impl Alarm {
    /// A timer on this clock.
    #[must_use]
    pub const fn new(clock: Clock) -> Self {
        Self { clock, sleep: None }
    }

    /// Completes once the clock has reached `at`; never if that is `None`.
    ///
    /// # Cancel safety
    /// Dropping it has no effect; the sleep is kept for the next call.
    pub async fn until(&mut self, at: Option<Moment>) {
        let Some(at) = at else {
            return future::pending().await;
        };
        loop {
            let sleep = match &mut self.sleep {
                // One that ends before its time is no harm: the rest is slept then, if it is still wanted.
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
    use crate::sqs::TimeSource;

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
    async fn one_that_is_put_off_makes_no_other_sleep() {
        let (mut alarm, clock, made) = alarm();
        let start = clock.now();
        for turn in 1..=1_000 {
            let at = start + Duration::from_millis(turn);
            assert!(alarm.until(Some(at)).now_or_never().is_none());
        }
        assert_eq!(made.load(Ordering::Relaxed), 1);
        let at = start + Duration::from_millis(1_000);
        alarm.until(Some(at)).await;
        assert_eq!(clock.now(), at, "and does not ring too early");
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_brought_forward_rings_earlier() {
        let (mut alarm, clock, _) = alarm();
        let start = clock.now();
        let late = start + Duration::from_secs(9);
        assert!(alarm.until(Some(late)).now_or_never().is_none());
        let early = start + Duration::from_secs(1);
        alarm.until(Some(early)).await;
        assert_eq!(clock.now(), early);
    }

    #[tokio::test(start_paused = true)]
    async fn none_never_rings() {
        let (mut alarm, clock, _) = alarm();
        let at = clock.now() + Duration::from_secs(1);
        assert!(alarm.until(Some(at)).now_or_never().is_none());
        let never = clock.timeout_at(at + Duration::from_secs(1), alarm.until(None));
        assert!(never.await.is_err());
    }
}
