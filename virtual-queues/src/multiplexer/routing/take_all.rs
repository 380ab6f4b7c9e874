//! Chooses the next message for the handler of all virtual queues of a host.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::task::Waker;

use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::Moment;

use super::buffer::QueueSlot;
use super::outcome::TakenAny;
use super::router::{Router, Slot};

/// The queues that have a message for the handler, in order of their turns.
///
/// A queue has a turn while its buffer has a message that may be taken, no receiver waits on the queue, and the
/// handler holds fewer of its messages than `per_queue`. After each message the queue goes to the end of the line, so
/// that no queue holds up the others.
#[derive(Debug, Default)]
pub(super) struct TakeAll {
    /// The maximum number of messages of one queue that the handler holds at a time. 0: there is no handler.
    per_queue: usize,
    turns: BTreeMap<NonZeroU64, VirtualQueueName>,
    given: u64,
    /// The handler's waker, while the handler waits.
    waker: Option<Waker>,
    /// Whether a queue got a turn since the handler was woken last.
    news: bool,
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

impl<S> Router<S> {
    /// From now on a handler takes the messages of all queues, up to `per_queue` of each at a time. 0 ends this.
    pub(crate) fn handle_all(&mut self, per_queue: usize, now: Moment) {
        self.take_all = TakeAll {
            per_queue,
            ..TakeAll::default()
        };
        let mut busy = Vec::new();
        for (name, slot) in &mut self.slots {
            let Slot::Queue(slot) = slot else { continue };
            (slot.turn, slot.in_hand) = (None, 0);
            slot.last_used = now;
            if !slot.is_idle() {
                busy.push((name, slot));
            }
        }
        // In the order of their names, not of the table.
        busy.sort_unstable_by_key(|(name, _)| *name);
        for (name, slot) in busy {
            self.take_all.note(name, slot);
        }
    }

    /// One poll of the handler: takes one message, or waits.
    pub(crate) fn take_any(&mut self, now: Moment, waker: &Waker) -> TakenAny {
        if self.closed {
            return TakenAny::Closed;
        }
        while let Some((_, name)) = self.take_all.turns.first_key_value() {
            let name = name.clone();
            let taken = self.change(&name, |slot| {
                slot.last_used = now;
                let visible = slot.drop_visible(now);
                let taken = slot.take_in_hand(now);
                // If the queue has more messages, it gets a new turn after the other queues.
                let turn = slot.turn.take();
                (taken, visible, turn)
            });
            let Some((taken, visible, turn)) = taken else {
                break;
            };
            self.take_all.remove(turn);
            self.noticed += visible;
            if let Some(taken) = taken {
                self.take_all.waker = None;
                return TakenAny::Message(name, Box::new(taken));
            }
        }
        self.take_all.news = false;
        self.take_all.waker = Some(waker.clone());
        TakenAny::Wait
    }

    /// The handler no longer waits.
    pub(crate) fn take_none(&mut self) {
        self.take_all.waker = None;
    }

    /// The handler has finished a message of this queue. Returns the waker of the handler if it may take the next
    /// message.
    pub(crate) fn handled(&mut self, name: &VirtualQueueName, now: Moment) -> Option<Waker> {
        self.change(name, |slot| {
            slot.last_used = now;
            // By now this may be another queue of the same name.
            slot.in_hand = slot.in_hand.saturating_sub(1);
        });
        self.take_all.take_waker()
    }
}
