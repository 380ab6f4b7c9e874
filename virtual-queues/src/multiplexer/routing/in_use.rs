//! Whether a virtual queue is in use, so that it must not expire.
//!
//! Owns: the operations in progress on a queue, and the messages that its receivers hold. Does not own: waiting
//! receivers, and the messages of the handler of all queues.
//!
//! **Invariant:** the end of an operation changes only the queue on which the operation began, not a later queue of
//! the same name.

use std::task::Waker;

use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::Moment;

use super::buffer::QueueSlot;
use super::buffered::Fate;
use super::in_hand::InHand;
use super::router::Router;

/// Identifies a virtual queue among all queues that had its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Made(pub(super) u64);

impl QueueSlot {
    /// When the queue was used last; `now` if it is in use.
    pub(super) fn used_last(&mut self, now: Moment) -> Moment {
        if self.users > 0 || self.in_hand > 0 || self.is_waited_for() {
            self.last_used = now;
        }
        if let Some(received) = &mut self.received {
            let end = received.hidden_until.values().max().copied();
            self.last_used = self.last_used.max(end.unwrap_or_default().min(now));
            received.hidden_until.retain(|_, until| now < *until);
            if received.hidden_until.is_empty() {
                self.received = None;
            }
        }
        self.last_used
    }
}

impl QueueSlot {
    fn note_use(&mut self, receipt_handle: &str, fate: Fate, now: Moment) {
        let received = match fate {
            Fate::HiddenUntil(_) => self.received.get_or_insert_with(|| Box::new(InHand::new())),
            Fate::Deleted | Fate::GivenBack => match &mut self.received {
                Some(received) => received,
                None => return,
            },
        };
        received.note(receipt_handle, fate, now);
    }
}

impl<S> Router<S> {
    /// An operation on a virtual queue begins. `None` if the queue does not exist.
    pub(crate) fn enter(&mut self, name: &VirtualQueueName, now: Moment) -> Option<Made> {
        let slot = self.queue_mut(name)?;
        slot.last_used = now;
        slot.users += 1;
        Some(Made(slot.made))
    }

    /// An operation that began on this queue ends.
    pub(crate) fn exit(&mut self, name: &VirtualQueueName, Made(made): Made, now: Moment) {
        if let Some(slot) = self.queue_mut(name).filter(|slot| slot.made == made) {
            slot.last_used = now;
            slot.users -= 1;
        }
    }

    /// Notes what happened to a message that was received from a virtual queue. Returns the receiver to wake, which
    /// may take the next message on a FIFO host.
    pub(crate) fn note_in_hand(
        &mut self,
        name: &VirtualQueueName,
        receipt_handle: &str,
        fate: Fate,
        now: Moment,
    ) -> Option<Waker> {
        let slot = self.queue_mut(name)?;
        // Only a queue with a retention needs this.
        if slot.retention.is_some() {
            slot.note_use(receipt_handle, fate, now);
        }
        if !self.options.in_order {
            return None;
        }
        self.note_in_order(name, receipt_handle, fate, now)
    }
}
