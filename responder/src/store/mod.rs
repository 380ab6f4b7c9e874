//! The reply store records which requests are being handled, and their replies, so that a request is handled once.
//!
//! Owns: the interface of a store ([`ReplyStore`]), the keys of requests (`key`), the default store (`memory`), the
//! checks that every store must pass ([`contract`]), and the calls of a store that may fail, panic or hang (`calls`).
//! Does not own: when a responder calls a store, and what happens to a request (`serve/handle_once.rs`).
//!
//! | file | question |
//! |---|---|
//! | `key` | Which requests are the same, and who handles a request? |
//! | `memory` | How does one process keep replies? |
//! | `contract` | What must every store do? |
//! | `calls` | What if the store fails, panics or hangs? |

pub mod contract;
pub(crate) mod guarded;
mod key;
mod memory;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

pub use key::{Fingerprint, Holder, ReplyKey};
pub use memory::InMemoryReplyStore;

use crate::Reply;
use crate::reply_error::BoxError;

/// Records which requests are being handled, and their replies.
///
/// The default, [`InMemoryReplyStore`], helps against duplicates that reach the same process. With a store that all
/// processes share (for example, a database table with conditional writes), only one of them handles a request, and
/// another takes over if that process dies while it handles the request.
///
/// # Entries
///
/// An entry belongs to one [`ReplyKey`] and has a [`Fingerprint`]. It is in one of two states:
///
/// | state | until | [`begin`](Self::begin) with another fingerprint | by its holder | by another holder |
/// |---|---|---|---|---|
/// | held | its lease ends | [`Mismatch`](Begun::Mismatch) | [`Mine`](Begun::Mine), and a new lease | [`InProgress`](Begun::InProgress) |
/// | done | its age ends | [`Mismatch`](Begun::Mismatch) | [`Done`](Begun::Done) | [`Done`](Begun::Done) |
///
/// After that time, or after [`abandon`](Self::abandon), the entry no longer counts: [`begin`](Self::begin) makes a new
/// entry, and answers [`Mine`](Begun::Mine). Each method is atomic: of several [`begin`](Self::begin)s at the same time
/// exactly one gets [`Mine`](Begun::Mine). The store measures leases and ages by its own clock.
///
/// Every method may be repeated with the same arguments, because its answer can be lost. The repetition gets the same
/// answer.
///
/// # What a responder does
///
/// A responder calls [`begin`](Self::begin) before the handler runs, and again with the same [`Holder`] after half of
/// each lease while the handler runs. When the handler has ended, and before the reply is sent, it calls
/// [`complete`](Self::complete) or [`abandon`](Self::abandon). If the handler's future is dropped, it calls
/// [`abandon_now`](Self::abandon_now). A lease is as long as the responder's visibility timeout, but at least 20 s and
/// at most 5 minutes. For duplicates that are in one responder at the same time, the store is asked once.
///
/// The responder abandons the key instead of keeping the reply, so that a later request with the key is handled again:
///
/// - if the request could not be decoded;
/// - if the handler failed with a panic, `internal`, `expired` or a [retryable](Reply::is_retryable) error, and the request
///   is one-way or has an idempotency key;
/// - if the handler returned a result that SQS would refuse (for example, an empty one), and the request has an idempotency
///   key.
///
/// A result that SQS would refuse is never kept: if a reply is kept, it is the error reply that was sent instead. The
/// exception is a reply queue whose own limit (`MaximumMessageSize`) is lower than SQS's 1 MiB. That limit shows only
/// when the reply is sent, after it was kept.
///
/// # Errors
///
/// A call fails if it returns an error, panics, or has no answer within
/// [`reply_store_timeout`](crate::ResponderBuilder::reply_store_timeout). It is counted (`reply_store_failed`) and
/// logged. After an error or a panic the call is made once more. After a timeout, and until the store answers,
/// [`begin`](Self::begin) is called for only one request in each such time; for the others it counts as failed at once.
/// If a call has failed:
///
/// - [`begin`](Self::begin), under an idempotency key: the request is given back to SQS, hidden for a time that grows with
///   each delivery (10 s, 20 s, up to 15 minutes), because it is unknown whether the request was handled;
/// - [`begin`](Self::begin), otherwise: the request is handled as without a store;
/// - [`complete`](Self::complete): the reply is sent. When the lease has ended, a later request with the key is handled;
/// - [`abandon`](Self::abandon): a later request with the key waits until the lease has ended.
///
/// # In a database
///
/// Keep one row for each key: the key's text ([`ReplyKey`]'s `Display`), fingerprint, holder, end, and the reply's
/// parts. A row whose end has passed counts as no row. With conditional writes, as DynamoDB has them:
///
/// | method | write | if there is no row, or |
/// |---|---|---|
/// | [`begin`](Self::begin) | the row without a reply, end = now + lease | it has this holder and fingerprint, and no reply |
/// | [`complete`](Self::complete) | the row with the reply, end = now + age | it has this holder, and no reply |
/// | [`abandon`](Self::abandon) | no row | it has this holder, and no reply |
///
/// If the condition fails, the existing row gives the answer. Compare the end with the database's clock, or with clocks
/// that agree within a second or two. [`contract`] has checks to run against your store.
///
/// A [`Reply`] consists of its body, error code, content type and attributes, and whether it is retryable. Its
/// constructors and setters of these names make it again.
///
/// # Examples
///
/// Two responders, in two processes, with one store:
///
/// ```
/// use sqs_responder::{InMemoryReplyStore, Responder};
///
/// # let local = local_sqs::LocalSqs::start();
/// let shared = InMemoryReplyStore::default(); // in production, a database
/// let a = Responder::builder(local.client()).reply_store(shared.clone()).build()?;
/// let b = Responder::builder(local.client()).reply_store(shared).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ReplyStore: fmt::Debug + Send + Sync + 'static {
    /// Takes the key for `holder`, or returns the state of its entry.
    ///
    /// # Errors
    ///
    /// Any error means that the key may or may not be taken. See [Errors](#errors) for what the responder does.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped may have taken the key. The key is free when the lease ends.
    fn begin<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>>;

    /// Keeps a reply for `age`, if the key is held by `holder`, or by nobody, or its lease has ended.
    ///
    /// Otherwise nothing is changed, and the answer is [`Superseded`](Completed::Superseded), or
    /// [`Kept`](Completed::Kept) if `holder` itself has completed the key before. A store may forget replies before their
    /// age ends if it has to, and need not keep a reply that is too large.
    ///
    /// # Errors
    ///
    /// Any error means that the reply may or may not be kept. See [Errors](#errors) for what the responder does.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped may have kept the reply.
    fn complete<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: &'a Reply,
        age: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>>;

    /// Frees the key, if it is held by `holder`. Otherwise does nothing.
    ///
    /// # Errors
    ///
    /// Any error means that the key may or may not be free. See [Errors](#errors) for what the responder does.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped may have freed the key.
    fn abandon<'a>(
        &'a self,
        key: &'a ReplyKey,
        holder: Holder,
    ) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Like [`abandon`](Self::abandon), for a store that can free a key without waiting. Default: does nothing.
    ///
    /// It is called when a handler's future is dropped unfinished, for example because [`Serve`](crate::Serve) was
    /// dropped and nothing is left that could await [`abandon`](Self::abandon). The handler's future is already gone.
    /// The call is made in a destructor, possibly on a thread without a runtime, so it must not block. A store that
    /// needs the network cannot implement it: its key is free when the lease ends.
    fn abandon_now(&self, key: &ReplyKey, holder: Holder) {
        let _ = (key, holder);
    }
}

/// The answer of [`ReplyStore::begin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The holder has the key, until its lease ends, and handles the request.
    Mine,
    /// Another holder has the key.
    InProgress {
        /// How long to wait before asking again: not longer than until the lease ends. A responder waits at least 20 ms
        /// and at most a minute.
        ask_again: Duration,
    },
    /// The request was handled, and this is its reply.
    Done(Reply),
    /// The key belongs to a request with another fingerprint.
    Mismatch,
}

/// The answer of [`ReplyStore::complete`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    /// The reply is kept.
    Kept,
    /// Another holder has taken over the key, because the lease had ended. Only the other holder's reply is kept.
    Superseded,
}

impl<T: ReplyStore + ?Sized> ReplyStore for Arc<T> {
    fn begin<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>> {
        (**self).begin(key, fingerprint, holder, lease)
    }

    fn complete<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: &'a Reply,
        age: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>> {
        (**self).complete(key, fingerprint, holder, reply, age)
    }

    fn abandon<'a>(
        &'a self,
        key: &'a ReplyKey,
        holder: Holder,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        (**self).abandon(key, holder)
    }

    fn abandon_now(&self, key: &ReplyKey, holder: Holder) {
        (**self).abandon_now(key, holder);
    }
}
