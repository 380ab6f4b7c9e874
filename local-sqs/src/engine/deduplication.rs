//! The messages that a FIFO queue has accepted lately, so that none is accepted twice.
//!
//! Invariant: an id is remembered for five minutes after its accepted send, and duplicates do not extend this time.

use super::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(300);

/// The answer to the accepted send; a duplicate gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) message_id: Arc<str>,
    pub(super) sequence_number: u64,
}

/// The group, if the de-duplication scope is the group, and the de-duplication id.
pub(super) type Key = (Option<Arc<str>>, Arc<str>);

#[derive(Debug, Default)]
pub(super) struct Deduplication {
    accepted: HashMap<Key, Accepted>,
    oldest: VecDeque<(Timestamp, Key)>,
}

impl Deduplication {
    /// The accepted send that this send repeats. If the scope changes from the whole queue to the group, an id that was
    /// accepted before the change still counts in every group, until its five minutes have passed (recorded on Amazon).
    pub(super) fn earlier(&mut self, now: Timestamp, key: &Key) -> Option<Accepted> {
        while let Some((_, old)) = self
            .oldest
            .pop_front_if(|(accepted, _)| accepted.plus(WINDOW) <= now)
        {
            self.accepted.remove(&old);
        }
        let (_, id) = key;
        let in_the_queue = || self.accepted.get(&(None, id.clone()));
        self.accepted.get(key).or_else(in_the_queue).cloned()
    }

    pub(super) fn remember(&mut self, now: Timestamp, key: Key, accepted: Accepted) {
        self.oldest.push_back((now, key.clone()));
        self.accepted.insert(key, accepted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_remembered_for_five_minutes_and_not_renewed() {
        let mut memory = Deduplication::default();
        let key: Key = (None, "id".into());
        let first = Accepted {
            message_id: "m".into(),
            sequence_number: 1,
        };
        let at = Timestamp::from_millis;
        assert_eq!(memory.earlier(at(0), &key), None);
        memory.remember(at(0), key.clone(), first.clone());
        assert_eq!(memory.earlier(at(299_999), &key), Some(first));
        assert_eq!(memory.earlier(at(300_000), &key), None);
        assert!(memory.oldest.is_empty());
    }

    #[test]
    fn an_id_accepted_for_the_queue_counts_in_each_group() {
        let mut memory = Deduplication::default();
        let accepted = Accepted {
            message_id: "m".into(),
            sequence_number: 1,
        };
        let now = Timestamp::from_millis(0);
        memory.remember(now, (None, "id".into()), accepted.clone());
        let in_group = |id: &str| (Some("g".into()), id.into());
        assert_eq!(memory.earlier(now, &in_group("id")), Some(accepted.clone()));
        memory.remember(now, in_group("other"), accepted);
        assert_eq!(
            memory.earlier(now, &(Some("h".into()), "other".into())),
            None
        );
    }
}
