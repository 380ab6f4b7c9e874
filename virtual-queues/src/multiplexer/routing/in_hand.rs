//! The messages of one virtual queue that its receivers hold.

use std::collections::HashMap;

use sqs_rpc_transport::{Moment, hashing::Keyed, hashing::keyed};

use super::buffered::Fate;

/// Messages that were handed out and neither deleted nor given back, by a digest of their receipt handles, with the
/// time until which SQS hides them.
///
/// Each of these messages is in flight, so the limit of messages in flight also limits this table. Messages that are
/// visible again are removed when the table has doubled, and when the retention is checked.
#[derive(Debug)]
pub(super) struct InHand {
    pub(super) hidden_until: HashMap<u64, Moment, Keyed>,
    forget_at: usize,
}

/// The smallest size of the table at which messages are removed.
const FORGET_AT: usize = 64;

impl InHand {
    pub(super) fn new() -> Self {
        Self {
            hidden_until: HashMap::with_hasher(keyed()),
            forget_at: FORGET_AT,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.hidden_until.len()
    }

    pub(super) fn note(&mut self, receipt_handle: &str, fate: Fate, now: Moment) {
        let digest = self.hidden_until.hasher().hash_one(receipt_handle);
        let Fate::HiddenUntil(until) = fate else {
            self.hidden_until.remove(&digest);
            return;
        };
        self.hidden_until.insert(digest, until);
        if self.hidden_until.len() >= self.forget_at {
            self.hidden_until.retain(|_, until| now < *until);
            self.forget_at = (2 * self.hidden_until.len()).max(FORGET_AT);
        }
    }
}
