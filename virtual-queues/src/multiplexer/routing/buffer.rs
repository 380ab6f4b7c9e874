//! One virtual queue: what waits in it, and who waits for it.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use aws_sdk_sqs::types::Message;

use super::deadlines::Key;
use crate::sqs::Moment;

/// A virtual queue's messages and its receivers, each in order of arrival.
///
/// **Invariant:** only the receiver at the front may take. Messages leave the buffer in the same poll that returns
/// them, so a receiver that is dropped, even after it was woken, has taken nothing.
#[derive(Debug)]
pub(super) struct QueueSlot {
    messages: VecDeque<Buffered>,
    receivers: VecDeque<Receiver>,
    /// Deleted when nothing used it for so long; `None`: never.
    pub(super) retention: Option<Duration>,
    pub(super) last_used: Moment,
    /// The entry of the end of the front message's visibility, while there is a message.
    pub(super) visibility_key: Option<Key>,
    /// The entry of the idle expiry, while there is a retention.
    pub(super) idle_key: Option<Key>,
}

/// A message that SQS keeps invisible for us.
#[derive(Debug)]
pub(super) struct Buffered {
    pub(super) message: Message,
    pub(super) bytes: usize,
    pub(super) visible_until: Moment,
}

/// A receiver's place in the line. Its number is given once in a host's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub(super) const fn new(retention: Option<Duration>, now: Moment) -> Self {
        Self {
            messages: VecDeque::new(),
            receivers: VecDeque::new(),
            retention,
            last_used: now,
            visibility_key: None,
            idle_key: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn is_waited_for(&self) -> bool {
        !self.receivers.is_empty()
    }

    /// Receivers that wait with a long poll.
    pub(super) fn long_receivers(&self) -> usize {
        self.receivers
            .iter()
            .filter(|receiver| !receiver.ticket.is_short())
            .count()
    }

    /// Adds a message; returns whom to wake.
    pub(super) fn push(&mut self, message: Buffered) -> Option<Waker> {
        self.messages.push_back(message);
        self.wake_front()
    }

    /// The buffered message with this id, if SQS has delivered it again meanwhile.
    pub(super) fn again(&mut self, message_id: &str) -> Option<&mut Buffered> {
        self.messages
            .iter_mut()
            .find(|buffered| buffered.message.message_id() == Some(message_id))
    }

    /// Takes up to `max` messages if there are any and it is the turn of `ticket` (or of a newcomer without one).
    pub(super) fn take(&mut self, ticket: Option<Ticket>, max: usize) -> Vec<Buffered> {
        if self.receivers.front().map(|first| first.ticket) != ticket {
            return Vec::new();
        }
        self.messages
            .drain(..max.min(self.messages.len()))
            .collect()
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
        self.receivers.push_back(Receiver {
            ticket,
            waker: waker.clone(),
        });
        true
    }

    /// Leaves the line; returns whom to wake instead, and whether the place was still held.
    pub(super) fn leave(&mut self, ticket: Ticket) -> (Option<Waker>, bool) {
        let before = self.receivers.len();
        self.receivers.retain(|receiver| receiver.ticket != ticket);
        let left = self.receivers.len() < before;
        (
            if left && !self.messages.is_empty() {
                self.wake_front()
            } else {
                None
            },
            left,
        )
    }

    /// Whoever gave up with short poll `done`, to be woken.
    pub(super) fn waited_for_short_poll(&self, done: u64) -> impl Iterator<Item = Waker> {
        self.receivers
            .iter()
            .filter(move |receiver| receiver.ticket.short_poll.is_some_and(|poll| poll <= done))
            .map(|receiver| receiver.waker.clone())
    }

    /// Everybody in the line, to be told that the queue is gone.
    pub(super) fn into_wakers(self) -> impl Iterator<Item = Waker> {
        self.receivers.into_iter().map(|receiver| receiver.waker)
    }

    /// Drops the messages whose visibility has ended at `now`: SQS delivers them again.
    pub(super) fn drop_visible(&mut self, now: Moment) -> Vec<Buffered> {
        let ended = self
            .messages
            .partition_point(|buffered| buffered.visible_until <= now);
        self.messages.drain(..ended).collect()
    }

    /// Takes all messages, for a purge.
    pub(super) fn drain(&mut self) -> Vec<Buffered> {
        self.messages.drain(..).collect()
    }

    /// When the visibility of the first message ends.
    pub(super) fn next_visible(&self) -> Option<Moment> {
        self.messages.front().map(|buffered| buffered.visible_until)
    }

    fn wake_front(&self) -> Option<Waker> {
        self.receivers
            .front()
            .map(|receiver| receiver.waker.clone())
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
