//! How many requests are pending, and whether more may begin.
//!
//! Invariant: a request holds its slot from its first poll to its end or its drop, and nothing else counts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sqs_rpc_transport::{Counter, Counters, mutant};
use tokio::sync::Notify;

/// The requests of one requester.
#[derive(Debug)]
pub(crate) struct Slots {
    taken: AtomicUsize,
    max: usize,
    /// Set once, by the shutdown.
    closed: AtomicBool,
    /// Wakes the shutdown when the last slot is given back.
    emptied: Notify,
    counters: Counters,
}

/// One pending request. Its drop frees the slot, and counts as a cancellation unless the request has
/// [ended](Self::ended).
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    ended: bool,
}

/// Why no slot was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// All slots are taken; their number.
    Full(usize),
    /// The requester is shut down.
    Closed,
}

impl Slots {
    pub(crate) fn new(max: usize, counters: Counters) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            max,
            closed: AtomicBool::new(false),
            emptied: Notify::new(),
            counters,
        }
    }

    pub(crate) fn take(self: &Arc<Self>) -> Result<Slot, Refused> {
        // Count first, then look at `closed`. A shutdown that closes now either sees this slot taken, or is seen here.
        let before = self.taken.fetch_add(1, Ordering::SeqCst);
        let mut slot = Slot {
            slots: Arc::clone(self),
            ended: false,
        };
        let refused = if self.is_closed() {
            Refused::Closed
        } else if before >= self.max {
            Refused::Full(self.max)
        } else {
            return Ok(slot);
        };
        slot.ended = true;
        Err(refused)
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Refuses further slots.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Waits until no slot is taken. Call it after [`close`](Self::close).
    pub(crate) async fn emptied(&self) {
        loop {
            // Made before `taken` is read, so that a slot that is freed after the read still wakes it.
            let emptied = self.emptied.notified();
            if self.taken() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Slot {
    /// Frees the slot of a request that has a result.
    pub(crate) fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.ended {
            self.slots.counters.count(Counter::Cancelled);
            if mutant!("slot-leaks-on-cancel") {
                return;
            }
        }
        if self.slots.taken.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.slots.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn slots(max: usize) -> Arc<Slots> {
        Arc::new(Slots::new(max, Counters::default()))
    }

    #[test]
    fn a_request_beyond_the_maximum_is_refused() {
        let slots = slots(2);
        let first = slots.take().unwrap();
        let _second = slots.take().unwrap();
        assert_eq!(slots.take().unwrap_err(), Refused::Full(2));
        assert_eq!(slots.taken(), 2);
        first.ended();
        assert!(slots.take().is_ok());
    }

    #[test]
    fn only_a_drop_before_the_end_counts_as_cancelled() {
        let slots = slots(1);
        slots.take().unwrap().ended();
        assert_eq!(slots.counters.of(Counter::Cancelled), 0);
        drop(slots.take().unwrap());
        assert_eq!(slots.counters.of(Counter::Cancelled), 1);
        slots.close();
        assert_eq!(slots.take().unwrap_err(), Refused::Closed);
        assert_eq!(slots.counters.of(Counter::Cancelled), 1);
    }

    #[test]
    fn emptied_waits_for_the_last_slot() {
        let slots = slots(2);
        let (first, second) = (slots.take().unwrap(), slots.take().unwrap());
        slots.close();
        let mut emptied = Box::pin(slots.emptied());
        drop(first);
        assert!(emptied.as_mut().now_or_never().is_none());
        second.ended();
        assert!(emptied.as_mut().now_or_never().is_some());
    }
}
