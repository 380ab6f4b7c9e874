//! A virtual queue on a FIFO host: which messages may leave its buffer, and how its groups keep their order.

use std::task::Waker;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::Moment;

use super::buffer::QueueSlot;
use super::buffered::{Buffered, Fate, GroupKey, Taken};
use super::router::Router;

/// The position of a message.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) group: GroupKey,
    pub(super) number: u64,
    /// Whether no earlier message holds it up.
    pub(super) is_free: bool,
}

impl QueueSlot {
    /// Inserts a message at its position: at the end, or where it was before.
    pub(super) fn insert_in_order(&mut self, message: Buffered) {
        if let Some(order) = &mut self.order {
            order.arrived(message.group, message.number, message.received);
            // Only the last message is checked for the next alarm, and this message may be before it.
            order.note_news(message.attention());
        }
        let messages = &mut self.messages;
        let at = messages.partition_point(|before| before.number < message.number);
        messages.insert(at, message);
    }

    /// The position of a message of a poll that returned at `received`. `number` is the message's number if it is
    /// new.
    pub(super) fn place_of(&self, message: &Message, number: u64, received: Moment) -> Place {
        let Some(order) = &self.order else {
            return Place {
                group: GroupKey::default(),
                number,
                is_free: true,
            };
        };
        let group = order.group(message);
        let number = order.place_of(group, message).unwrap_or(number);
        Place {
            group,
            number,
            is_free: order.would_be_free(group, number, received),
        }
    }

    /// Takes up to `max` messages that no earlier message of their group holds up.
    pub(super) fn remove_in_order(&mut self, max: usize, now: Moment) -> Vec<Taken> {
        let Some(order) = &mut self.order else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        // All messages are chosen before the first counts as handed out, so several of a group can be taken together.
        for number in order.take(max) {
            let at = self.messages.binary_search_by_key(&number, |it| it.number);
            taken.extend(at.ok().and_then(|at| self.messages.remove(at)));
        }
        for buffered in &taken {
            self.bytes -= buffered.bytes;
            order.handed_out(buffered, now);
        }
        taken.into_iter().map(Taken::from).collect()
    }

    /// Gives back the messages that wait for an earlier message of their group that was not redelivered in time.
    pub(super) fn give_back_what_waits_in_vain(&mut self, now: Moment) {
        let Some(order) = &mut self.order else { return };
        for number in order.pass(now) {
            let at = self.messages.binary_search_by_key(&number, |it| it.number);
            if let Some(buffered) = at.ok().and_then(|at| self.messages.remove(at)) {
                self.bytes -= buffered.bytes;
                order.given_back.push(buffered.message);
            }
        }
    }
}

impl<S> Router<S> {
    /// Notes what happened to a message that was received from this queue. Returns the receiver to wake, which may
    /// take the next message.
    pub(super) fn note_in_order(
        &mut self,
        name: &VirtualQueueName,
        receipt_handle: &str,
        fate: Fate,
        now: Moment,
    ) -> Option<Waker> {
        let next = self.change(name, |slot| {
            let order = slot.order.as_mut()?;
            order.note(receipt_handle, fate, now);
            slot.wake_front()
        })?;
        next.or_else(|| self.take_all.take_waker())
    }
}
