//! Which ready message is received next.
//!
//! Owns the numbers of the ready messages, and, for a FIFO queue, the numbers of the messages in flight of each group.
//! Does not own messages. Invariant: a group offers no message behind one of its messages in flight.

use super::message::Number;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The ready messages of a queue, in the order in which they will be received.
#[derive(Debug)]
pub(super) enum Order {
    Standard(Arrivals),
    Fifo(Groups),
}

/// The order of a standard queue: as messages became ready.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    next_place: u64,
    places: BTreeMap<u64, Number>,
    place_of: HashMap<Number, u64>,
}

/// The order of a FIFO queue: in each group as messages were sent; the group with the oldest ready message first.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: HashMap<Arc<str>, Group>,
    /// The groups that can be received from, by their oldest ready message.
    open: BTreeMap<Number, Arc<str>>,
    /// The number of ready messages in all groups, open or not.
    ready: usize,
}

#[derive(Debug, Default)]
struct Group {
    ready: BTreeSet<Number>,
    in_flight: BTreeSet<Number>,
}

impl Group {
    /// The oldest ready message, unless an older message is in flight. Amazon delivers a message that is visible again
    /// even if later messages of its group are still in flight (recorded).
    fn first(&self) -> Option<Number> {
        let first = *self.ready.first()?;
        let is_behind = self.in_flight.first().is_some_and(|older| *older < first);
        (!is_behind).then_some(first)
    }
}

impl Order {
    pub(super) fn new(fifo: bool) -> Self {
        if fifo {
            Self::Fifo(Groups::default())
        } else {
            Self::Standard(Arrivals::default())
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Standard(arrivals) => arrivals.places.len(),
            Self::Fifo(groups) => groups.ready,
        }
    }

    /// The message that [`pick`](Self::pick) takes first.
    pub(super) fn first(&self) -> Option<Number> {
        match self {
            Self::Standard(arrivals) => arrivals.places.values().next().copied(),
            Self::Fifo(groups) => groups.open.keys().next().copied(),
        }
    }

    pub(super) fn insert(&mut self, number: Number, group: Option<&Arc<str>>) {
        match (self, group) {
            (Self::Standard(arrivals), _) => arrivals.insert(number),
            (Self::Fifo(groups), Some(group)) => groups.change(group, |it| {
                it.ready.insert(number);
            }),
            (Self::Fifo(_), None) => {
                debug_assert!(false, "every message of a FIFO queue has a group")
            }
        }
    }

    pub(super) fn remove(&mut self, number: Number, group: Option<&Arc<str>>) {
        match (self, group) {
            (Self::Standard(arrivals), _) => arrivals.remove(number),
            (Self::Fifo(groups), Some(group)) => groups.change(group, |it| {
                it.ready.remove(&number);
            }),
            (Self::Fifo(_), None) => {
                debug_assert!(false, "every message of a FIFO queue has a group")
            }
        }
    }

    /// Takes at most `most` messages. Each is in flight until [`came_back`](Self::came_back) is called for it. `skip`
    /// returns the number of messages to pass over before each; a FIFO queue passes over none.
    pub(super) fn pick(&mut self, most: usize, mut skip: impl FnMut() -> usize) -> Vec<Number> {
        match self {
            Self::Standard(arrivals) => std::iter::from_fn(|| arrivals.pop(skip()))
                .take(most)
                .collect(),
            Self::Fifo(groups) => groups.pick(most),
        }
    }

    /// Takes one ready message: it is in flight until [`came_back`](Self::came_back) is called for it.
    pub(super) fn pick_one(&mut self, number: Number, group: Option<&Arc<str>>) {
        self.remove(number, group);
        if let (Self::Fifo(groups), Some(group)) = (self, group) {
            groups.change(group, |it| {
                it.in_flight.insert(number);
            });
        }
    }

    /// Ends the flight of a picked message, which was deleted or will be inserted again.
    pub(super) fn came_back(&mut self, number: Number, group: Option<&Arc<str>>) {
        if let (Self::Fifo(groups), Some(group)) = (self, group) {
            groups.change(group, |it| {
                it.in_flight.remove(&number);
            });
        }
    }
}

