//! What is due when.

use std::collections::BTreeMap;

use crate::sqs::Moment;

/// Things that fall due, earliest first; those of one moment in the order in which they were added.
///
/// One structure for a whole host: a deadline costs an entry, not a timer.
#[derive(Debug)]
pub(crate) struct Deadlines<T> {
    due: BTreeMap<Key, T>,
    added: u64,
}

/// Names an entry of [`Deadlines`], to take it out again.
pub(crate) type Key = (Moment, u64);

impl<T> Deadlines<T> {
    pub(crate) const fn new() -> Self {
        Self {
            due: BTreeMap::new(),
            added: 0,
        }
    }

    pub(crate) fn add(&mut self, at: Moment, what: T) -> Key {
        self.added += 1;
        let key = (at, self.added);
        self.due.insert(key, what);
        key
    }

    /// Takes an entry out; nothing happens if it is gone already.
    pub(crate) fn remove(&mut self, key: Key) {
        self.due.remove(&key);
    }

    /// The next that is due at `now` or was before.
    pub(crate) fn pop(&mut self, now: Moment) -> Option<T> {
        let entry = self.due.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    pub(crate) fn next(&self) -> Option<Moment> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::from_start(Duration::from_secs(secs))
    }

    #[test]
    fn comes_out_in_order_and_not_before_its_time() {
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
}
