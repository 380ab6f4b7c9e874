//! The tags of one queue, and how they were before.

use super::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// A queue's tags, and what they were before, as long as somebody may still read that.
#[derive(Debug)]
pub(super) struct TagHistory {
    latest: BTreeMap<String, String>,
    /// Older ones, and until when they were the latest; oldest first.
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

    /// The tags as they were then.
    pub(super) fn as_of(&self, then: Timestamp) -> &BTreeMap<String, String> {
        let old = self.before.iter().find(|(until, _)| then < *until);
        old.map_or(&self.latest, |(_, tags)| tags)
    }

    /// Changes the tags; what was older than `oldest` is forgotten.
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
    fn old_tags_are_kept_for_as_long_as_somebody_may_read_them() {
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
