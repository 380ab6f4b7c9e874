//! The engine's only data structure for deadlines.
//!
//! Owns one instant for each key, and finds the earliest. Does not know the meaning of keys.
//! Invariant: `at` and `order` hold the same pairs.

use super::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// One deadline for each key. Setting, clearing and finding the next deadline cost `O(log n)`.
#[derive(Debug)]
pub(super) struct Schedule<K> {
    at: HashMap<K, Timestamp>,
    order: BTreeSet<(Timestamp, K)>,
}

impl<K: Copy + Ord + Hash> Schedule<K> {
    pub(super) fn new() -> Self {
        Self {
            at: HashMap::new(),
            order: BTreeSet::new(),
        }
    }

    /// Changes the key's deadline, or removes it.
    pub(super) fn set(&mut self, key: K, at: Option<Timestamp>) {
        let old = match at {
            Some(at) => self.at.insert(key, at),
            None => self.at.remove(&key),
        };
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.order.remove(&(old, key));
        }
        if let Some(at) = at {
            self.order.insert((at, key));
        }
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|&(at, _)| at)
    }

    /// Removes and returns the earliest key that is due at `now`, with its deadline.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        let &(at, key) = self.order.first().filter(|&&(at, _)| at <= now)?;
        self.order.remove(&(at, key));
        self.at.remove(&key);
        Some((at, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_moved_deadline_fires_once_at_its_new_instant() {
        let mut schedule = Schedule::new();
        schedule.set('a', Some(at(10)));
        schedule.set('b', Some(at(20)));
        schedule.set('a', Some(at(30)));
        assert_eq!(schedule.next(), Some(at(20)));
        assert_eq!(schedule.pop_due(at(19)), None);
        assert_eq!(schedule.pop_due(at(40)), Some((at(20), 'b')));
        assert_eq!(schedule.pop_due(at(40)), Some((at(30), 'a')));
        assert_eq!(schedule.pop_due(at(40)), None);
    }

    #[test]
    fn a_cleared_deadline_never_fires() {
        let mut schedule = Schedule::new();
        schedule.set('a', Some(at(10)));
        schedule.set('a', None);
        assert_eq!(schedule.next(), None);
        assert_eq!(schedule.pop_due(at(99)), None);
    }
}
