//! Which requests were answered lately.

use std::collections::{HashSet, VecDeque};

use sqs_rpc_protocol::VirtualQueueName;

/// The last few thousand names whose reply has arrived: tells a duplicate reply from a late one.
///
/// Bounded; a duplicate that comes after so many others counts as late. Nothing else depends on it.
#[derive(Debug, Default)]
pub(super) struct Answered {
    in_order: VecDeque<VirtualQueueName>,
    names: HashSet<VirtualQueueName>,
}

/// SQS repeats a message soon or after a visibility timeout: this covers seconds at thousands of replies a second.
const CAPACITY: usize = 4096;

impl Answered {
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

    pub(super) fn contains(&self, name: &VirtualQueueName) -> bool {
        self.names.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_first() {
        let name = |n: usize| VirtualQueueName::try_from(format!("n-{n}").as_str()).unwrap();
        let mut answered = Answered::default();
        for n in 0..=CAPACITY {
            answered.remember(name(n));
            answered.remember(name(n));
        }
        assert!(!answered.contains(&name(0)) && answered.contains(&name(1)));
        assert_eq!(
            (answered.in_order.len(), answered.names.len()),
            (CAPACITY, CAPACITY)
        );
    }
}
