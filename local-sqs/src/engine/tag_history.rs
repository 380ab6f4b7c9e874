//! The current and the earlier tags of one queue.

use super::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// A queue's current tags, and earlier tags as long as they can still be read.
#[derive(Debug)]
pub(super) struct TagHistory {
    latest: BTreeMap<String, String>,
    /// Earlier tags, each with the time until which they were current; oldest first.
    before: VecDeque<(Timestamp, BTreeMap<String, String>)>,
}

impl TagHistory {
    pub(super) fn new(tags: BTreeMap<String, String>) -> Self {
        Self {
            latest: tags,
            before: VecDeque::new(),
        }
    }

    pub(super) fn latest(&self) -> &BTreeMap<String, String> {
        &self.latest
    }

    /// The tags at this time.
    pub(super) fn as_of(&self, then: Timestamp) -> &BTreeMap<String, String> {
        let old = self.before.iter().find(|(until, _)| then < *until);
        old.map_or(&self.latest, |(_, tags)| tags)
    }

    /// Changes the tags, and drops earlier tags that were replaced at or before `oldest`.
    pub(super) fn change(
        &mut self,
        now: Timestamp,
        oldest: Timestamp,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) {
        while self
            .before
            .pop_front_if(|(until, _)| *until <= oldest)
            .is_some()
        {}
        if oldest < now {
            self.before.push_back((now, self.latest.clone()));
        }
        change(&mut self.latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags<K: Into<String>>(
        pairs: impl IntoIterator<Item = (K, &'static str)>,
    ) -> BTreeMap<String, String> {
        pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value.to_owned()))
            .collect()
    }

    #[test]
    fn old_tags_are_kept_while_they_can_be_read() {
        let at = Timestamp::from_millis;
        let mut history = TagHistory::new(tags([("k", "0")]));
        for (now, value) in [(10, "1"), (20, "2")] {
            history.change(at(now), at(now - 10), |all| *all = tags([("k", value)]));
        }
        for (then, value) in [(10, "1"), (19, "1"), (20, "2")] {
            assert_eq!(history.as_of(at(then))["k"], value, "as of {then}");
        }
        history.change(at(30), at(30), |all| all.clear());
        assert!(history.before.is_empty() && history.latest().is_empty());
    }
}
