//! A collection of items, ordered by when they are due.
//!
//! Owns: the order of the items by due time. Does not own: the meaning of the items, or the clock.
//!
//! Most requests of a process have one of a few timeouts, so most deadlines are added in the order in which they are
//! due. A *run* is a queue of such deadlines: a new deadline is appended, and an answered deadline is found by its
//! number. Each deadline is appended to the run that it fits best. Deadlines that fit no run are kept in a tree,
//! which costs a search.
//!
//! **Invariant:** no item is returned before an item that is due earlier.

mod run;

use std::collections::BTreeMap;

use sqs_rpc_transport::Moment;

use self::run::Run;

/// The maximum number of runs: one for each usual timeout, and some for visibility and idle times.
const RUNS: usize = 8;

/// Items that are due at some moment, earliest first.
///
/// There is one collection for a whole host: a deadline costs an entry, not a timer.
#[derive(Debug)]
pub(crate) struct Deadlines<T> {
    runs: Vec<Run<T>>,
    others: BTreeMap<Key, T>,
    /// The number of items added to the tree so far, which distinguishes items with the same due time.
    added: u64,
}

/// Identifies an entry of [`Deadlines`], to remove it. Keys are ordered by due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    at: Moment,
    /// The number in its run times [`PLACES`], plus the run; or the number in the tree times [`PLACES`], plus
    /// [`TREE`]. One word, because every pending request keeps a key.
    place: u64,
}

const PLACES: u64 = 16;
const TREE: u64 = PLACES - 1;
const _: () = assert!(RUNS as u64 <= TREE, "the tree is a place, too");

impl Key {
    pub(crate) const fn at(self) -> Moment {
        self.at
    }

    const fn new(at: Moment, number: u64, place: u64) -> Self {
        let place = number * PLACES + place;
        Self { at, place }
    }

    /// The number of the entry, and its run.
    const fn parts(self) -> (u64, usize) {
        (self.place / PLACES, (self.place % PLACES) as usize)
    }
}

/// Where the earliest entry is.
enum Place {
    Run(usize),
    Tree,
}

impl<T> Deadlines<T> {
    pub(crate) const fn new() -> Self {
        Self {
            runs: Vec::new(),
            others: BTreeMap::new(),
            added: 0,
        }
    }

    pub(crate) fn add(&mut self, at: Moment, what: T) -> Key {
        if let Some(run) = self.fitting(at) {
            return Key::new(at, self.runs[run].push(at, what), run as u64);
        }
        self.added += 1;
        let key = Key::new(at, self.added, TREE);
        self.others.insert(key, what);
        key
    }

    /// Removes an entry. Does nothing if the entry does not exist.
    pub(crate) fn remove(&mut self, key: Key) {
        let (number, run) = key.parts();
        if let Some(run) = self.runs.get_mut(run) {
            run.remove(number);
        } else {
            self.others.remove(&key);
        }
    }

    /// Removes and returns the next entry that is due at `now`.
    pub(crate) fn pop(&mut self, now: Moment) -> Option<T> {
        let (at, place) = self.first()?;
        if at > now {
            return None;
        }
        match place {
            Place::Run(run) => self.runs[run].pop(),
            Place::Tree => self.others.pop_first().map(|(_, what)| what),
        }
    }

    pub(crate) fn next(&self) -> Option<Moment> {
        self.first().map(|(at, _)| at)
    }

    /// The best run for this due time: the run whose last entry is due latest, but not later.
    fn fitting(&mut self, at: Moment) -> Option<usize> {
        let fits = self
            .runs
            .iter()
            .enumerate()
            .filter(|(_, run)| run.takes(at));
        let best = fits.max_by_key(|(_, run)| run.last());
        if let Some((run, _)) = best {
            return Some(run);
        }
        (self.runs.len() < RUNS).then(|| {
            self.runs.push(Run::new());
            self.runs.len() - 1
        })
    }

    fn first(&self) -> Option<(Moment, Place)> {
        let runs = self.runs.iter().enumerate();
        let in_run = runs.filter_map(|(at, run)| Some((run.first()?, Place::Run(at))));
        let other = self.others.first_key_value();
        let other = other.map(|(key, _)| (key.at, Place::Tree));
        in_run.chain(other).min_by_key(|(at, _)| *at)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.runs.iter().map(Run::len).sum::<usize>() + self.others.len()
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

    #[test]
    fn each_timeout_has_one_run() {
        let mut deadlines = Deadlines::new();
        for now in 0..1_000 {
            for time_out in [30, 5, 60, 3_600] {
                deadlines.add(at(now + time_out), ());
            }
        }
        assert_eq!((deadlines.runs.len(), deadlines.others.len()), (4, 0));
    }

    #[test]
    fn items_that_fit_no_run_are_kept_in_the_tree() {
        let mut deadlines = Deadlines::new();
        for secs in (1..100).rev() {
            deadlines.add(at(secs), secs);
        }
        assert_eq!((deadlines.runs.len(), deadlines.others.len()), (RUNS, 91));
        let popped: Vec<_> = std::iter::from_fn(|| deadlines.pop(at(99))).collect();
        assert!(popped.into_iter().eq(1..100));
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
