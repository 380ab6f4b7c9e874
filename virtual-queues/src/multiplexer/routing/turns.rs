//! The turns of the virtual queues with the handler of all of them.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::task::Waker;

use sqs_rpc_protocol::VirtualQueueName;

use super::buffer::QueueSlot;

/// The queues that have something for the handler, in order of their turns.
///
/// A queue has a turn while there is something in its buffer that may be taken, nobody receives from it, and the handler has fewer of its
/// messages than it may have. After each message it goes to the end of the line, so that none holds up the others.
#[derive(Debug, Default)]
pub(super) struct TakeAll {
    /// The most messages of one queue that the handler has at a time; 0: there is no handler.
    pub(super) per_queue: usize,
    pub(super) turns: BTreeMap<NonZeroU64, VirtualQueueName>,
    pub(super) given: u64,
    /// The handler's, while it waits.
    pub(super) waker: Option<Waker>,
    /// A queue has got a turn since the handler was woken last.
    pub(super) news: bool,
}

impl TakeAll {
    /// Whether there is a handler.
    pub(super) const fn is_on(&self) -> bool {
        self.per_queue > 0
    }

    /// The handler waits and there is nothing for it.
    pub(super) fn is_hungry(&self) -> bool {
        self.waker.is_some() && self.turns.is_empty()
    }

    /// Notes what a change of a queue means for the handler.
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

    /// Whom to wake because of what was noted.
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
