//! One virtual queue: what waits in it, and who waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::task::Waker;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::VirtualQueueName;

use super::deadlines::Key;
use super::extend::Extension;
use super::in_use::InHand;
use super::order::{GroupKey, Order};
use crate::mutant;
use crate::sqs::Moment;

/// A virtual queue's messages and its receivers, each in order of arrival.
///
/// **Invariant:** only the receiver at the front may take. Messages leave the buffer in the same poll that returns
/// them, so a receiver that is dropped, even after it was woken, has taken nothing.
#[derive(Debug)]
pub(super) struct QueueSlot {
    /// In order of their numbers.
    pub(super) messages: VecDeque<Buffered>,
    pub(super) bytes: usize,
    /// What may be taken, on a FIFO host; on others it is everything.
    pub(super) order: Option<Box<Order>>,
    receivers: VecDeque<Receiver>,
    /// Those of the receivers that wait with a long poll.
    long_receivers: usize,
    /// Deleted when nothing used it for so long; `None`: never.
    pub(super) retention: Option<Duration>,
    pub(super) last_used: Moment,
    /// Given once in a host's life: tells this queue from others of its name.
    pub(super) made: u64,
    /// Operations under way.
    pub(super) users: u32,
    /// Messages that receivers have in hand, while there is a retention and there are some.
    pub(super) received: Option<Box<InHand>>,
    pub(super) tags: BTreeMap<String, String>,
    /// Messages that the handler of all queues has of this one.
    pub(super) in_hand: usize,
    /// The queue's turn with the handler of all queues, while it has something for it.
    pub(super) turn: Option<NonZeroU64>,
    /// The entry of what is to be done first about a message: extended, or dropped because it is visible. There is one while
    /// there is a message. It may be due too early, when that message was taken: it is put right then.
    pub(super) attention_key: Option<Key>,
    /// The entry of the idle expiry, while there is a retention.
    pub(super) idle_key: Option<Key>,
}

/// What a virtual queue adds to its host's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// Receivers for whom a long poll is needed: those who find something in the buffer that they may take need none.
    pub(super) hungry: usize,
}

/// A message that SQS keeps invisible for us.
#[derive(Debug)]
pub(super) struct Buffered {
    pub(super) message: Message,
    pub(super) bytes: usize,
    /// Given once in a host's life, in the order of arrival. A message of a FIFO host that comes again may have the number that it had.
    pub(super) number: u64,
    /// Its message group, on a FIFO host.
    pub(super) group: GroupKey,
    /// When the poll brought it.
    pub(super) received: Moment,
    /// When SQS shows it to others again, at the earliest.
    pub(super) visible_until: Moment,
    /// When SQS shows it to others again, if the call that hid it took no time.
    pub(super) hidden_until: Moment,
    /// When it is extended next. `None` while an extension is under way, after one that failed, and 12 h after the receive.
    pub(super) extend_at: Option<Moment>,
    /// Whether an extension is under way.
    pub(super) extending: bool,
}

/// A message that has left its buffer.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) message: Message,
    /// When SQS shows it to others again, at the earliest.
    pub(crate) visible_until: Moment,
    /// When SQS shows it to others again, if the call that hid it took no time.
    pub(crate) hidden_until: Moment,
    /// An extension of it is under way, so it may be hidden for longer.
    pub(crate) extending: bool,
}

impl From<Buffered> for Taken {
    fn from(buffered: Buffered) -> Self {
        Self {
            message: buffered.message,
            visible_until: buffered.visible_until,
            hidden_until: buffered.hidden_until,
            extending: buffered.extending,
        }
    }
}

/// A receiver's place in the line. Its number is given once in a host's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    number: u64,
    /// For a receive with wait 0: the short poll after which it gives up.
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
            order: in_order.then(|| Box::new(Order::new())),
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

    /// There is nothing in it and nobody waits.
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

    /// Adds a message; returns whom to wake.
    pub(super) fn push(&mut self, message: Buffered) -> Option<Waker> {
        self.bytes += message.bytes;
        if self.order.is_some() {
            self.insert_in_order(message);
        } else {
            self.messages.push_back(message);
        }
        self.wake_front()
    }

    /// The buffered message with this id, if SQS has delivered it again meanwhile.
    pub(super) fn again(&mut self, message_id: &str) -> Option<&mut Buffered> {
        self.messages
            .iter_mut()
            .find(|buffered| buffered.message.message_id() == Some(message_id))
    }

    /// Takes up to `max` messages if there are any and it is the turn of `ticket` (or of a newcomer without one).
    pub(super) fn take(&mut self, ticket: Option<Ticket>, max: usize, now: Moment) -> Vec<Taken> {
        if self.receivers.front().map(|first| first.ticket) != ticket {
            return Vec::new();
        }
        self.remove_free(max, now)
    }

    /// Whether the ticket holds a place. One of a queue that was deleted and made again under its name does not.
    pub(super) fn holds(&self, ticket: Ticket) -> bool {
        self.receivers
            .iter()
            .any(|receiver| receiver.ticket == ticket)
    }

    /// Joins the line, or renews the waker of a place in it. Says whether it joined.
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

    /// Leaves the line; returns whom to wake instead.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        let at = self
            .receivers
            .iter()
            .position(|receiver| receiver.ticket == ticket)?;
        self.receivers.remove(at);
        self.long_receivers -= usize::from(!ticket.is_short());
        self.wake_front()
    }

    /// Everybody in the line.
    pub(super) fn receivers(&self) -> impl Iterator<Item = (Ticket, Waker)> {
        self.receivers
            .iter()
            .map(|receiver| (receiver.ticket, receiver.waker.clone()))
    }

    /// Whoever gave up with short poll `done`, to be woken.
    pub(super) fn waited_for_short_poll(&self, done: u64) -> impl Iterator<Item = (Ticket, Waker)> {
        self.receivers()
            .filter(move |(ticket, _)| ticket.gives_up_at(done))
    }

    /// Whether somebody in the line waits for a short poll after `done`.
    pub(super) fn waits_for_short_poll_after(&self, done: u64) -> bool {
        let mut tickets = self.receivers.iter().map(|receiver| receiver.ticket);
        tickets.any(|ticket| ticket.is_short() && !ticket.gives_up_at(done))
    }

    /// Everybody in the line, to be told that the queue is gone.
    pub(super) fn into_wakers(self) -> impl Iterator<Item = Waker> {
        self.receivers.into_iter().map(|receiver| receiver.waker)
    }

    /// Drops the messages whose visibility has ended at `now`: SQS delivers them again. Returns how many.
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

    /// When there is something to do about a message.
    pub(super) fn next_attention(&self) -> Option<Moment> {
        self.messages.iter().map(Buffered::attention).min()
    }

    /// When there is something to do about the message that came last.
    pub(super) fn attention_of_last(&self) -> Option<Moment> {
        self.messages.back().map(Buffered::attention)
    }

    /// Messages in the buffer that may be taken now.
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
            // An even number of bytes says that it is the second time.
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

    /// Whom to wake: the receiver whose turn it is, if there is something for it.
    pub(super) fn wake_front(&self) -> Option<Waker> {
        let first = self.receivers.front().filter(|_| self.free() > 0);
        first.map(|receiver| receiver.waker.clone())
    }
}

impl Buffered {
    pub(super) fn attention(&self) -> Moment {
        let extend_at = self.extend_at.unwrap_or(self.visible_until);
        extend_at.min(self.visible_until)
    }
}

impl Load {
    /// Replaces one queue's part in the host's sum.
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
