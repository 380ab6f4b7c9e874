//! True time, and SQS's clock, which is never wrong.
//!
//! Owns: what time it is, and who sleeps until when. Time stands still while any task can run, and goes on to the next
//! sleeper's end when none can. Tokio's own paused clock does the same, and costs a run a seventh of its instructions.
//! Does not own: the clocks of processes, which are wrong; see [`process`](crate::process).
//!
//! **Invariant:** time is of whole milliseconds and never goes back, nobody sleeps past their end, and those with one end
//! are woken in the order in which they went to sleep.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use local_sqs::engine::Timestamp;

/// SQS's time at the start of every run, in milliseconds since the epoch.
const START: u64 = 1_790_000_000_000;

/// The clock of the world. Cheap to clone; clones tell the same time.
#[derive(Debug, Clone)]
pub struct TrueTime(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Milliseconds since the start.
    now: AtomicU64,
    sleepers: Mutex<Sleepers>,
    /// Wakes the runtime's own future.
    root: OnceLock<Waker>,
}

#[derive(Debug, Default)]
struct Sleepers {
    /// How many have gone to sleep so far.
    count: u64,
    /// By end, in milliseconds, and by number. All ends are in the future.
    wakers: BTreeMap<(u64, u64), Waker>,
}

/// A wait for a moment. Cancel safe: it can be dropped at any time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    time: TrueTime,
    /// In milliseconds since the start.
    end: u64,
    asleep: Option<Asleep>,
}

#[derive(Debug)]
struct Asleep {
    number: u64,
    /// Whom to wake. Most polls are those of the same task, and on behalf of something else.
    waker: Waker,
}

impl TrueTime {
    /// Runs `work` in a runtime of one thread, from the start of a time of its own. It has no Tokio clock.
    ///
    /// # Panics
    /// If there is no Tokio runtime to be had.
    pub fn run<T>(work: impl AsyncFnOnce(Self) -> T) -> T {
        let time = Self(Arc::new(Inner {
            now: AtomicU64::new(0),
            sleepers: Mutex::default(),
            root: OnceLock::new(),
        }));
        // Weak, because the root's waker knows the runtime, which knows this.
        let inner = Arc::downgrade(&time.0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .on_thread_park(move || {
                if let Some(inner) = inner.upgrade() {
                    inner.go_on();
                }
            })
            .build()
            .expect("a runtime needs no more than memory");
        // Not the root's own output: the runtime moves that, ready or not, each time it looks.
        let mut output = None;
        {
            let mut work = pin!(async { output = Some(work(time.clone()).await) });
            runtime.block_on(poll_fn(|cx| {
                time.0.root.get_or_init(|| cx.waker().clone());
                work.as_mut().poll(cx)
            }));
        }
        output.expect("the work has ended")
    }

    /// Time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_millis(self.millis())
    }

    /// SQS's time.
    #[must_use]
    pub fn sqs(&self) -> Timestamp {
        Timestamp::from_millis(START + self.millis())
    }

    /// SQS's time as the standard library has it.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.sqs().as_millis())
    }

    /// Sleeps until so long after the start, rounded up to a millisecond.
    pub fn until(&self, at: Duration) -> Sleep {
        let end = at.as_nanos().div_ceil(1_000_000);
        Sleep {
            time: self.clone(),
            end: u64::try_from(end).unwrap_or(u64::MAX),
            asleep: None,
        }
    }

    /// Sleeps for so long, rounded up to a millisecond.
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.until(self.now().saturating_add(time))
    }

    /// Sleeps until SQS's clock says so.
    pub fn until_sqs(&self, at: Timestamp) -> Sleep {
        self.until(at.since(Timestamp::from_millis(START)))
    }

    fn millis(&self) -> u64 {
        // Only the runtime's one thread reads and writes it.
        self.0.now.load(Ordering::Relaxed)
    }
}

impl Sleepers {
    fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

impl Inner {
    /// Nothing can run: goes on to the first end, and wakes whoever has slept so long.
    fn go_on(&self) {
        let first = self.lock().wakers.first_key_value().map(|(key, _)| key.0);
        let Some(first) = first else {
            return;
        };
        self.now.store(first, Ordering::Relaxed);
        while let Some(waker) = self.pop_due(first) {
            waker.wake();
        }
        // Those may be of tasks that have gone without their sleeps, as those of a killed process. Then still nothing can run,
        // and the runtime would park for ever.
        if let Some(root) = self.root.get() {
            root.wake_by_ref();
        }
    }

    fn pop_due(&self, now: u64) -> Option<Waker> {
        let mut sleepers = self.lock();
        let next = sleepers.wakers.first_entry()?;
        (next.key().0 <= now).then(|| next.remove())
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let end = self.end;
        if self.time.millis() >= end {
            return Poll::Ready(());
        }
        let asleep = self.asleep.as_ref();
        if asleep.is_some_and(|it| it.waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let waker = cx.waker().clone();
        let mut sleepers = self.time.0.lock();
        let number = asleep.map_or_else(|| sleepers.next_number(), |it| it.number);
        let old = sleepers.wakers.insert((end, number), waker.clone());
        drop(sleepers);
        // Not before: the last waker of a task ends it, and with it other sleepers.
        drop(old);
        self.asleep = Some(Asleep { number, waker });
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some(asleep) = &self.asleep else { return };
        if self.time.millis() < self.end {
            let key = (self.end, asleep.number);
            let waker = self.time.0.lock().wakers.remove(&key);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::future::join;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn time_goes_on_when_nothing_can_run_and_only_then() {
        TrueTime::run(async |time| {
            tokio::task::yield_now().await;
            assert_eq!(time.now(), Duration::ZERO);
            join(time.sleep(SECOND), time.sleep(SECOND * 3)).await;
            assert_eq!(time.now(), SECOND * 3);
            time.until(SECOND).await;
            assert_eq!(time.now(), SECOND * 3, "time does not go back");
            time.sleep(Duration::from_micros(1)).await;
            assert_eq!(time.now(), Duration::from_millis(3_001));
        });
    }

    #[test]
    fn sleepers_with_one_end_wake_in_the_order_in_which_they_went_to_sleep() {
        TrueTime::run(async |time| {
            let (woken, order) = mpsc::channel();
            for name in 0..100 {
                let (time, woken) = (time.clone(), woken.clone());
                tokio::spawn(async move {
                    time.until(Duration::from_millis(name)).await;
                    time.until(SECOND).await;
                    woken.send(name).unwrap();
                });
            }
            time.until(SECOND * 2).await;
            assert!(order.try_iter().eq(0..100));
        });
    }

    #[test]
    fn a_sleep_whose_task_has_gone_without_it_does_not_hold_up_others() {
        TrueTime::run(async |time| {
            let kept = Arc::new(Mutex::new(time.sleep(SECOND)));
            let task = tokio::spawn(poll_fn({
                let kept = Arc::clone(&kept);
                move |cx| pin!(&mut *kept.lock().unwrap()).poll(cx)
            }));
            tokio::task::yield_now().await;
            task.abort();
            time.sleep(SECOND * 2).await;
            assert_eq!(time.now(), SECOND * 2);
            drop(kept);
        });
    }

    #[test]
    fn a_sleep_that_is_dropped_wakes_nobody_and_holds_nothing_up() {
        TrueTime::run(async |time| {
            let given_up = futures::future::select(time.sleep(SECOND), time.sleep(SECOND * 9));
            given_up.await;
            assert!(time.0.lock().wakers.is_empty());
            time.sleep(SECOND).await;
            assert_eq!(time.now(), SECOND * 2);
        });
    }
}
