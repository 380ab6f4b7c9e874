//! The recent creations and deletions of queues, which lists may not show yet.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dice::Dice;

/// The maximum staleness of a list.
pub(super) const STALE: Duration = Duration::from_secs(60);

/// The creations and deletions of queues in the last minute.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) changes: VecDeque<Change>,
    pub(super) dice: Dice,
}

#[derive(Debug)]
pub(super) struct Change {
    pub(super) at: Duration,
    pub(super) name: String,
    pub(super) made: bool,
}

impl Recent {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            changes: VecDeque::new(),
            dice: Dice::new(seed, "stale lists"),
        }
    }

    pub(super) fn note(&mut self, at: Duration, name: &str, made: bool) {
        while self.changes.front().is_some_and(|old| old.at + STALE < at) {
            self.changes.pop_front();
        }
        let name = name.to_owned();
        self.changes.push_back(Change { at, name, made });
    }
}
