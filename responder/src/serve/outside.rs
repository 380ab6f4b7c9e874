//! Messages in hand that wait for somebody else's handler, and so occupy no handler's slot.
//!
//! Owns: how many there are, and the bound of handlers at a time. Does not own: what they wait for. Invariant: never more
//! handlers run than there are slots, though those that waited come back when they like.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// The slots of one served queue, and the messages outside of them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Slots(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// One permit for each handler that may run.
    handlers: Semaphore,
    outside: AtomicUsize,
    max_outside: usize,
    /// Told when a message goes outside: there is room for another.
    changed: Notify,
}

/// A message that is outside, until it is dropped.
#[derive(Debug)]
pub(super) struct Outside(Arc<Inner>);

impl Slots {
    /// So many handlers at a time, and as many messages that wait outside.
    pub(super) fn new(concurrency: usize) -> Self {
        Self(Arc::new(Inner {
            handlers: Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)),
            outside: AtomicUsize::new(0),
            max_outside: concurrency,
            changed: Notify::new(),
        }))
    }

    /// Leaves the slot to others. `None`: as many wait outside as may.
    pub(super) fn go_outside(&self) -> Option<Outside> {
        let more = |outside: usize| (outside < self.0.max_outside).then_some(outside + 1);
        self.0
            .outside
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        self.0.changed.notify_one();
        Some(Outside(Arc::clone(&self.0)))
    }

    /// Messages outside.
    pub(super) fn outside(&self) -> usize {
        self.0.outside.load(Ordering::Relaxed)
    }

    /// Waits until a message has gone outside since the last call. For the driver alone.
    ///
    /// Cancel safe: nothing is missed.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// A slot for a handler, in the order in which they asked. There nearly always is one: the driver receives no more
    /// messages than there are slots, and only those that come back from outside are beyond that.
    pub(super) async fn handler(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.0.handlers.acquire().await.ok()
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.0.outside.fetch_sub(1, Ordering::Relaxed);
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
    fn never_more_handlers_run_than_there_are_slots() {
        let slots = Slots::new(1);
        let first = slots.handler().now_or_never();
        let mut second = slots.handler().boxed();
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        assert!(second.now_or_never().is_some());
    }
}
