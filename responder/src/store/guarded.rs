//! How a responder calls a store that may fail, panic or hang.
//!
//! Owns: the timeout of a call, its repetition, and counting. Does not own: what happens to a request. Invariant: every
//! call ends within twice its timeout; a store that hangs delays only a few requests, not each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use sqs_rpc_transport::{Counter, Counters, Moment, Sqs, UserCode, WithCauses};

use super::{Begun, Completed, Fingerprint, Holder, ReplyKey, ReplyStore};
use crate::Reply;
use crate::reply_error::BoxError;

/// Calls a reply store safely: with a timeout, a repetition and counters.
#[derive(Debug, Clone)]
pub(crate) struct StoreCalls {
    store: UserStore,
    sqs: Sqs,
    timeout: Duration,
    silence: Arc<Mutex<Silence>>,
}

/// A store of the user. Its code may panic, also in its drop. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct UserStore {
    /// `None` only during the drop.
    store: Option<Arc<dyn ReplyStore>>,
    code: UserCode,
    counters: Counters,
}

/// Whether the store answers. Clones share it.
#[derive(Debug, Default)]
struct Silence {
    /// No `begin` is called until this moment. Set by a call that timed out, moved on by the next call that tries, and
    /// cleared by any answer.
    until: Option<Moment>,
}

/// One request's entry in the store.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) key: ReplyKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) holder: Holder,
}

/// A call of the store failed. The failure was counted, and logged if due.
#[derive(Debug)]
pub(crate) struct StoreFailed;

impl UserStore {
    pub(crate) fn new<S: ReplyStore>(store: S, counters: &Counters) -> Self {
        Self {
            store: Some(Arc::new(store)),
            // A panic's message may quote a reply.
            code: UserCode::of::<S>("the reply store").confidential(),
            counters: counters.clone(),
        }
    }

    /// Makes a call. Panics are caught both when the future is made and when it is polled.
    async fn call<'a, T>(
        &'a self,
        call: impl FnOnce(&'a dyn ReplyStore) -> BoxFuture<'a, Result<T, BoxError>> + Send,
    ) -> Result<T, BoxError> {
        let Some(store) = self.store.as_deref() else {
            return Err(PANICKED.into());
        };
        let Ok(call) = self.code.call(&self.counters, || call(store)) else {
            return Err(PANICKED.into());
        };
        let ended = self.code.run_boxed(&self.counters, call).await;
        ended.unwrap_or_else(|_| Err(PANICKED.into()))
    }

    /// Frees a key from a destructor.
    fn abandon_now(&self, place: &Place) {
        if let Some(store) = self.store.as_deref() {
            let free = || store.abandon_now(&place.key, place.holder);
            // A panic is counted and logged. The key is then free when the lease ends.
            let _ = self.code.call(&self.counters, free);
        }
    }

    /// The text of the store's error, with its causes. Reading and dropping the error is code of the user, which may
    /// panic.
    fn text(&self, error: BoxError) -> String {
        let text = self.code.call(&self.counters, || {
            let text = WithCauses(&*error).to_string();
            drop(error);
            text
        });
        text.unwrap_or_else(|_| PANICKED.to_owned())
    }
}

impl Drop for UserStore {
    fn drop(&mut self) {
        self.code.drop(&self.counters, self.store.take());
    }
}

const PANICKED: &str = "it panicked";

impl StoreCalls {
    pub(crate) fn new(store: UserStore, sqs: Sqs, timeout: Duration) -> Self {
        Self {
            store,
            sqs,
            timeout,
            silence: Arc::default(),
        }
    }

    /// Calls `begin`. After a call that timed out, fails at once, except for one request in each timeout.
    pub(crate) async fn begin_or_skip<'a>(
        &'a self,
        place: &'a Place,
        lease: Duration,
    ) -> Result<Begun, StoreFailed> {
        let now = self.sqs.clock().now();
        if !self.silence().may_try(now, self.timeout) {
            self.sqs.counters().count(Counter::ReplyStoreFailed);
            return Err(StoreFailed);
        }
        self.begin(place, lease).await
    }

    /// Calls `begin`.
    pub(crate) async fn begin<'a>(
        &'a self,
        place: &'a Place,
        lease: Duration,
    ) -> Result<Begun, StoreFailed> {
        let Place {
            key,
            fingerprint,
            holder,
        } = place;
        let call = |store: &'a dyn ReplyStore| store.begin(key, *fingerprint, *holder, lease);
        self.twice("begin", call).await
    }

    pub(crate) async fn complete<'a>(
        &'a self,
        place: &'a Place,
        reply: &'a Reply,
        age: Duration,
    ) -> Result<Completed, StoreFailed> {
        let Place {
            key,
            fingerprint,
            holder,
        } = place;
        let call =
            |store: &'a dyn ReplyStore| store.complete(key, *fingerprint, *holder, reply, age);
        self.twice("complete", call).await
    }

    pub(crate) async fn abandon<'a>(&'a self, place: &'a Place) -> Result<(), StoreFailed> {
        let call = |store: &'a dyn ReplyStore| store.abandon(&place.key, place.holder);
        self.twice("abandon", call).await
    }

    /// Frees the key of a handler that was dropped, if the store can do this without waiting.
    pub(crate) fn abandon_now(&self, place: &Place) {
        self.store.abandon_now(place);
    }

    /// Makes a call, and repeats it once if it failed. A call that timed out is not repeated, because the request has
    /// waited long enough.
    async fn twice<'a, T>(
        &'a self,
        what: &'static str,
        call: impl Fn(&'a dyn ReplyStore) -> BoxFuture<'a, Result<T, BoxError>> + Send + Sync,
    ) -> Result<T, StoreFailed> {
        for _ in 0..2 {
            let until = self.sqs.clock().now() + self.timeout;
            let once = self.store.call(&call);
            let ended = self.sqs.clock().timeout_at(until, once).await;
            self.silence().until = ended
                .is_err()
                .then(|| self.sqs.clock().now() + self.timeout);
            match ended {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => self.failed(what, &self.store.text(error)),
                Err(elapsed) => {
                    self.failed(what, &elapsed.to_string());
                    return Err(StoreFailed);
                }
            }
        }
        Err(StoreFailed)
    }

    fn silence(&self) -> MutexGuard<'_, Silence> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts, and logs the 1st, 2nd, 4th, 8th, .. failure.
    fn failed(&self, what: &'static str, error: &str) {
        let counters = self.sqs.counters();
        counters.count(Counter::ReplyStoreFailed);
        let failures = counters.of(Counter::ReplyStoreFailed);
        if failures.is_power_of_two() {
            tracing::warn!(call = what, error, failures, "the reply store failed");
        }
    }
}

impl Silence {
    /// Whether to make a call now. After a call that timed out, one call in each `timeout` is made.
    fn may_try(&mut self, now: Moment, timeout: Duration) -> bool {
        match self.until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.until = Some(now + timeout);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_hangs_is_tried_once_per_timeout() {
        let at = |secs| Moment::from_start(Duration::from_secs(secs));
        let mut silence = Silence::default();
        let mut tries = |now| silence.may_try(at(now), Duration::from_secs(5));
        assert!((0..10).all(&mut tries));
        silence.until = Some(at(15));
        let tried: Vec<_> = (10..30)
            .filter(|now| silence.may_try(at(*now), Duration::from_secs(5)))
            .collect();
        assert_eq!(tried, [15, 20, 25]);
    }
}
