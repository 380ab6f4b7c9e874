//! The names that were of use lately.

use std::collections::{HashSet, VecDeque};

use sqs_rpc_protocol::VirtualQueueName;

/// The last few thousand names that were remembered: of requests that were answered, or of virtual queues that were deleted.
///
/// Bounded: after so many others a name is forgotten. What depends on it says what that means.
#[derive(Debug, Default)]
pub(super) struct RecentNames {
    in_order: VecDeque<VirtualQueueName>,
    names: HashSet<VirtualQueueName>,
}

/// SQS repeats a message soon or after a visibility timeout: this covers seconds at thousands of replies a second.
const CAPACITY: usize = 4096;

impl RecentNames {
    pub(super) fn remember(&mut self, name: VirtualQueueName) {
        if !self.names.insert(name.clone()) {
            return;
        }
        self.in_order.push_back(name);
        if self.in_order.len() > CAPACITY
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.names.remove(&oldest);
        }
    }

    /// A name that was remembered again since may be forgotten earlier than others.
    pub(super) fn forget(&mut self, name: &VirtualQueueName) {
        self.names.remove(name);
    }

    pub(super) fn contains(&self, name: &VirtualQueueName) -> bool {
        self.names.contains(name)
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
        let mut recent = RecentNames::default();
        for n in 0..=CAPACITY {
            recent.remember(name(n));
            recent.remember(name(n));
        }
        assert!(!recent.contains(&name(0)) && recent.contains(&name(1)));
        assert_eq!(
            (recent.in_order.len(), recent.names.len()),
            (CAPACITY, CAPACITY)
        );
    }

    #[test]
    fn a_name_that_comes_and_goes_takes_no_more_room() {
        let mut recent = RecentNames::default();
        for _ in 0..=2 * CAPACITY {
            recent.remember(name(1));
            recent.forget(&name(1));
        }
        assert!(!recent.contains(&name(1)));
        assert_eq!(recent.in_order.len(), CAPACITY);
    }
}
