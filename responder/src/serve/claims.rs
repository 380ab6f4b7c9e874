//! Work that this process must not do twice at the same time: handling a request, sending a reply.
//!
//! Owns: the claim on a key, and passing its outcome to the waiters. Does not own: earlier replies and other processes,
//! which the reply store knows. Invariant: a key has at most one claim; if a claim is dropped without an outcome, the
//! next waiter gets the key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The claims on keys of type `K`, with outcomes of type `T`. Cheap to clone; clones share the claims. Its size is the
/// number of claims.
#[derive(Debug)]
pub(crate) struct Claims<K, T>(Arc<Mutex<Table<K, T>>>);

type Table<K, T> = HashMap<K, Arc<Work<T>>>;

/// A claim on a key. Its owner does the work and then [settles](Self::settle) the claim.
#[derive(Debug)]
pub(crate) struct Claim<K: Eq + Hash, T> {
    key: K,
    work: Arc<Work<T>>,
    claims: Claims<K, T>,
    /// Whether the key was released. Another claim on it may exist by now.
    free: bool,
}

/// The state of one claim, which its waiters share.
#[derive(Debug)]
struct Work<T> {
    state: Mutex<ClaimState<T>>,
    /// Wakes the waiters in order of their arrival, so that equal inputs have equal effects. Tokio's `watch` wakes at
    /// random.
    ended: Notify,
}

#[derive(Debug)]
enum ClaimState<T> {
    Claimed,
    Settled(T),
    Dropped,
}

impl<K: Eq + Hash + Clone, T: Clone> Claims<K, T> {
    /// Claims a key, or waits for the outcome of the existing claim on the key.
    ///
    /// Cancel safe: dropping the future claims nothing.
    pub(crate) async fn claim_or_wait(&self, key: &K) -> Result<Claim<K, T>, T> {
        loop {
            let theirs = match self.claim(key) {
                Ok(claim) => return Ok(claim),
                Err(theirs) => theirs,
            };
            let mut ended = pin!(theirs.ended.notified());
            // Enabled before the state is read, so that no end is missed.
            ended.as_mut().enable();
            if theirs.is_claimed() {
                ended.await;
            }
            if let ClaimState::Settled(outcome) = &*theirs.state() {
                return Err(outcome.clone());
            }
        }
    }

    fn claim(&self, key: &K) -> Result<Claim<K, T>, Arc<Work<T>>> {
        let mut table = self.table();
        match table.entry(key.clone()) {
            Entry::Occupied(theirs) => Err(Arc::clone(theirs.get())),
            Entry::Vacant(free) => {
                let work = Arc::new(Work {
                    state: Mutex::new(ClaimState::Claimed),
                    ended: Notify::new(),
                });
                free.insert(Arc::clone(&work));
                Ok(Claim {
                    key: key.clone(),
                    work,
                    claims: self.clone(),
                    free: false,
                })
            }
        }
    }
}

impl<K, T> Claims<K, T> {
    fn table(&self) -> MutexGuard<'_, Table<K, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Work<T> {
    fn state(&self) -> MutexGuard<'_, ClaimState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_claimed(&self) -> bool {
        matches!(*self.state(), ClaimState::Claimed)
    }
}

impl<K: Eq + Hash, T: Clone> Claim<K, T> {
    /// Ends the claim with an outcome, which only the present waiters get. So keep a reply in the store before the
    /// claim ends.
    pub(crate) fn settle(mut self, outcome: &T) {
        self.release();
        // No further waiter can come. Mostly there is none, and then the outcome is not cloned.
        if Arc::strong_count(&self.work) > 1 {
            *self.work.state() = ClaimState::Settled(outcome.clone());
        }
    }
}

impl<K: Eq + Hash, T> Claim<K, T> {
    /// Frees the key, once.
    fn release(&mut self) {
        if !std::mem::replace(&mut self.free, true) {
            self.claims.table().remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, T> Drop for Claim<K, T> {
    fn drop(&mut self) {
        // First, because a waiter that wakes must find the key free.
        self.release();
        if self.work.is_claimed() {
            *self.work.state() = ClaimState::Dropped;
        }
        self.work.ended.notify_waiters();
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
    fn all_waiters_get_the_outcome_of_the_claim() {
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
        claim.settle(&"reply");
        for waits in waiting {
            assert_eq!(waits.now_or_never().unwrap().unwrap_err(), "reply");
        }
        assert!(
            claims.claim_or_wait(&one).now_or_never().unwrap().is_ok(),
            "the key is free afterwards"
        );
    }

    #[test]
    fn an_outcome_without_waiters_is_not_copied() {
        #[derive(Debug)]
        struct Never;
        impl Clone for Never {
            fn clone(&self) -> Self {
                panic!("it is copied")
            }
        }
        let claims = Claims::default();
        let key = key(1);
        let claim = claims.claim_or_wait(&key).now_or_never().unwrap().unwrap();
        let left = claims.claim_or_wait(&key).now_or_never();
        assert!(left.is_none());
        claim.settle(&Never);
        assert!(claims.claim_or_wait(&key).now_or_never().unwrap().is_ok());
    }

    #[test]
    fn waiters_wake_in_order_of_arrival() {
        use std::sync::atomic::{AtomicU64, Ordering};
        use std::task::{Context, Wake, Waker};

        struct Bell(AtomicU64, Arc<AtomicU64>);
        impl Wake for Bell {
            fn wake(self: Arc<Self>) {
                self.0
                    .store(self.1.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            }
        }

        let claims = Claims::default();
        let key = key(1);
        let claim = claims.claim_or_wait(&key).now_or_never().unwrap().unwrap();
        let rung = Arc::new(AtomicU64::new(1));
        let mut waiting = Vec::new();
        for _ in 0..20 {
            let bell = Arc::new(Bell(AtomicU64::new(0), Arc::clone(&rung)));
            let mut waits = claims.claim_or_wait(&key).boxed();
            let waker = Waker::from(Arc::clone(&bell));
            assert!(
                waits
                    .poll_unpin(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            waiting.push((waits, bell));
        }
        claim.settle(&());
        let order: Vec<_> = waiting
            .iter()
            .map(|(_, bell)| bell.0.load(Ordering::Relaxed))
            .collect();
        assert_eq!(order, (1..=20).collect::<Vec<_>>());
    }

    #[test]
    fn a_dropped_claim_passes_to_the_next_waiter() {
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
