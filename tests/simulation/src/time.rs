//! True time, and SQS's clock, which is always right.
//!
//! Owns: the current time, and all sleeps. Time stops while any task can run, and advances to the end of the next sleep when
//! no task can. Tokio's own paused clock does the same, but costs a run a seventh of its instructions. Does not own: the
//! clocks of processes, which are wrong; see [`process`](crate::process).
//!
//! **Invariant:** time is in whole milliseconds and never goes back, no sleep ends late, and sleeps with the same end end in
//! the order in which they began.

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

/// The clock of the world. Cheap to clone; all clones show the same time.
#[derive(Debug, Clone)]
pub struct TrueTime(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Milliseconds since the start.
    now: AtomicU64,
    sleepers: Mutex<Sleepers>,
    /// Wakes the future that the runtime blocks on.
    root: OnceLock<Waker>,
}

#[derive(Debug, Default)]
struct Sleepers {
    /// The number of sleeps so far.
    count: u64,
    /// The wakers by the end of their sleep, in milliseconds, and by number. All ends are in the future.
    wakers: BTreeMap<(u64, u64), Waker>,
}

/// A wait for a moment. Cancel safe: it can be dropped at any time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    time: TrueTime,
    /// The end, in milliseconds since the start.
    end: u64,
    asleep: Option<Asleep>,
}

#[derive(Debug)]
struct Asleep {
    number: u64,
    /// Wakes the task. Compared at each poll, because most polls are by the same task and for another reason.
    waker: Waker,
}

impl TrueTime {
    /// Runs `work` in a runtime with one thread and a true time of its own, which starts at zero. The runtime has no Tokio
    /// clock.
    ///
    /// # Panics
    /// If the Tokio runtime cannot be created.
    pub fn run<T>(work: impl AsyncFnOnce(Self) -> T) -> T {
        let time = Self(Arc::new(Inner {
            now: AtomicU64::new(0),
            sleepers: Mutex::default(),
            root: OnceLock::new(),
        }));
        // Weak, because the root's waker refers to the runtime, and the runtime refers to this closure.
        let inner = Arc::downgrade(&time.0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .on_thread_park(move || {
                if let Some(inner) = inner.upgrade() {
                    inner.go_on();
                }
            })
            .build()
            .expect("a runtime needs no more than memory");
        // The output is not returned through `block_on`, because the runtime would move it at each poll, even if it is not
        // ready.
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

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_millis(self.millis())
    }

    /// SQS's time.
    #[must_use]
    pub fn sqs(&self) -> Timestamp {
        Timestamp::from_millis(START + self.millis())
    }

    /// SQS's time as a `SystemTime`.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.sqs().as_millis())
    }

    /// Sleeps until this time after the start, rounded up to a millisecond.
    pub fn until(&self, at: Duration) -> Sleep {
        let end = at.as_nanos().div_ceil(1_000_000);
        Sleep {
            time: self.clone(),
            end: u64::try_from(end).unwrap_or(u64::MAX),
            asleep: None,
        }
    }

    /// Sleeps for this time, rounded up to a millisecond.
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.until(self.now().saturating_add(time))
    }

    /// Sleeps until SQS's clock shows this time.
    pub fn until_sqs(&self, at: Timestamp) -> Sleep {
        self.until(at.since(Timestamp::from_millis(START)))
    }

    fn millis(&self) -> u64 {
        // Only the runtime's single thread reads and writes the time.
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
    /// Called when no task can run: advances the time to the first end, and wakes the tasks whose sleeps end then.
    fn go_on(&self) {
        let first = self.lock().wakers.first_key_value().map(|(key, _)| key.0);
        let Some(first) = first else {
            return;
        };
        self.now.store(first, Ordering::Relaxed);
        while let Some(waker) = self.pop_due(first) {
            waker.wake();
        }
        // These wakers may belong to tasks that have ended while their sleeps still exist, such as those of a killed process.
        // Then still no task can run, and without this wake the runtime would park forever.
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
        // Only after the unlock: dropping the last waker of a task drops the task and perhaps other sleeps, which lock.
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
    fn time_advances_only_when_no_task_can_run() {
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
    fn sleeps_with_the_same_end_end_in_their_order() {
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
    fn a_sleep_of_an_ended_task_does_not_block_others() {
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
    fn a_dropped_sleep_wakes_no_task_and_blocks_nothing() {
        TrueTime::run(async |time| {
            let given_up = futures::future::select(time.sleep(SECOND), time.sleep(SECOND * 9));
            given_up.await;
            assert!(time.0.lock().wakers.is_empty());
            time.sleep(SECOND).await;
            assert_eq!(time.now(), SECOND * 2);
        });
    }
}
