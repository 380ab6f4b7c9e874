//! A collection of items, ordered by when they are due.
//!
//! Owns: the order of the items by due time. Does not own: the meaning of the items, or the clock.
//!
//! **Invariant:** no item is returned before an item that is due earlier.

use std::collections::BTreeMap;

use sqs_rpc_transport::Moment;

/// Items that are due at some moment, earliest first.
///
/// There is one collection for a whole host: a deadline costs an entry, not a timer.
#[derive(Debug)]
pub(crate) struct Deadlines<T> {
    items: BTreeMap<Key, T>,
    /// The number of items added so far, which distinguishes items with the same due time.
    added: u64,
}

/// Identifies an entry of [`Deadlines`], to remove it. Keys are ordered by due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    at: Moment,
    number: u64,
}

impl Key {
    pub(crate) const fn at(self) -> Moment {
        self.at
    }
}

impl<T> Deadlines<T> {
    pub(crate) const fn new() -> Self {
        Self {
            items: BTreeMap::new(),
            added: 0,
        }
    }

    pub(crate) fn add(&mut self, at: Moment, what: T) -> Key {
        self.added += 1;
        let key = Key {
            at,
            number: self.added,
        };
        self.items.insert(key, what);
        key
    }

    /// Removes an entry. Does nothing if the entry does not exist.
    pub(crate) fn remove(&mut self, key: Key) {
        self.items.remove(&key);
    }

    /// Removes and returns the next entry that is due at `now`.
    pub(crate) fn pop(&mut self, now: Moment) -> Option<T> {
        let first = self.items.first_entry()?;
        (first.key().at <= now).then(|| first.remove())
    }

    pub(crate) fn next(&self) -> Option<Moment> {
        self.items.first_key_value().map(|(key, _)| key.at)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::from_start(Duration::from_secs(secs))
    }

    #[test]
    fn items_are_returned_in_order_when_they_are_due() {
        let mut deadlines = Deadlines::new();
        deadlines.add(at(3), 'c');
        let b = deadlines.add(at(2), 'b');
        deadlines.add(at(2), 'B');
        deadlines.add(at(1), 'a');
        deadlines.remove(b);
        deadlines.remove(b);
        assert_eq!(deadlines.next(), Some(at(1)));
        let popped: Vec<_> = std::iter::from_fn(|| deadlines.pop(at(2))).collect();
        assert_eq!(popped, ['a', 'B']);
        assert_eq!((deadlines.next(), deadlines.len()), (Some(at(3)), 1));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Add(u64),
        Remove(prop::sample::Index),
        Pop(u64),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            4 => prop_oneof![Just(30), Just(5), 0..40_u64].prop_map(Act::Add),
            3 => any::<prop::sample::Index>().prop_map(Act::Remove),
            1 => (0..3_u64).prop_map(Act::Pop),
        ];
        prop::collection::vec(act, 1..600)
    }

    proptest! {
        #[test]
        fn deadlines_behave_like_a_sorted_list(acts in acts()) {
            let mut deadlines = Deadlines::new();
            // The expected content, and all keys so far.
            let (mut sorted, mut keys) = (Vec::<(Moment, usize)>::new(), Vec::new());
            let mut now = 0;
            for act in acts {
                match act {
                    Act::Add(after) => {
                        let id = keys.len();
                        keys.push(deadlines.add(at(now + after), id));
                        sorted.push((at(now + after), id));
                        sorted.sort();
                    }
                    Act::Remove(index) if !keys.is_empty() => {
                        let id = index.index(keys.len());
                        deadlines.remove(keys[id]);
                        sorted.retain(|(_, other)| *other != id);
                    }
                    Act::Remove(_) => {}
                    Act::Pop(passed) => {
                        now += passed;
                        while let Some(id) = deadlines.pop(at(now)) {
                            let earliest = sorted[0].0;
                            let found = sorted.iter().position(|entry| *entry == (earliest, id));
                            prop_assert!(found.is_some() && earliest <= at(now));
                            found.map(|found| sorted.remove(found));
                        }
                    }
                }
                prop_assert_eq!(deadlines.len(), sorted.len());
                prop_assert_eq!(deadlines.next(), sorted.first().map(|(at, _)| *at));
            }
        }
    }
}