impl Arrivals {
    fn insert(&mut self, number: Number) {
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(place, number);
        self.place_of.insert(number, place);
    }

    fn remove(&mut self, number: Number) {
        if let Some(place) = self.place_of.remove(&number) {
            self.places.remove(&place);
        }
    }

    /// Takes the message after the first `skip` messages, or the last message.
    fn pop(&mut self, skip: usize) -> Option<Number> {
        let nth = skip.min(self.places.len().saturating_sub(1));
        let (&place, &number) = self.places.iter().nth(nth)?;
        self.places.remove(&place);
        self.place_of.remove(&number);
        Some(number)
    }
}

impl Groups {
    /// Changes a group and updates its place in `open`.
    fn change(&mut self, name: &Arc<str>, change: impl FnOnce(&mut Group)) {
        let group = self.groups.entry(name.clone()).or_default();
        if let Some(first) = group.first() {
            self.open.remove(&first);
        }
        let before = group.ready.len();
        change(group);
        self.ready = self.ready + group.ready.len() - before;
        if let Some(first) = group.first() {
            self.open.insert(first, name.clone());
        } else if group.ready.is_empty() && group.in_flight.is_empty() {
            self.groups.remove(name);
        }
    }

    fn pick(&mut self, most: usize) -> Vec<Number> {
        let mut picked = Vec::new();
        while picked.len() < most
            && let Some((_, name)) = self.open.first_key_value()
        {
            let name = name.clone();
            let room = most - picked.len();
            self.change(&name, |group| {
                // Messages taken by this pick do not block later messages of the same pick.
                let end = group.in_flight.first().copied().unwrap_or(Number::MAX);
                let taken: Vec<_> = group.ready.range(..end).take(room).copied().collect();
                for number in taken {
                    group.ready.remove(&number);
                    group.in_flight.insert(number);
                    picked.push(number);
                }
            });
        }
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> Arc<str> {
        name.into()
    }

    #[test]
    fn a_standard_queue_keeps_the_order_of_becoming_ready() {
        let mut order = Order::new(false);
        for number in [3, 1, 2] {
            order.insert(number, None);
        }
        order.remove(1, None);
        assert_eq!(order.len(), 2);
        assert_eq!(order.pick(10, || 0), [3, 2]);
        assert!(order.first().is_none());
    }

    #[test]
    fn a_group_offers_nothing_behind_a_message_in_flight() {
        let mut order = Order::new(true);
        let (a, b) = (group("a"), group("b"));
        for number in [1, 2, 3] {
            order.insert(number, Some(&a));
        }
        order.insert(4, Some(&b));
        assert_eq!(order.pick(2, || 0), [1, 2]);
        assert_eq!(order.pick(10, || 0), [4], "3 is behind 1 and 2");
        order.came_back(1, Some(&a));
        assert!(order.first().is_none(), "1 was deleted, 2 is in flight");
        order.came_back(2, Some(&a));
        order.insert(2, Some(&a));
        assert_eq!(order.pick(10, || 0), [2, 3], "in their original order");
    }

    #[test]
    fn a_message_before_messages_in_flight_is_offered() {
        let mut order = Order::new(true);
        let a = group("a");
        for number in [1, 2, 3] {
            order.insert(number, Some(&a));
        }
        assert_eq!(order.pick(3, || 0), [1, 2, 3]);
        for number in [1, 3] {
            order.came_back(number, Some(&a));
            order.insert(number, Some(&a));
        }
        assert_eq!(order.pick(10, || 0), [1], "2 is in flight, and 3 behind it");
        order.pick_one(3, Some(&a));
        order.came_back(1, Some(&a));
        order.came_back(2, Some(&a));
        assert_eq!(order.len(), 0);
        order.came_back(3, Some(&a));
        order.insert(4, Some(&a));
        assert_eq!(order.pick(10, || 0), [4]);
    }

    #[test]
    fn a_pick_takes_one_group_before_the_next() {
        let mut order = Order::new(true);
        order.insert(1, Some(&group("a")));
        order.insert(2, Some(&group("b")));
        order.insert(3, Some(&group("a")));
        assert_eq!(order.len(), 3);
        assert_eq!(order.pick(10, || 0), [1, 3, 2]);
        assert_eq!(order.len(), 0);
    }
}
