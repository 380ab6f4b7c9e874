//! The order in which the virtual queues of a host give messages to the handler of all queues.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::task::Waker;

use sqs_rpc_protocol::VirtualQueueName;

use super::buffer::QueueSlot;

/// The queues that have a message for the handler, in order of their turns.
///
/// A queue has a turn while its buffer has a message that may be taken, no receiver waits on the queue, and the
/// handler holds fewer of its messages than `per_queue`. After each message the queue goes to the end of the line, so
/// that no queue holds up the others.
#[derive(Debug, Default)]
pub(super) struct TakeAll {
    /// The maximum number of messages of one queue that the handler holds at a time. 0: there is no handler.
    pub(super) per_queue: usize,
    pub(super) turns: BTreeMap<NonZeroU64, VirtualQueueName>,
    pub(super) given: u64,
    /// The handler's waker, while the handler waits.
    pub(super) waker: Option<Waker>,
    /// Whether a queue got a turn since the handler was woken last.
    pub(super) news: bool,
}

impl TakeAll {
    /// Whether there is a handler.
    pub(super) const fn is_on(&self) -> bool {
        self.per_queue > 0
    }

    /// Whether the handler waits and there is no message for it.
    pub(super) fn is_hungry(&self) -> bool {
        self.waker.is_some() && self.turns.is_empty()
    }

    /// Updates the queue's turn after a change of the queue.
    pub(super) fn note(&mut self, name: &VirtualQueueName, slot: &mut QueueSlot) {
        let ready = slot.in_hand < self.per_queue && !slot.is_waited_for() && slot.free() > 0;
        match slot.turn {
            None if ready => {
                self.given += 1;
                slot.turn = NonZeroU64::new(self.given);
                self.turns
                    .extend(slot.turn.map(|turn| (turn, name.clone())));
                self.news = true;
            }
            Some(_) if !ready => self.remove(slot.turn.take()),
            _ => {}
        }
    }

    pub(super) fn remove(&mut self, turn: Option<NonZeroU64>) {
        if let Some(turn) = turn {
            self.turns.remove(&turn);
        }
    }

    /// The handler's waker, if it must be woken because of such changes.
    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        std::mem::take(&mut self.news)
            .then(|| self.waker.clone())
            .flatten()
    }

    pub(super) fn close(&mut self) -> Option<Waker> {
        self.turns.clear();
        self.waker.take()
    }
}
