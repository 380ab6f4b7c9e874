//! Whether SQS answers at all, as the calls of one process show it.
//!
//! Owns: the number of failures in a row, and the news that SQS answers again, or serves a call after another one failed.
//! Does not own: what to do then.
//!
//! **Invariant:** while some calls are answered, however many fail, contact is not lost.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tokio::sync::Notify;

/// So many calls in a row without an answer, or with one of 500 and above, and contact is lost. One broken connection
/// may fail one or two.
const LOST: u32 = 3;

/// Shared by whoever makes calls. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Contact(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    failures: AtomicU32,
    /// How often contact was found again.
    times: AtomicU64,
    /// Whether a call failed for a reason that passes by itself, since the last one that SQS served.
    trouble: AtomicBool,
    /// How often a call was served after such a failure.
    served: AtomicU64,
    /// Wakes in the order in which they came, so that the same inputs do the same. Tokio's `watch` wakes at random.
    found: Notify,
}

/// Hears when contact is found again. Made by [`Sqs::contact`](super::Sqs::contact).
#[derive(Debug)]
pub struct ContactFound {
    shared: Arc<Shared>,
    /// The times that were told.
    seen: u64,
    served: u64,
}

/// What [`ContactFound::next`] has heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sign {
    /// SQS has answered a call after a time in which it answered none.
    Found,
    /// SQS has served a call in full, after another call failed for a reason that passes by itself, such as throttling.
    Served,
}

impl Contact {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            failures: AtomicU32::new(0),
            times: AtomicU64::new(0),
            trouble: AtomicBool::new(false),
            served: AtomicU64::new(0),
            found: Notify::new(),
        }))
    }

    /// SQS answered a call, with whatever.
    pub(crate) fn answered(&self) {
        // The usual case writes nothing that other threads read.
        if self.0.failures.load(Ordering::Relaxed) != 0
            && self.0.failures.swap(0, Ordering::Relaxed) >= LOST
        {
            self.0.times.fetch_add(1, Ordering::Release);
            self.0.found.notify_waiters();
        }
    }

    /// SQS did what a call asked for.
    pub(crate) fn served(&self) {
        self.answered();
        if self.0.trouble.load(Ordering::Relaxed) && self.0.trouble.swap(false, Ordering::Relaxed) {
            self.0.served.fetch_add(1, Ordering::Release);
            self.0.found.notify_waiters();
        }
    }

    /// A call failed for a reason that passes by itself, whether SQS answered or not.
    pub(crate) fn trouble(&self) {
        if !self.0.trouble.load(Ordering::Relaxed) {
            self.0.trouble.store(true, Ordering::Relaxed);
        }
    }

    /// A call had no answer, or one of 500 and above, in so many attempts.
    pub(crate) fn failed(&self, attempts: u32) {
        let add = |failures: u32| Some(failures.saturating_add(attempts));
        // It never declines.
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
    /// Completes when SQS has answered a call after a time in which it answered none.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing: what happened meanwhile is told at the next call.
    pub async fn again(&mut self) {
        while self.next().await != Sign::Found {}
    }

    /// Completes when SQS has answered a call after a time in which it answered none, or has served one after another
    /// one failed.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing: what happened meanwhile is told at the next call.
    pub async fn next(&mut self) -> Sign {
        loop {
            let mut found = pin!(self.shared.found.notified());
            // Before it looks, so that nothing is missed.
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
    fn contact_is_lost_after_three_failures_in_a_row_and_found_with_an_answer() {
        let contact = Contact::new();
        let mut found = contact.found();
        for _ in 0..10 {
            contact.failed(1);
            contact.failed(1);
            contact.answered();
        }
        assert!(!contact.is_lost());
        assert_eq!(found.again().now_or_never(), None, "it was never lost");
        contact.failed(3);
        assert!(contact.is_lost());
        assert_eq!(found.again().now_or_never(), None);
        contact.answered();
        contact.answered();
        assert!(!contact.is_lost());
        assert_eq!(found.again().now_or_never(), Some(()));
        assert_eq!(found.again().now_or_never(), None, "told once");
    }

    #[test]
    fn a_call_that_is_served_after_a_failure_is_told_once() {
        let contact = Contact::new();
        let mut signs = contact.found();
        contact.served();
        assert_eq!(signs.next().now_or_never(), None, "nothing had failed");
        contact.trouble();
        contact.trouble();
        contact.answered();
        assert_eq!(signs.next().now_or_never(), None, "a refusal serves nobody");
        contact.served();
        contact.served();
        assert_eq!(signs.next().now_or_never(), Some(Sign::Served));
        assert_eq!(signs.next().now_or_never(), None);
        contact.trouble();
        contact.served();
        assert_eq!(signs.again().now_or_never(), None, "contact was not lost");
    }

    #[test]
    fn those_who_wait_are_woken_in_their_order() {
        let contact = Contact::new();
        let told = std::sync::Mutex::new(Vec::new());
        // Polls those of its futures that were woken, in the order in which they were.
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
    fn who_asks_later_does_not_hear_of_what_was_before() {
        let contact = Contact::new();
        contact.failed(3);
        contact.answered();
        assert_eq!(contact.found().again().now_or_never(), None);
    }
}
