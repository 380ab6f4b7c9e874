//! Whether SQS answers at all, as the calls of one process show it.
//!
//! Owns: the number of failures in a row, and the news that it answers again. Does not own: what to do then.
//!
//! **Invariant:** while some calls are answered, however many fail, contact is not lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::watch;

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
    found: watch::Sender<u64>,
}

/// Hears when contact is found again. Made by [`Sqs::contact`](super::Sqs::contact).
#[derive(Debug)]
pub struct ContactFound(watch::Receiver<u64>);

impl Contact {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            failures: AtomicU32::new(0),
            found: watch::Sender::new(0),
        }))
    }

    /// SQS answered a call, with whatever.
    pub(crate) fn answered(&self) {
        // The usual case writes nothing that other threads read.
        if self.0.failures.load(Ordering::Relaxed) != 0
            && self.0.failures.swap(0, Ordering::Relaxed) >= LOST
        {
            self.0.found.send_modify(|times| *times += 1);
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
        ContactFound(self.0.found.subscribe())
    }
}

impl ContactFound {
    /// Completes when SQS has answered a call after a time in which it answered none. Never completes once all that make
    /// calls are gone.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing: what happened meanwhile is told at the next call.
    pub async fn again(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

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
    fn who_asks_later_does_not_hear_of_what_was_before() {
        let contact = Contact::new();
        contact.failed(3);
        contact.answered();
        assert_eq!(contact.found().again().now_or_never(), None);
    }
}
