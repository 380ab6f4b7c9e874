//! Messages in hand that wait for another request's handler, or for the host of their reply, and so occupy no slot of a
//! handler.
//!
//! Owns: their number, and the maximum number of concurrent handlers. Does not own: what the messages wait for.
//! Invariant: there are never more running handlers than slots, although waiting requests may come back at any time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// At least this many replies may wait outside, however few slots there are, because a dead requester may leave as many
/// requests.
pub(super) const FEWEST_REPLIES: usize = 2_000;
/// The maximum number of bytes of the replies that wait outside.
const REPLY_BYTES: usize = 64 * 1024 * 1024;

/// The slots of one served queue, and the messages outside of them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Slots(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// One permit for each handler that may run.
    handlers: Semaphore,
    concurrency: usize,
    waiting: Mutex<Waiting>,
    /// Notified when a message goes outside, because there is room for another message then.
    changed: Notify,
}

/// The messages that are outside.
#[derive(Debug, Default)]
struct Waiting {
    requests: usize,
    replies: usize,
    reply_bytes: usize,
}

/// A message that is outside, until this value is dropped.
#[derive(Debug)]
pub(super) struct Outside {
    slots: Arc<Inner>,
    /// The size of the reply in bytes, if a reply waits and not a request.
    reply: Option<usize>,
}

impl Slots {
    /// Slots for this number of concurrent handlers.
    pub(super) fn new(concurrency: usize) -> Self {
        Self(Arc::new(Inner {
            handlers: Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)),
            concurrency,
            waiting: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Frees the slot of a request that waits for another request's handler. `None` if the maximum number waits
    /// outside, which is the number of slots.
    pub(super) fn go_outside(&self) -> Option<Outside> {
        let mut waiting = self.0.waiting();
        if waiting.requests >= self.0.concurrency {
            return None;
        }
        waiting.requests += 1;
        drop(waiting);
        Some(self.outside_with(None))
    }

    /// Frees the slot of a reply that waits for its host. `None` if the maximum number, or size, of replies waits
    /// outside.
    pub(super) fn reply_goes_outside(&self, bytes: usize) -> Option<Outside> {
        let mut waiting = self.0.waiting();
        let most = self.0.concurrency.max(FEWEST_REPLIES);
        let bytes_then = waiting.reply_bytes.saturating_add(bytes);
        if waiting.replies >= most || bytes_then > REPLY_BYTES {
            return None;
        }
        waiting.replies += 1;
        waiting.reply_bytes = bytes_then;
        drop(waiting);
        Some(self.outside_with(Some(bytes)))
    }

    fn outside_with(&self, reply: Option<usize>) -> Outside {
        self.0.changed.notify_one();
        Outside {
            slots: Arc::clone(&self.0),
            reply,
        }
    }

    /// The number of messages outside.
    pub(super) fn outside(&self) -> usize {
        let waiting = self.0.waiting();
        waiting.requests + waiting.replies
    }

    /// Waits until a message has gone outside since the last call. Only the driver calls this.
    ///
    /// Cancel safe: no change is missed.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Waits for a slot for a handler, in order of the calls. A slot is nearly always free: the driver receives no more
    /// messages than there are slots, so only requests that come back from outside may have to wait.
    pub(super) async fn handler(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.0.handlers.acquire().await.ok()
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let mut waiting = self.slots.waiting();
        match self.reply {
            None => waiting.requests -= 1,
            Some(bytes) => {
                waiting.replies -= 1;
                waiting.reply_bytes -= bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn as_many_wait_outside_as_there_are_slots() {
        let slots = Slots::new(2);
        assert!(slots.changed().now_or_never().is_none());
        let outside = [slots.go_outside().unwrap(), slots.go_outside().unwrap()];
        assert!(slots.go_outside().is_none());
        assert!(slots.changed().now_or_never().is_some());
        assert_eq!(slots.outside(), 2);
        drop(outside);
        assert_eq!(slots.outside(), 0);
        assert!(slots.go_outside().is_some());
    }

    #[test]
    fn replies_wait_outside_up_to_a_number_and_a_size() {
        let slots = Slots::new(1);
        let many: Vec<_> = (0..FEWEST_REPLIES)
            .map(|_| slots.reply_goes_outside(10).unwrap())
            .collect();
        assert!(slots.reply_goes_outside(10).is_none());
        assert!(
            slots.go_outside().is_some(),
            "requests have a bound of their own"
        );
        assert_eq!(slots.outside(), FEWEST_REPLIES);
        drop(many);
        let large = slots.reply_goes_outside(REPLY_BYTES - 1).unwrap();
        assert!(slots.reply_goes_outside(2).is_none());
        drop(large);
        assert!(slots.reply_goes_outside(2).is_some());
        let wide = Slots::new(FEWEST_REPLIES + 1);
        let all: Vec<_> = (0..=FEWEST_REPLIES)
            .map(|_| wide.reply_goes_outside(0).unwrap())
            .collect();
        assert_eq!(wide.outside(), all.len());
    }

    #[test]
    fn never_more_handlers_run_than_there_are_slots() {
        let slots = Slots::new(1);
        let first = slots.handler().now_or_never();
        let mut second = slots.handler().boxed();
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        assert!(second.now_or_never().is_some());
    }
}
