//! A virtual queue on a FIFO host: what is taken from its buffer, and how its groups keep their order.

use std::task::Waker;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::VirtualQueueName;

use super::buffer::{Buffered, QueueSlot, Taken};
use super::order::{Fate, GroupKey};
use super::router::Router;
use crate::sqs::Moment;

/// Where a message belongs.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) group: GroupKey,
    pub(super) number: u64,
    /// Nothing before it holds it up.
    pub(super) is_free: bool,
}

impl QueueSlot {
    /// Puts a message where it belongs: at the end, or where it was before.
    pub(super) fn insert_in_order(&mut self, message: Buffered) {
        if let Some(order) = &mut self.order {
            order.arrived(message.group, message.number, message.received);
            // Only the last message is looked at for the next alarm, and this one may come before it.
            order.note_news(message.attention());
        }
        let messages = &mut self.messages;
        let at = messages.partition_point(|before| before.number < message.number);
        messages.insert(at, message);
    }

    /// Where a message belongs that came with a poll that returned at `received`, and would have `number` if it is new.
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

    /// Takes up to `max` messages that no earlier one of their group holds up.
    pub(super) fn remove_in_order(&mut self, max: usize, now: Moment) -> Vec<Taken> {
        let Some(order) = &mut self.order else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        // All are chosen before the first is noted as handed out, so several of a group go together.
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

    /// Gives back the messages that wait for an earlier one of their group which does not come again.
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
    /// Notes what has become of a message that was received from this queue. Returns whom to wake: it may take the next one.
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
