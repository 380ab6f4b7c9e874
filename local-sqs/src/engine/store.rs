//! The messages of one queue, and their states.
//!
//! Owns the messages, and the times when a hidden message becomes visible or an old message is dropped. Knows no
//! requests. Invariant: a message is in exactly one state: ready (in `order`), delayed or in flight (in `hidden`,
//! counted).

use super::Timestamp;
use super::attempts::Taken;
use super::message::{Message, Number};
use super::order::Order;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// One queue's messages.
#[derive(Debug)]
pub(super) struct Store {
    entries: HashMap<Number, StoredMessage>,
    order: Order,
    /// Delayed and in-flight messages, ordered by when they become visible.
    hidden: BTreeSet<(Timestamp, Number)>,
    by_age: BTreeSet<(Timestamp, Number)>,
    delayed: usize,
    in_flight: usize,
}

/// A message and its state.
#[derive(Debug)]
pub(super) struct StoredMessage {
    pub(super) message: Message,
    pub(super) state: MessageState,
    /// The number of the latest receive; handles of earlier receives are stale.
    pub(super) generation: u32,
    /// The time of the latest receive; without meaning before the first receive.
    pub(super) received: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageState {
    Ready,
    Delayed { until: Timestamp },
    InFlight { until: Timestamp },
}

impl Store {
    pub(super) fn new(fifo: bool) -> Self {
        Self {
            entries: HashMap::new(),
            order: Order::new(fifo),
            hidden: BTreeSet::new(),
            by_age: BTreeSet::new(),
            delayed: 0,
            in_flight: 0,
        }
    }

    /// The number of messages that can be received.
    pub(super) fn ready(&self) -> usize {
        self.order.len()
    }

    pub(super) fn delayed(&self) -> usize {
        self.delayed
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The message that a receive finds first.
    pub(super) fn peek(&self) -> Option<Number> {
        self.order.first()
    }

    pub(super) fn get(&self, number: Number) -> Option<&StoredMessage> {
        self.entries.get(&number)
    }

    /// The current state of an in-flight message, to compare with the state that an attempt remembers.
    pub(super) fn taken(&self, number: Number) -> Option<Taken> {
        let entry = self.entries.get(&number)?;
        match entry.state {
            MessageState::InFlight { until, .. } => Some(Taken {
                number,
                generation: entry.generation,
                until,
            }),
            MessageState::Ready | MessageState::Delayed { .. } => None,
        }
    }

    /// Adds a message that becomes visible after `delay`.
    pub(super) fn insert(
        &mut self,
        number: Number,
        message: Message,
        now: Timestamp,
        delay: Duration,
    ) {
        self.by_age.insert((message.enqueued, number));
        let group = message.group.clone();
        let mut entry = StoredMessage {
            message,
            state: MessageState::Ready,
            generation: 0,
            received: now,
        };
        if delay.is_zero() {
            self.order.insert(number, group.as_ref());
        } else {
            let until = now.plus(delay);
            entry.state = MessageState::Delayed { until };
            self.hidden.insert((until, number));
            self.delayed += 1;
        }
        self.entries.insert(number, entry);
    }

    /// Receives at most `most` messages, which are then in flight for `visibility`. `skip` returns the number of
    /// messages to pass over before each.
    pub(super) fn take(
        &mut self,
        most: usize,
        now: Timestamp,
        visibility: Duration,
        skip: impl FnMut() -> usize,
    ) -> Vec<Number> {
        let picked = self.order.pick(most, skip);
        for &number in &picked {
            let Some(entry) = self.entries.get_mut(&number) else {
                continue;
            };
            let until = now.plus(visibility);
            entry.state = MessageState::InFlight { until };
            entry.received = now;
            entry.generation = entry.generation.wrapping_add(1);
            entry.message.receives += 1;
            entry.message.receives_here += 1;
            entry.message.first_received.get_or_insert(now);
            self.hidden.insert((until, number));
            self.in_flight += 1;
        }
        picked
    }

    /// Hides a received message until `until`. If `until` is not after `now`, the message is ready at once. A message
    /// whose visibility timeout has ended is hidden again.
    pub(super) fn hide_until(&mut self, number: Number, now: Timestamp, until: Timestamp) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        match entry.state {
            MessageState::InFlight { until: old } => {
                self.hidden.remove(&(old, number));
            }
            MessageState::Ready if until > now => {
                self.order.pick_one(number, entry.message.group.as_ref());
                self.in_flight += 1;
            }
            MessageState::Ready | MessageState::Delayed { .. } => return,
        }
        entry.state = MessageState::InFlight { until };
        self.hidden.insert((until, number));
        if until <= now {
            self.show(until, number);
        }
    }

    /// Removes a message in any state.
    pub(super) fn remove(&mut self, number: Number) -> Option<Message> {
        let entry = self.entries.remove(&number)?;
        let group = entry.message.group.as_ref();
        match entry.state {
            MessageState::Ready => self.order.remove(number, group),
            MessageState::Delayed { until } => {
                self.hidden.remove(&(until, number));
                self.delayed -= 1;
            }
            MessageState::InFlight { until, .. } => {
                self.hidden.remove(&(until, number));
                self.in_flight -= 1;
                self.order.came_back(number, group);
            }
        }
        self.by_age.remove(&(entry.message.enqueued, number));
        Some(entry.message)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(matches!(self.order, Order::Fifo(_)));
    }

    /// Makes due messages visible and drops messages that are too old.
    pub(super) fn advance(&mut self, now: Timestamp, retention: Duration) {
        while let Some(&(until, number)) = self.hidden.first().filter(|&&(until, _)| until <= now) {
            self.show(until, number);
        }
        while let Some(&(enqueued, number)) = self.by_age.first()
            && enqueued.plus(retention) <= now
        {
            self.remove(number);
        }
    }

    /// The next time at which [`advance`](Self::advance) has something to do.
    pub(super) fn next_event(&self, retention: Duration) -> Option<Timestamp> {
        let shown = self.hidden.first().map(|&(until, _)| until);
        let dropped = self
            .by_age
            .first()
            .map(|&(enqueued, _)| enqueued.plus(retention));
        shown.into_iter().chain(dropped).min()
    }

    /// Changes the delay of all delayed messages, counted from their send.
    pub(super) fn set_delay(&mut self, now: Timestamp, delay: Duration) {
        let delayed = self
            .entries
            .iter_mut()
            .filter_map(|(&number, entry)| match entry.state {
                MessageState::Delayed { until } => Some((number, until, entry)),
                _ => None,
            });
        for (number, old, entry) in delayed {
            let until = entry.message.sent.plus(delay);
            entry.state = MessageState::Delayed { until };
            self.hidden.remove(&(old, number));
            self.hidden.insert((until, number));
        }
        while let Some(&(until, number)) = self.hidden.first().filter(|&&(until, _)| until <= now) {
            self.show(until, number);
        }
    }

    /// Makes a hidden message ready.
    fn show(&mut self, until: Timestamp, number: Number) {
        self.hidden.remove(&(until, number));
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        let group: Option<&Arc<str>> = entry.message.group.as_ref();
        match entry.state {
            MessageState::Delayed { .. } => self.delayed -= 1,
            MessageState::InFlight { .. } => {
                self.in_flight -= 1;
                self.order.came_back(number, group);
            }
            MessageState::Ready => return,
        }
        entry.state = MessageState::Ready;
        self.order.insert(number, group);
    }
}
