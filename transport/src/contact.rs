//! Whether SQS answers at all, judged by the calls of this process.
//!
//! Owns: the number of failures in a row, and the signals that SQS answers again, or that it serves a call after
//! another call failed. Does not own: the reaction to the signals.
//!
//! **Invariant:** while some calls are answered, contact is not lost, however many other calls fail.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Contact is lost after this number of calls in a row without an answer or with a status of 500 and above. One
/// broken connection may fail one or two calls.
const LOST: u32 = 3;

/// The state that all callers of SQS share. Cheap to clone; clones share the state.
#[derive(Debug, Clone)]
pub(crate) struct Contact(Arc<ContactState>);

#[derive(Debug)]
struct ContactState {
    failures: AtomicU32,
    /// The number of times that contact was found again.
    times: AtomicU64,
    /// Whether a call failed temporarily since the last call that SQS served.
    trouble: AtomicBool,
    /// The number of times that a call was served after a temporary failure.
    served: AtomicU64,
    /// Wakes its waiters in the order in which they began to wait, so that equal inputs have equal effects. Tokio's
    /// `watch` wakes in random order.
    found: Notify,
}

/// Reports when contact is found again. Created by [`Sqs::contact`](super::Sqs::contact).
#[derive(Debug)]
pub struct ContactFound {
    shared: Arc<ContactState>,
    /// The value of `times` that was reported last.
    seen: u64,
    served: u64,
}

/// A signal of [`ContactFound::next`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sign {
    /// SQS has answered a call after a time without any answers.
    Found,
    /// SQS has served a call, after another call failed temporarily, for example because of throttling.
    Served,
}

impl Contact {
    pub(crate) fn new() -> Self {
        Self(Arc::new(ContactState {
            failures: AtomicU32::new(0),
            times: AtomicU64::new(0),
            trouble: AtomicBool::new(false),
            served: AtomicU64::new(0),
            found: Notify::new(),
        }))
    }

    /// SQS answered a call, successfully or not.
    pub(crate) fn answered(&self) {
        // The usual case writes nothing that other threads read.
        if self.0.failures.load(Ordering::Relaxed) != 0
            && self.0.failures.swap(0, Ordering::Relaxed) >= LOST
        {
            self.0.times.fetch_add(1, Ordering::Release);
            self.0.found.notify_waiters();
        }
    }

    /// SQS performed a call.
    pub(crate) fn served(&self) {
        self.answered();
        if self.0.trouble.load(Ordering::Relaxed) && self.0.trouble.swap(false, Ordering::Relaxed) {
            self.0.served.fetch_add(1, Ordering::Release);
            self.0.found.notify_waiters();
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
    pub(crate) fn is_lost(&self) -> bool {
        self.0.failures.load(Ordering::Relaxed) >= LOST
    }

    pub(crate) fn found(&self) -> ContactFound {
        ContactFound {
            shared: Arc::clone(&self.0),
            seen: self.0.times.load(Ordering::Acquire),
            served: self.0.served.load(Ordering::Acquire),
        }
    }
}

impl ContactFound {
    /// Completes when SQS has answered a call after a time without any answers.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call reports what happened meanwhile.
    pub async fn again(&mut self) {
        while self.next().await != Sign::Found {}
    }

    /// Completes when SQS has answered a call after a time without any answers, or has served a call after another
    /// call failed.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call reports what happened meanwhile.
    pub async fn next(&mut self) -> Sign {
        loop {
            let mut found = pin!(self.shared.found.notified());
            // Registers before the counters are read, so that no signal is missed.
            found.as_mut().enable();
            let times = self.shared.times.load(Ordering::Acquire);
            if times != self.seen {
                self.seen = times;
                return Sign::Found;
            }
            let served = self.shared.served.load(Ordering::Acquire);
            if served != self.served {
                self.served = served;
                return Sign::Served;
            }
            found.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream::FuturesUnordered;
    use futures::{FutureExt, StreamExt};

    use super::*;

    #[test]
    fn three_failures_in_a_row_lose_contact_until_an_answer() {
        let contact = Contact::new();
        let mut found = contact.found();
        for _ in 0..10 {
            contact.failed(1);
            contact.failed(1);
            contact.answered();
        }
        assert!(!contact.is_lost());
        assert_eq!(found.again().now_or_never(), None, "contact was never lost");
        contact.failed(3);
        assert!(contact.is_lost());
        assert_eq!(found.again().now_or_never(), None);
        contact.answered();
        contact.answered();
        assert!(!contact.is_lost());
        assert_eq!(found.again().now_or_never(), Some(()));
        assert_eq!(found.again().now_or_never(), None, "reported once");
    }

    #[test]
    fn a_served_call_after_a_failure_is_reported_once() {
        let contact = Contact::new();
        let mut signs = contact.found();
        contact.served();
        assert_eq!(signs.next().now_or_never(), None, "nothing had failed");
        contact.trouble();
        contact.trouble();
        contact.answered();
        assert_eq!(
            signs.next().now_or_never(),
            None,
            "a refusal is not a served call"
        );
        contact.served();
        contact.served();
        assert_eq!(signs.next().now_or_never(), Some(Sign::Served));
        assert_eq!(signs.next().now_or_never(), None);
        contact.trouble();
        contact.served();
        assert_eq!(signs.again().now_or_never(), None, "contact was not lost");
    }

    #[test]
    fn waiters_are_woken_in_order() {
        let contact = Contact::new();
        let told = std::sync::Mutex::new(Vec::new());
        // Polls the futures that were woken, in the order in which they were woken.
        let mut together: FuturesUnordered<_> = (0..20)
            .map(|number| {
                let (mut found, told) = (contact.found(), &told);
                async move {
                    found.again().await;
                    told.lock().unwrap().push(number);
                }
            })
            .collect();
        assert_eq!(together.next().now_or_never(), None);
        contact.failed(3);
        contact.answered();
        assert_eq!(together.count().now_or_never(), Some(20));
        assert!(told.into_inner().unwrap().into_iter().is_sorted());
    }

    #[test]
    fn a_new_waiter_sees_no_earlier_signals() {
        let contact = Contact::new();
        contact.failed(3);
        contact.answered();
        assert_eq!(contact.found().again().now_or_never(), None);
    }
}
