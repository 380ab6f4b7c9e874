//! Remembers recently used names.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

use sqs_rpc_transport::{hashing::Keyed, hashing::keyed};

/// The last few thousand names of answered requests or of deleted virtual queues, by their digests. Two names have
/// the same digest with a probability of 2^-64.
///
/// The size is limited: after 4,096 newer names a name is forgotten. The users of this type describe the effect.
#[derive(Debug)]
pub(super) struct RecentNames {
    in_order: VecDeque<u64>,
    digests: HashSet<u64, Keyed>,
}

/// SQS repeats a message soon, or after a visibility timeout. This capacity covers seconds at thousands of replies a
/// second.
const CAPACITY: usize = 4096;

impl RecentNames {
    pub(super) fn new() -> Self {
        Self {
            in_order: VecDeque::new(),
            digests: HashSet::with_hasher(keyed()),
        }
    }

    pub(super) fn remember(&mut self, name: &impl Hash) {
        let digest = self.digest(name);
        if !self.digests.insert(digest) {
            return;
        }
        self.in_order.push_back(digest);
        if self.in_order.len() > CAPACITY
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.digests.remove(&oldest);
        }
    }

    /// Removes a name. If the name is remembered again later, it may be forgotten earlier than others.
    pub(super) fn forget(&mut self, name: &impl Hash) {
        if !self.digests.is_empty() {
            self.digests.remove(&self.digest(name));
        }
    }

    pub(super) fn contains(&self, name: &impl Hash) -> bool {
        self.digests.contains(&self.digest(name))
    }

    fn digest(&self, name: &impl Hash) -> u64 {
        self.digests.hasher().hash_one(name)
    }
}

#[cfg(test)]
mod tests {
    use sqs_rpc_protocol::VirtualQueueName;

    use super::*;

    fn name(n: usize) -> VirtualQueueName {
        VirtualQueueName::try_from(format!("n-{n}").as_str()).unwrap()
    }

    #[test]
    fn the_oldest_name_is_forgotten_first() {
        let mut recent = RecentNames::new();
        for n in 0..=CAPACITY {
            recent.remember(&name(n));
            recent.remember(&name(n));
        }
        assert!(!recent.contains(&name(0)) && recent.contains(&name(1)));
        assert_eq!(
            (recent.in_order.len(), recent.digests.len()),
            (CAPACITY, CAPACITY)
        );
    }

    #[test]
    fn a_name_remembered_again_takes_no_more_room() {
        let mut recent = RecentNames::new();
        for _ in 0..=2 * CAPACITY {
            recent.remember(&name(1));
            recent.forget(&name(1));
        }
        assert!(!recent.contains(&name(1)));
        assert_eq!(recent.in_order.len(), CAPACITY);
    }
}
