//! What is being done right now and must not be done twice at a time: requests handled, replies sent.
//!
//! Owns: the claim on a key, and telling its outcome to those who wait. Does not own: replies that were given, which
//! are the cache's. Invariant: of one key at most one claim exists; a claim that is dropped without an outcome is free
//! for the next who waits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// What is being done, with an outcome of type `T`. Cheap to clone; clones share it. As large as the number of claims.
#[derive(Debug)]
pub(crate) struct Claims<K, T>(Arc<Mutex<Table<K, T>>>);

type Table<K, T> = HashMap<K, watch::Receiver<Option<T>>>;

/// The right, and the duty, to do it.
#[derive(Debug)]
pub(crate) struct Claim<K: Eq + Hash, T> {
    key: K,
    outcome: watch::Sender<Option<T>>,
    claims: Claims<K, T>,
}

impl<K: Eq + Hash + Clone, T: Clone> Claims<K, T> {
    /// Claims a key, or waits for the outcome of whoever has it.
    ///
    /// Cancel safe: dropping it claims nothing.
    pub(crate) async fn claim_or_wait(&self, key: &K) -> Result<Claim<K, T>, T> {
        loop {
            let mut theirs = match self.claim(key) {
                Ok(claim) => return Ok(claim),
                Err(theirs) => theirs,
            };
            if let Ok(outcome) = theirs.wait_for(Option::is_some).await
                && let Some(outcome) = outcome.clone()
            {
                return Err(outcome);
            }
        }
    }

    fn claim(&self, key: &K) -> Result<Claim<K, T>, watch::Receiver<Option<T>>> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match table.entry(key.clone()) {
            Entry::Occupied(theirs) => Err(theirs.get().clone()),
            Entry::Vacant(free) => {
                let (outcome, theirs) = watch::channel(None);
                free.insert(theirs);
                Ok(Claim {
                    key: key.clone(),
                    outcome,
                    claims: self.clone(),
                })
            }
        }
    }
}

impl<K: Eq + Hash, T> Claim<K, T> {
    /// Ends the claim with an outcome. Whoever comes later finds nothing here: keep a reply that was made before.
    pub(crate) fn settle(self, outcome: T) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl<K: Eq + Hash, T> Drop for Claim<K, T> {
    fn drop(&mut self) {
        // Before the sender goes: whoever wakes by that must find the key free.
        let mut table = self.claims.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.remove(&self.key);
    }
}

impl<K, T> Clone for Claims<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> Default for Claims<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReplyKey;
    use futures::FutureExt;
    use sqs_rpc_protocol::{HostQueueUrl, RequestId};

    fn key(n: u128) -> ReplyKey {
        let queue =
            HostQueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/q").unwrap();
        ReplyKey::of_request(&queue, RequestId::from_bits(n))
    }

    #[test]
    fn all_who_wait_get_the_outcome_of_the_one_who_claimed() {
        let claims = Claims::default();
        let (one, other) = (key(1), key(2));
        let claim = claims.claim_or_wait(&one).now_or_never().unwrap().unwrap();
        let mut waiting = [
            claims.claim_or_wait(&one).boxed(),
            claims.claim_or_wait(&one).boxed(),
        ];
        for waits in &mut waiting {
            assert!(waits.now_or_never().is_none());
        }
        assert!(claims.claim_or_wait(&other).now_or_never().unwrap().is_ok());
        claim.settle("reply");
        for waits in waiting {
            assert_eq!(waits.now_or_never().unwrap().unwrap_err(), "reply");
        }
        assert!(
            claims.claim_or_wait(&one).now_or_never().unwrap().is_ok(),
            "later ones find it free"
        );
    }

    #[test]
    fn a_claim_that_is_dropped_passes_to_one_who_waits() {
        let claims = Claims::<_, ()>::default();
        let key = key(1);
        let claim = claims.claim_or_wait(&key).now_or_never().unwrap().unwrap();
        let mut waiting = [
            claims.claim_or_wait(&key).boxed(),
            claims.claim_or_wait(&key).boxed(),
        ];
        for waits in &mut waiting {
            assert!(waits.now_or_never().is_none());
        }
        drop(claim);
        let [first, mut second] = waiting;
        let claim = first.now_or_never().unwrap().unwrap();
        assert!((&mut second).now_or_never().is_none());
        drop(claim);
        assert!(second.now_or_never().unwrap().is_ok());
        assert!(claims.0.lock().unwrap().is_empty());
    }
}
