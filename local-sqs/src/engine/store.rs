//! The messages of one queue, and the state that each is in.
//!
//! Owns the messages, and when a hidden one becomes visible or an old one is dropped. Knows nothing of requests.
//! Invariant: a message is in exactly one state: ready (in `order`), delayed or in flight (in `hidden`, counted).

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
    entries: HashMap<Number, Entry>,
    order: Order,
    /// Delayed and in-flight messages, by when they become visible.
    hidden: BTreeSet<(Timestamp, Number)>,
    by_age: BTreeSet<(Timestamp, Number)>,
    delayed: usize,
    in_flight: usize,
}

/// A message and its state.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: Message,
    pub(super) state: State,
    /// Which receive this is: a handle of an earlier one is stale.
    pub(super) generation: u32,
    /// When the latest receive was; of no meaning before the first.
    pub(super) received: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
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

    /// Messages that can be received.
    pub(super) fn ready(&self) -> usize {
        self.order.len()
    }

    pub(super) fn delayed(&self) -> usize {
        self.delayed
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The message that a receive would find first.
    pub(super) fn peek(&self) -> Option<Number> {
        self.order.first()
    }

    pub(super) fn get(&self, number: Number) -> Option<&Entry> {
        self.entries.get(&number)
    }

    /// An in-flight message as its latest receive left it.
    pub(super) fn taken(&self, number: Number) -> Option<Taken> {
        let entry = self.entries.get(&number)?;
        match entry.state {
            State::InFlight { until, .. } => Some(Taken {
                number,
                generation: entry.generation,
                until,
            }),
            State::Ready | State::Delayed { .. } => None,
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
        let mut entry = Entry {
            message,
            state: State::Ready,
            generation: 0,
            received: now,
        };
        if delay.is_zero() {
            self.order.insert(number, group.as_ref());
        } else {
            let until = now.plus(delay);
            entry.state = State::Delayed { until };
            self.hidden.insert((until, number));
            self.delayed += 1;
        }
        self.entries.insert(number, entry);
    }

    /// Receives at most `most` messages: they are in flight for `visibility`. `skip` says how many are passed over before
    /// each.
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
            entry.state = State::InFlight { until };
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

    /// Hides a message that was received until then; at or before `now`, it is ready at once. One that is visible again
    /// since its latest receive is hidden again.
    pub(super) fn hide_until(&mut self, number: Number, now: Timestamp, until: Timestamp) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        match entry.state {
            State::InFlight { until: old } => {
                self.hidden.remove(&(old, number));
            }
            State::Ready if until > now => {
                self.order.pick_one(number, entry.message.group.as_ref());
                self.in_flight += 1;
            }
            State::Ready | State::Delayed { .. } => return,
        }
        entry.state = State::InFlight { until };
        self.hidden.insert((until, number));
        if until <= now {
            self.show(until, number);
        }
    }

    /// Takes a message out, whatever its state.
    pub(super) fn remove(&mut self, number: Number) -> Option<Message> {
        let entry = self.entries.remove(&number)?;
        let group = entry.message.group.as_ref();
        match entry.state {
            State::Ready => self.order.remove(number, group),
            State::Delayed { until } => {
                self.hidden.remove(&(until, number));
                self.delayed -= 1;
            }
            State::InFlight { until, .. } => {
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

    /// Makes visible what is due and drops what is too old.
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

    /// When [`advance`](Self::advance) has something to do next.
    pub(super) fn next_event(&self, retention: Duration) -> Option<Timestamp> {
        let shown = self.hidden.first().map(|&(until, _)| until);
        let dropped = self
            .by_age
            .first()
            .map(|&(enqueued, _)| enqueued.plus(retention));
        shown.into_iter().chain(dropped).min()
    }

    /// Gives all delayed messages another delay, counted from when they were sent.
    pub(super) fn set_delay(&mut self, now: Timestamp, delay: Duration) {
        let delayed = self
            .entries
            .iter_mut()
            .filter_map(|(&number, entry)| match entry.state {
                State::Delayed { until } => Some((number, until, entry)),
                _ => None,
            });
        for (number, old, entry) in delayed {
            let until = entry.message.sent.plus(delay);
            entry.state = State::Delayed { until };
            self.hidden.remove(&(old, number));
            self.hidden.insert((until, number));
        }
        while let Some(&(until, number)) = self.hidden.first().filter(|&&(until, _)| until <= now) {
            self.show(until, number);
        }
    }

    /// A hidden message becomes ready.
    fn show(&mut self, until: Timestamp, number: Number) {
        self.hidden.remove(&(until, number));
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        let group: Option<&Arc<str>> = entry.message.group.as_ref();
        match entry.state {
            State::Delayed { .. } => self.delayed -= 1,
            State::InFlight { .. } => {
                self.in_flight -= 1;
                self.order.came_back(number, group);
            }
            State::Ready => return,
        }
        entry.state = State::Ready;
        self.order.insert(number, group);
    }
}
