//! One virtual queue: its buffered messages and its waiting receivers.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::task::Waker;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::{Moment, mutant};

use super::buffered::{Buffered, Extension, Taken};
use super::deadlines::Key;
use super::fifo_groups::FifoGroups;
use super::in_hand::InHand;

/// A virtual queue's messages and its receivers, each in order of arrival.
///
/// **Invariant:** only the receiver at the front may take messages. Messages leave the buffer in the same poll that
/// returns them, so a receiver that is dropped, even after it was woken, has taken nothing.
#[derive(Debug)]
pub(super) struct QueueSlot {
    /// In order of their numbers.
    pub(super) messages: VecDeque<Buffered>,
    pub(super) bytes: usize,
    /// Which messages may be taken, on a FIFO host. On a standard host all may be taken.
    pub(super) order: Option<Box<FifoGroups>>,
    receivers: VecDeque<Receiver>,
    /// The number of receivers that wait with a long poll.
    long_receivers: usize,
    /// The queue is deleted when it was not used for this time. `None`: never.
    pub(super) retention: Option<Duration>,
    pub(super) last_used: Moment,
    /// A number that is unique per host, and distinguishes this queue from other queues of the same name.
    pub(super) made: u64,
    /// The number of operations in progress.
    pub(super) users: u32,
    /// Messages that receivers hold, while there is a retention and there are such messages.
    pub(super) received: Option<Box<InHand>>,
    pub(super) tags: BTreeMap<String, String>,
    /// The number of this queue's messages that the handler of all queues holds.
    pub(super) in_hand: usize,
    /// The queue's turn with the handler of all queues, while it has a message for the handler.
    pub(super) turn: Option<NonZeroU64>,
    /// The alarm for the next action on a message: an extension, or the drop of a message that is visible again. Set
    /// while there is a message. It may be too early when its message was taken; it is corrected when it fires.
    pub(super) attention_key: Option<Key>,
    /// The alarm for the idle expiry, while there is a retention.
    pub(super) idle_key: Option<Key>,
}

/// What a virtual queue adds to the sums of its host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// The number of receivers that need a long poll. Receivers that may take a message from the buffer need none.
    pub(super) hungry: usize,
}

/// A receiver's place in the line. The number is unique per host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    number: u64,
    /// For a receive with wait 0: the short poll after which the receive ends.
    short_poll: Option<u64>,
}

#[derive(Debug)]
struct Receiver {
    ticket: Ticket,
    waker: Waker,
}

