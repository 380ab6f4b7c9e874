//! Which ready message is received next.
//!
//! Owns the numbers of the messages that are ready, and, for a FIFO queue, how many of each group are out. Does not own
//! messages. Invariant: a group with a message out offers none.

use super::message::Number;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The ready messages of a queue, in the order in which they will be received.
#[derive(Debug)]
pub(super) enum Order {
    Standard(Arrivals),
    Fifo(Groups),
}

/// A standard queue's order: as they became ready.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    next_place: u64,
    places: BTreeMap<u64, Number>,
    place_of: HashMap<Number, u64>,
}

/// A FIFO queue's order: as they were sent, in each group; the group with the oldest message first.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: HashMap<Arc<str>, Group>,
    /// The groups that may be received from, by their oldest ready message.
    open: BTreeMap<Number, Arc<str>>,
    ready: usize,
}

#[derive(Debug, Default)]
struct Group {
    ready: BTreeSet<Number>,
    out: usize,
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

    /// The message that [`pick`](Self::pick) would take first.
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

    /// Takes out at most `most` messages. They are out until [`came_back`](Self::came_back) is called for each. `skip`
    /// says how many are passed over first; a FIFO queue passes over none.
    pub(super) fn pick(&mut self, most: usize, mut skip: impl FnMut() -> usize) -> Vec<Number> {
        match self {
            Self::Standard(arrivals) => std::iter::from_fn(|| arrivals.pop(skip()))
                .take(most)
                .collect(),
            Self::Fifo(groups) => groups.pick(most),
        }
    }

    /// A message that was picked is no longer out: it was deleted, or is about to be inserted again.
    pub(super) fn came_back(&mut self, group: Option<&Arc<str>>) {
        if let (Self::Fifo(groups), Some(group)) = (self, group) {
            groups.change(group, |it| it.out = it.out.saturating_sub(1));
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

    /// Takes out the one behind `skip` others, or the last one.
    fn pop(&mut self, skip: usize) -> Option<Number> {
        let nth = skip.min(self.places.len().saturating_sub(1));
        let (&place, &number) = self.places.iter().nth(nth)?;
        self.places.remove(&place);
        self.place_of.remove(&number);
        Some(number)
    }
}

impl Groups {
    /// Changes a group and puts it where it then belongs.
    fn change(&mut self, name: &Arc<str>, change: impl FnOnce(&mut Group)) {
        let group = self.groups.entry(name.clone()).or_default();
        if let Some(first) = group.ready.first() {
            self.open.remove(first);
        }
        let before = group.ready.len();
        change(group);
        self.ready = self.ready + group.ready.len() - before;
        match group.ready.first() {
            Some(&first) if group.out == 0 => {
                self.open.insert(first, name.clone());
            }
            None if group.out == 0 => {
                self.groups.remove(name);
            }
            _ => {}
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
                for _ in 0..room {
                    let Some(number) = group.ready.pop_first() else {
                        break;
                    };
                    group.out += 1;
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
    fn a_standard_queue_gives_messages_as_they_became_ready() {
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
    fn a_group_with_a_message_out_offers_none_until_all_came_back() {
        let mut order = Order::new(true);
        let (a, b) = (group("a"), group("b"));
        for number in [1, 2, 3] {
            order.insert(number, Some(&a));
        }
        order.insert(4, Some(&b));
        assert_eq!(order.pick(2, || 0), [1, 2]);
        assert_eq!(order.pick(10, || 0), [4], "group a is out, group b is not");
        order.came_back(Some(&a));
        assert!(order.first().is_none(), "message 2 is still out");
        order.came_back(Some(&a));
        order.insert(2, Some(&a));
        assert_eq!(order.pick(10, || 0), [2, 3], "in their first order again");
    }

    #[test]
    fn one_pick_takes_many_of_one_group_before_the_next_group() {
        let mut order = Order::new(true);
        order.insert(1, Some(&group("a")));
        order.insert(2, Some(&group("b")));
        order.insert(3, Some(&group("a")));
        assert_eq!(order.len(), 3);
        assert_eq!(order.pick(10, || 0), [1, 3, 2]);
        assert_eq!(order.len(), 0);
    }
}
