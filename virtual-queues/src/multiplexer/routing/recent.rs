//! The names that were of use lately.

use std::collections::{HashSet, VecDeque};

use sqs_rpc_protocol::VirtualQueueName;

use crate::hashing::{Keyed, keyed};

/// The last few thousand names that were remembered: of requests that were answered, or of virtual queues that were deleted. By
/// their digests: of two names, one is taken for the other once in 2^64.
///
/// Bounded: after so many others a name is forgotten. What depends on it says what that means.
#[derive(Debug)]
pub(super) struct RecentNames {
    in_order: VecDeque<u64>,
    digests: HashSet<u64, Keyed>,
}

/// SQS repeats a message soon or after a visibility timeout: this covers seconds at thousands of replies a second.
const CAPACITY: usize = 4096;

impl RecentNames {
    pub(super) fn new() -> Self {
        Self {
            in_order: VecDeque::new(),
            digests: HashSet::with_hasher(keyed()),
        }
    }

    pub(super) fn remember(&mut self, name: &VirtualQueueName) {
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

    /// A name that is remembered again later may be forgotten earlier than others.
    pub(super) fn forget(&mut self, name: &VirtualQueueName) {
        if !self.digests.is_empty() {
            self.digests.remove(&self.digest(name));
        }
    }

    pub(super) fn contains(&self, name: &VirtualQueueName) -> bool {
        self.digests.contains(&self.digest(name))
    }

    fn digest(&self, name: &VirtualQueueName) -> u64 {
        self.digests.hasher().hash_one(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> VirtualQueueName {
        VirtualQueueName::try_from(format!("n-{n}").as_str()).unwrap()
    }

    #[test]
    fn forgets_the_oldest_first() {
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
    fn a_name_that_comes_and_goes_takes_no_more_room() {
        let mut recent = RecentNames::new();
        for _ in 0..=2 * CAPACITY {
            recent.remember(&name(1));
            recent.forget(&name(1));
        }
        assert!(!recent.contains(&name(1)));
        assert_eq!(recent.in_order.len(), CAPACITY);
    }
}
