//! Chooses the next message for the handler of all virtual queues of a host.

use std::task::Waker;

use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::Moment;

use super::decisions::TakenAny;
use super::for_all_turns::TakeAll;
use super::router::Router;

impl<S> Router<S> {
    /// From now on a handler takes the messages of all queues, up to `per_queue` of each at a time. 0 ends this.
    pub(crate) fn handle_all(&mut self, per_queue: usize, now: Moment) {
        self.take_all = TakeAll {
            per_queue,
            ..TakeAll::default()
        };
        let mut busy = Vec::new();
        for (name, slot) in &mut self.queues {
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
