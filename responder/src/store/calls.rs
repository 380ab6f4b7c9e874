//! How a responder asks a store that may fail, panic or hang.
//!
//! Owns: the time limit of a call, its repetition, and counting. Does not own: what becomes of a request. Invariant:
//! every call ends, within twice its time limit.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqs_virtual_queues::Counter;
use sqs_virtual_queues::sqs::Sqs;

use super::{Begun, Completed, Fingerprint, Holder, ReplyKey, ReplyStore};
use crate::Reply;
use crate::reply_error::BoxError;

/// A reply store, with what is needed to ask it safely.
#[derive(Debug, Clone)]
pub(crate) struct StoreCalls {
    store: Arc<dyn ReplyStore>,
    sqs: Sqs,
    timeout: Duration,
}

/// One request's place in the store.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) key: ReplyKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) holder: Holder,
}

/// The store could not be asked. It was counted and logged.
#[derive(Debug)]
pub(crate) struct StoreFailed;

impl StoreCalls {
    pub(crate) fn new(store: Arc<dyn ReplyStore>, sqs: Sqs, timeout: Duration) -> Self {
        Self {
            store,
            sqs,
            timeout,
        }
    }

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
        let call = || self.store.begin(key, *fingerprint, *holder, lease);
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
        let call = || {
            let store = &self.store;
            store.complete(key, *fingerprint, *holder, reply, age)
        };
        self.twice("complete", call).await
    }

    pub(crate) async fn abandon<'a>(&'a self, place: &'a Place) -> Result<(), StoreFailed> {
        let call = || self.store.abandon(&place.key, place.holder);
        self.twice("abandon", call).await
    }

    /// Makes a call, and once more if it failed. Not if it had no answer: its caller has waited long enough.
    async fn twice<'a, T>(
        &'a self,
        what: &'static str,
        call: impl Fn() -> BoxFuture<'a, Result<T, BoxError>> + Send + Sync,
    ) -> Result<T, StoreFailed> {
        for _ in 0..2 {
            let until = self.sqs.clock().now() + self.timeout;
            // The call begins inside of the future, so that a panic of its first line is caught as well.
            let once = AssertUnwindSafe(async { call().await }).catch_unwind();
            let error: BoxError = match self.sqs.clock().timeout_at(until, once).await {
                Ok(Ok(Ok(answer))) => return Ok(answer),
                Ok(Ok(Err(error))) => error,
                Ok(Err(_)) => {
                    self.sqs.counters().count(Counter::Panics);
                    // What it said may quote the reply; the panic hook has printed it.
                    "it panicked".into()
                }
                Err(elapsed) => {
                    self.failed(what, &elapsed);
                    return Err(StoreFailed);
                }
            };
            self.failed(what, &*error);
        }
        Err(StoreFailed)
    }

    /// Counts, and logs the 1st, 2nd, 4th, 8th, .. failure.
    fn failed(&self, what: &'static str, error: &(dyn std::error::Error + 'static)) {
        let counters = self.sqs.counters();
        counters.count(Counter::ReplyStoreFailed);
        let failures = counters.of(Counter::ReplyStoreFailed);
        if failures.is_power_of_two() {
            tracing::warn!(call = what, error, failures, "the reply store failed");
        }
    }
}
