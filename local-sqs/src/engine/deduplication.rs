//! Which messages a FIFO queue has accepted lately, so that none is accepted twice.
//!
//! Invariant: an id is remembered for five minutes after the send that was accepted, and not renewed by one that was not.

use super::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(300);

/// What was answered to the send that was accepted; a duplicate gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) message_id: Arc<str>,
    pub(super) sequence_number: u64,
}

/// The group, if groups are kept apart, and the de-duplication id.
type Key = (Option<Arc<str>>, Arc<str>);

#[derive(Debug, Default)]
pub(super) struct Deduplication {
    accepted: HashMap<Key, Accepted>,
    oldest: VecDeque<(Timestamp, Key)>,
}

impl Deduplication {
    /// The send that this one repeats.
    pub(super) fn earlier(&mut self, now: Timestamp, key: &Key) -> Option<Accepted> {
        while let Some((_, old)) = self
            .oldest
            .pop_front_if(|(accepted, _)| accepted.plus(WINDOW) <= now)
        {
            self.accepted.remove(&old);
        }
        self.accepted.get(key).cloned()
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
}
