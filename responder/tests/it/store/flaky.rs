//! A store whose failures can be set.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use sqs_responder::{
    Begun, Completed, Fingerprint, Holder, InMemoryReplyStore, Reply, ReplyKey, ReplyStore,
};
use sqs_rpc_transport::Random;

use super::BoxError;

/// How a [`Flaky`] store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Works,
    Fails,
    Hangs,
    /// It panics when it is called, before it returns a future.
    Panics,
    /// Its calls take effect, but never return.
    LosesAnswers,
    /// It fails one call in ten, and loses one answer in fifty.
    Shaky,
    /// It loses one answer in fifty.
    ShakyAnswers,
}

/// A store whose failures can be set. It has no `abandon_now`, like a database.
#[derive(Debug, Clone)]
pub(super) struct Flaky {
    inner: InMemoryReplyStore,
    begin: Arc<Mutex<Mode>>,
    others: Arc<Mutex<Mode>>,
    random: Random,
}

impl Flaky {
    pub(super) fn new(begin: Mode, others: Mode) -> Self {
        Self {
            inner: InMemoryReplyStore::default(),
            begin: Arc::new(Mutex::new(begin)),
            others: Arc::new(Mutex::new(others)),
            random: Random::seeded(1),
        }
    }

    /// The same store, with these random numbers.
    pub(super) fn with_random(self, random: Random) -> Self {
        Self { random, ..self }
    }

    pub(super) fn set(&self, begin: Mode, others: Mode) {
        *self.begin.lock().unwrap() = begin;
        *self.others.lock().unwrap() = others;
    }

    fn spoil<'a, T: Send + 'a>(
        &self,
        mode: &Mutex<Mode>,
        call: BoxFuture<'a, Result<T, BoxError>>,
    ) -> BoxFuture<'a, Result<T, BoxError>> {
        let mut mode = *mode.lock().unwrap();
        if matches!(mode, Mode::Shaky | Mode::ShakyAnswers) {
            mode = match self.random.bits64() % 50 {
                0 => Mode::LosesAnswers,
                1..=5 if mode == Mode::Shaky => Mode::Fails,
                _ => Mode::Works,
            };
        }
        match mode {
            Mode::Shaky | Mode::ShakyAnswers => unreachable!(),
            Mode::Works => call,
            Mode::Fails => Box::pin(async { Err("the database is down".into()) }),
            Mode::Hangs => Box::pin(std::future::pending()),
            Mode::Panics => panic!("a bug in the store"),
            Mode::LosesAnswers => Box::pin(async {
                call.await?;
                std::future::pending().await
            }),
        }
    }
}

impl ReplyStore for Flaky {
    fn begin<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>> {
        let call = self.inner.begin(key, fingerprint, holder, lease);
        self.spoil(&self.begin, call)
    }

    fn complete<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: &'a Reply,
        age: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>> {
        let call = self.inner.complete(key, fingerprint, holder, reply, age);
        self.spoil(&self.others, call)
    }

    fn abandon<'a>(
        &'a self,
        key: &'a ReplyKey,
        holder: Holder,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.spoil(&self.others, self.inner.abandon(key, holder))
    }
}
