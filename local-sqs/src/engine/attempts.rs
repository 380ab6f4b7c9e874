//! Receives from a FIFO queue that a caller may repeat because it did not get the answer.
//!
//! Invariant: an attempt is remembered for five minutes. The store, not this module, knows whether the attempt's
//! messages are unchanged.

use super::Timestamp;
use super::message::Number;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(300);

/// A message as an attempt received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) number: Number,
    pub(super) generation: u32,
    /// The end of the visibility timeout. If it differs from the message's current one, the attempt cannot be repeated.
    pub(super) until: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Attempts {
    taken: HashMap<Arc<str>, (Timestamp, Vec<Taken>)>,
    oldest: VecDeque<(Timestamp, Arc<str>)>,
}

impl Attempts {
    /// The messages that this attempt received earlier.
    pub(super) fn earlier(&mut self, now: Timestamp, id: &str) -> Option<&[Taken]> {
        while let Some((at, old)) = self.oldest.pop_front_if(|(at, _)| at.plus(WINDOW) <= now) {
            // Keep the attempt if it was repeated since.
            if self.taken.get(&old).is_some_and(|(made, _)| *made == at) {
                self.taken.remove(&old);
            }
        }
        self.taken.get(id).map(|(_, taken)| taken.as_slice())
    }

    pub(super) fn remember(&mut self, now: Timestamp, id: &Arc<str>, taken: Vec<Taken>) {
        self.oldest.push_back((now, id.clone()));
        self.taken.insert(id.clone(), (now, taken));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_remembered_for_five_minutes_after_its_repetition() {
        let mut attempts = Attempts::default();
        let at = Timestamp::from_millis;
        let taken = |number| {
            vec![Taken {
                number,
                generation: 1,
                until: at(30),
            }]
        };
        let id: Arc<str> = "id".into();
        attempts.remember(at(0), &id, taken(1));
        attempts.remember(at(1_000), &id, taken(2));
        assert_eq!(
            attempts.earlier(at(300_500), "id"),
            Some(taken(2).as_slice())
        );
        assert_eq!(attempts.earlier(at(301_000), "id"), None);
    }
}
