//! Detects an outage: whether SQS answers at all, judged by the calls of this process.
//!
//! Owns: the number of failures in a row, and the signals that SQS answers again, or that it serves a call after
//! another call failed. Does not own: the reactions. A call becomes one attempt
//! (`client_api.rs`), the drivers poll again when the outage is over, and the ring makes no calls (`temporary-queues`).
//! `docs/adr/0009-calls-in-an-outage.md` has them all.
//!
//! **Invariant:** while some calls are answered, there is no outage, however many other calls fail.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tokio::sync::Notify;

/// An outage begins after this number of calls in a row without an answer or with a status of 500 and above. One
/// broken connection may fail one or two calls.
const OUTAGE_AFTER: u32 = 3;

/// The state that all callers of SQS share. Cheap to clone; clones share the state.
#[derive(Debug, Clone)]
pub(crate) struct OutageDetector(Arc<OutageState>);

#[derive(Debug)]
struct OutageState {
    failures: AtomicU32,
    /// The number of outages that are over.
    times: AtomicU64,
    /// Whether a call failed temporarily since the last call that SQS served.
    trouble: AtomicBool,
    /// The number of times that a call was served after a temporary failure.
    served: AtomicU64,
    /// Wakes its waiters in the order in which they began to wait, so that equal inputs have equal effects. Tokio's
    /// `watch` wakes in random order.
    recovered: Notify,
}

/// Reports when SQS has recovered. Created by [`Sqs::recoveries`](super::Sqs::recoveries).
#[derive(Debug)]
pub struct Recoveries {
    shared: Arc<OutageState>,
    /// The value of `times` that was reported last.
    seen: u64,
    served: u64,
}

/// What [`Recoveries::next`] reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// SQS has answered a call after a time without any answers.
    Answers,
    /// SQS has served a call, after another call failed temporarily, for example because of throttling.
    Served,
}

impl OutageDetector {
    pub(crate) fn new() -> Self {
        Self(Arc::new(OutageState {
            failures: AtomicU32::new(0),
            times: AtomicU64::new(0),
            trouble: AtomicBool::new(false),
            served: AtomicU64::new(0),
            recovered: Notify::new(),
        }))
    }

    /// SQS answered a call, successfully or not.
    pub(crate) fn answered(&self) {
        // The usual case writes nothing that other threads read.
        if self.0.failures.load(Ordering::Relaxed) != 0
            && self.0.failures.swap(0, Ordering::Relaxed) >= OUTAGE_AFTER
        {
            self.0.times.fetch_add(1, Ordering::Release);
            self.0.recovered.notify_waiters();
        }
    }

    /// SQS performed a call.
    pub(crate) fn served(&self) {
        self.answered();
        if self.0.trouble.load(Ordering::Relaxed) && self.0.trouble.swap(false, Ordering::Relaxed) {
            self.0.served.fetch_add(1, Ordering::Release);
            self.0.recovered.notify_waiters();
        }
    }

    /// A call failed temporarily, whether SQS answered or not.
    pub(crate) fn trouble(&self) {
        if !self.0.trouble.load(Ordering::Relaxed) {
            self.0.trouble.store(true, Ordering::Relaxed);
        }
    }

    /// A call had no answer, or one with a status of 500 and above, in this number of attempts.
    pub(crate) fn failed(&self, attempts: u32) {
        let add = |failures: u32| Some(failures.saturating_add(attempts));
        // The closure never returns `None`, so the update always happens.
        let _ = self
            .0
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Whether SQS seems not to answer at all.
    pub(crate) fn is_outage(&self) -> bool {
        self.0.failures.load(Ordering::Relaxed) >= OUTAGE_AFTER
    }

    pub(crate) fn recoveries(&self) -> Recoveries {
        Recoveries {
            shared: Arc::clone(&self.0),
            seen: self.0.times.load(Ordering::Acquire),
            served: self.0.served.load(Ordering::Acquire),
        }
    }
}

impl Recoveries {
    /// Completes when SQS has answered a call after a time without any answers.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call reports what happened meanwhile.
    pub async fn outage_over(&mut self) {
        while self.next().await != Recovery::Answers {}
    }

    /// Completes when SQS has answered a call after a time without any answers, or has served a call after another
    /// call failed.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call reports what happened meanwhile.
    pub async fn next(&mut self) -> Recovery {
        loop {
            let mut recovered = pin!(self.shared.recovered.notified());
            // Registers before the counters are read, so that no signal is missed.
            recovered.as_mut().enable();
            let times = self.shared.times.load(Ordering::Acquire);
            if times != self.seen {
                self.seen = times;
                return Recovery::Answers;
            }
            let served = self.shared.served.load(Ordering::Acquire);
            if served != self.served {
                self.served = served;
                return Recovery::Served;
            }
            recovered.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream::FuturesUnordered;
    use futures::{FutureExt, StreamExt};

    use super::*;

    #[test]
    fn three_failures_in_a_row_are_an_outage_until_an_answer() {
        let detector = OutageDetector::new();
        let mut found = detector.recoveries();
        for _ in 0..10 {
            detector.failed(1);
            detector.failed(1);
            detector.answered();
        }
        assert!(!detector.is_outage());
        assert_eq!(
            found.outage_over().now_or_never(),
            None,
            "there was no outage"
        );
        detector.failed(3);
        assert!(detector.is_outage());
        assert_eq!(found.outage_over().now_or_never(), None);
        detector.answered();
        detector.answered();
        assert!(!detector.is_outage());
        assert_eq!(found.outage_over().now_or_never(), Some(()));
        assert_eq!(found.outage_over().now_or_never(), None, "reported once");
    }

    #[test]
    fn a_served_call_after_a_failure_is_reported_once() {
        let detector = OutageDetector::new();
        let mut signs = detector.recoveries();
        detector.served();
        assert_eq!(signs.next().now_or_never(), None, "nothing had failed");
        detector.trouble();
        detector.trouble();
        detector.answered();
        assert_eq!(
            signs.next().now_or_never(),
            None,
            "a refusal is not a served call"
        );
        detector.served();
        detector.served();
        assert_eq!(signs.next().now_or_never(), Some(Recovery::Served));
        assert_eq!(signs.next().now_or_never(), None);
        detector.trouble();
        detector.served();
        assert_eq!(
            signs.outage_over().now_or_never(),
            None,
            "there was no outage"
        );
    }

    #[test]
    fn waiters_are_woken_in_order() {
        let detector = OutageDetector::new();
        let told = std::sync::Mutex::new(Vec::new());
        // Polls the futures that were woken, in the order in which they were woken.
        let mut together: FuturesUnordered<_> = (0..20)
            .map(|number| {
                let (mut found, told) = (detector.recoveries(), &told);
                async move {
                    found.outage_over().await;
                    told.lock().unwrap().push(number);
                }
            })
            .collect();
        assert_eq!(together.next().now_or_never(), None);
        detector.failed(3);
        detector.answered();
        assert_eq!(together.count().now_or_never(), Some(20));
        assert!(told.into_inner().unwrap().into_iter().is_sorted());
    }

    #[test]
    fn a_new_waiter_sees_no_earlier_signals() {
        let detector = OutageDetector::new();
        detector.failed(3);
        detector.answered();
        assert_eq!(detector.recoveries().outage_over().now_or_never(), None);
    }
}