impl QueueSlot {
    pub(super) fn new(made: u64, retention: Option<Duration>, in_order: bool, now: Moment) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            order: in_order.then(|| Box::new(FifoGroups::new())),
            receivers: VecDeque::new(),
            long_receivers: 0,
            retention,
            last_used: now,
            made,
            users: 0,
            received: None,
            tags: BTreeMap::new(),
            in_hand: 0,
            turn: None,
            attention_key: None,
            idle_key: None,
        }
    }

    pub(super) fn is_waited_for(&self) -> bool {
        !self.receivers.is_empty()
    }

    /// Whether the queue has no messages and no waiting receivers.
    pub(super) fn is_idle(&self) -> bool {
        self.messages.is_empty() && self.receivers.is_empty()
    }

    pub(super) fn load(&self) -> Load {
        let hungry = if self.free() == 0 {
            self.long_receivers
        } else {
            0
        };
        Load {
            messages: self.messages.len(),
            bytes: self.bytes,
            hungry,
        }
    }

    /// Adds a message. Returns the receiver to wake.
    pub(super) fn push(&mut self, message: Buffered) -> Option<Waker> {
        self.bytes += message.bytes;
        if self.order.is_some() {
            self.insert_in_order(message);
        } else {
            self.messages.push_back(message);
        }
        self.wake_front()
    }

    /// The buffered message with this id, if the buffer has one: SQS has redelivered the message.
    pub(super) fn again(&mut self, message_id: &str) -> Option<&mut Buffered> {
        self.messages
            .iter_mut()
            .find(|buffered| buffered.message.message_id() == Some(message_id))
    }

    /// Takes up to `max` messages if `ticket` is at the front of the line (or if the line is empty, for a receiver
    /// without a ticket).
    pub(super) fn take(&mut self, ticket: Option<Ticket>, max: usize, now: Moment) -> Vec<Taken> {
        if self.receivers.front().map(|first| first.ticket) != ticket {
            return Vec::new();
        }
        self.remove_free(max, now)
    }

    /// Whether the ticket has a place in the line. A ticket of a deleted queue that was created again has none.
    pub(super) fn holds(&self, ticket: Ticket) -> bool {
        self.receivers
            .iter()
            .any(|receiver| receiver.ticket == ticket)
    }

    /// Joins the line, or replaces the waker of an existing place. Returns whether the ticket joined.
    pub(super) fn wait(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        if let Some(receiver) = self
            .receivers
            .iter_mut()
            .find(|receiver| receiver.ticket == ticket)
        {
            receiver.waker.clone_from(waker);
            return false;
        }
        self.long_receivers += usize::from(!ticket.is_short());
        self.receivers.push_back(Receiver {
            ticket,
            waker: waker.clone(),
        });
        true
    }

    /// Leaves the line. Returns the receiver to wake instead.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        let at = self
            .receivers
            .iter()
            .position(|receiver| receiver.ticket == ticket)?;
        self.receivers.remove(at);
        self.long_receivers -= usize::from(!ticket.is_short());
        self.wake_front()
    }

    /// All receivers in the line.
    pub(super) fn receivers(&self) -> impl Iterator<Item = (Ticket, Waker)> {
        self.receivers
            .iter()
            .map(|receiver| (receiver.ticket, receiver.waker.clone()))
    }

    /// The receivers that end with short poll `done`, to be woken.
    pub(super) fn waited_for_short_poll(&self, done: u64) -> impl Iterator<Item = (Ticket, Waker)> {
        self.receivers()
            .filter(move |(ticket, _)| ticket.gives_up_at(done))
    }

    /// Whether a receiver in the line waits for a short poll after `done`.
    pub(super) fn waits_for_short_poll_after(&self, done: u64) -> bool {
        let mut tickets = self.receivers.iter().map(|receiver| receiver.ticket);
        tickets.any(|ticket| ticket.is_short() && !ticket.gives_up_at(done))
    }

    /// All receivers in the line, to be informed that the queue was deleted.
    pub(super) fn into_wakers(self) -> impl Iterator<Item = Waker> {
        self.receivers.into_iter().map(|receiver| receiver.waker)
    }

    /// Drops the messages whose visibility timeout has ended at `now`, because SQS redelivers them. Returns how many
    /// were dropped.
    pub(super) fn drop_visible(&mut self, now: Moment) -> usize {
        if self.attention_key.is_some_and(|key| now < key.at()) {
            return 0;
        }
        let (before, mut bytes) = (self.messages.len(), self.bytes);
        self.messages.retain(|buffered| {
            let ended = buffered.visible_until <= now;
            if ended {
                bytes -= buffered.bytes;
                if let Some(order) = &mut self.order {
                    order.expired(buffered, now);
                }
            }
            !ended
        });
        self.bytes = bytes;
        let dropped = before - self.messages.len();
        self.give_back_what_waits_in_vain(now);
        dropped
    }

    /// The extensions that are due at `now`.
    pub(super) fn extensions(
        &mut self,
        queue: &VirtualQueueName,
        visibility: Duration,
        now: Moment,
    ) -> Vec<Extension> {
        let messages = self.messages.iter_mut();
        messages
            .filter_map(|buffered| buffered.extension(queue, visibility, now))
            .collect()
    }

    /// The buffered message with this number.
    pub(super) fn numbered(&mut self, number: u64) -> Option<&mut Buffered> {
        let found = self
            .messages
            .binary_search_by_key(&number, |buffered| buffered.number);
        self.messages.get_mut(found.ok()?)
    }

    /// Takes all messages, for a purge.
    pub(super) fn drain(&mut self) -> Vec<Message> {
        if let Some(order) = &mut self.order {
            let messages = self.messages.iter();
            messages.for_each(|buffered| order.left(buffered.group, buffered.number));
        }
        let all = self.remove_front(usize::MAX).into_iter();
        all.map(|taken| taken.message).collect()
    }

    /// Takes the first message for the handler of all queues.
    pub(super) fn take_in_hand(&mut self, now: Moment) -> Option<Taken> {
        let taken = self.remove_free(1, now).pop()?;
        self.in_hand += 1;
        Some(taken)
    }

    /// When the next action on a message is due.
    pub(super) fn next_attention(&self) -> Option<Moment> {
        self.messages.iter().map(Buffered::attention).min()
    }

    /// When the next action on the last message is due.
    pub(super) fn attention_of_last(&self) -> Option<Moment> {
        self.messages.back().map(Buffered::attention)
    }

    /// The number of buffered messages that may be taken now.
    pub(super) fn free(&self) -> usize {
        self.order
            .as_ref()
            .map_or(self.messages.len(), |order| order.free())
    }

    fn remove_free(&mut self, max: usize, now: Moment) -> Vec<Taken> {
        if self.order.is_some() {
            self.remove_in_order(max, now)
        } else {
            self.remove_front(max)
        }
    }

    fn remove_front(&mut self, max: usize) -> Vec<Taken> {
        let removed = self.messages.drain(..max.min(self.messages.len()));
        let mut again = Vec::new();
        let removed = removed.map(|buffered| {
            // The mutant adds one byte to a message that it hands out twice, so an even number of bytes marks the
            // second time.
            if mutant!("handed-out-twice") && buffered.bytes % 2 == 1 {
                again.push(Buffered {
                    message: buffered.message.clone(),
                    bytes: buffered.bytes + 1,
                    ..buffered
                });
            }
            self.bytes -= buffered.bytes;
            Taken::from(buffered)
        });
        let removed = removed.collect();
        again.into_iter().for_each(|buffered| {
            self.bytes += buffered.bytes;
            self.messages.push_back(buffered);
        });
        removed
    }

    /// The receiver to wake: the first in the line, if there is a message that it may take.
    pub(super) fn wake_front(&self) -> Option<Waker> {
        let first = self.receivers.front().filter(|_| self.free() > 0);
        first.map(|receiver| receiver.waker.clone())
    }
}

impl Load {
    /// Replaces one queue's part of the host's sums.
    pub(super) fn replace(&mut self, before: Self, after: Self) {
        self.messages = self.messages - before.messages + after.messages;
        self.bytes = self.bytes - before.bytes + after.bytes;
        self.hungry = self.hungry - before.hungry + after.hungry;
    }
}

impl Ticket {
    pub(super) const fn new(number: u64, short_poll: Option<u64>) -> Self {
        Self { number, short_poll }
    }

    pub(crate) const fn is_short(self) -> bool {
        self.short_poll.is_some()
    }

    pub(super) fn gives_up_at(self, done: u64) -> bool {
        self.short_poll.is_some_and(|poll| poll <= done)
    }
}
