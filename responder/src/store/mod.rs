//! The reply store: which requests are being handled, and which replies were given, so that a request is handled once.
//!
//! Owns: the seam to a store ([`ReplyStore`]), what names a request (`key`), the store that is used by default
//! (`memory`), the checks that every store must pass ([`contract`]), and how a responder asks a store that may fail,
//! panic or hang (`calls`). Does not own: when a responder asks, and what becomes of a request (`serve/once.rs`).
//!
//! | file | question |
//! |---|---|
//! | `key` | which requests are the same, and who handles one? |
//! | `memory` | how does one process keep replies? |
//! | `contract` | what must every store do? |
//! | `calls` | what if the store fails, panics or hangs? |

pub(crate) mod calls;
pub mod contract;
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

/// Where it is written down who handles a request, and which reply it was given.
///
/// The default, [`InMemoryReplyStore`], helps against duplicates that reach the same process. A store that all processes
/// share (a table with conditional writes, say) makes all of them handle a request once, also when one of them dies
/// while it handles the request.
///
/// # Entries
///
/// An entry belongs to one [`ReplyKey`] and has a [`Fingerprint`]. It is in one of two states:
///
/// | state | until | [`begin`](Self::begin) with another fingerprint | by its holder | by somebody else |
/// |---|---|---|---|---|
/// | held | its lease ends | [`Mismatch`](Begun::Mismatch) | [`Mine`](Begun::Mine), and a new lease | [`InProgress`](Begun::InProgress) |
/// | done | its age ends | [`Mismatch`](Begun::Mismatch) | [`Done`](Begun::Done) | [`Done`](Begun::Done) |
///
/// After that time, or after [`abandon`](Self::abandon), it is as if the entry were not there: [`begin`](Self::begin)
/// makes a new one, and answers [`Mine`](Begun::Mine). Each method is atomic: of several [`begin`](Self::begin)s at a
/// time exactly one gets [`Mine`](Begun::Mine). The store measures leases and ages by its own clock.
///
/// Every method may be repeated with the same arguments, because its answer can be lost; the repetition gets the same
/// answer.
///
/// # What a responder does
///
/// It asks [`begin`](Self::begin) before the handler runs, again with the same [`Holder`] after half of each lease while
/// the handler runs, and [`complete`](Self::complete) or [`abandon`](Self::abandon) when the handler has ended, before
/// the reply is sent. If the handler is cut off by a drop, it calls [`abandon_now`](Self::abandon_now). A lease is the responder's visibility timeout, but 20 s at the least and 5 minutes at the most.
/// Duplicates that reach one responder at a time ask once.
///
/// A reply is abandoned and not kept if its request is to be handled again: if it could not be decoded; and for a panic,
/// `internal`, `expired` and replies that are [retryable](Reply::is_retryable), if it is one-way or has an idempotency key: a
/// requester that tries again is served again. So is a result that SQS does not take (an empty one, say, or one that is too large):
/// it is never kept, but what the requester is told in its place. Only that the reply queue takes less than SQS's 1 MiB
/// (`MaximumMessageSize`) shows when the reply was kept and is sent.
///
/// # Errors
///
/// A call that returns an error, panics, or has no answer within
/// [`reply_store_timeout`](crate::ResponderBuilder::reply_store_timeout) is counted (`reply_store_failed`), logged, and
/// made once more, unless it had no answer. After a call without an answer, [`begin`](Self::begin) is not called for the
/// next requests, which count as failed, but for one in each such time. If a call has failed:
///
/// - [`begin`](Self::begin), under an idempotency key: the request is given back to SQS, hidden for a time that grows with
///   each delivery (10 s, 20 s, up to 15 minutes), because nobody knows whether it was handled;
/// - [`begin`](Self::begin), otherwise: the request is handled as without a store;
/// - [`complete`](Self::complete): the reply is sent. When the lease has ended, a later request with the key is handled;
/// - [`abandon`](Self::abandon): a later request with the key waits until the lease has ended.
///
/// # In a database
///
/// One row for each key: its text ([`ReplyKey`]'s `Display`), fingerprint, holder, end, and the reply's parts. A row whose end has
/// passed is as none. With conditional writes, as DynamoDB has them:
///
/// | method | write | if there is no row, or |
/// |---|---|---|
/// | [`begin`](Self::begin) | the row without a reply, end = now + lease | it has this holder and fingerprint, and no reply |
/// | [`complete`](Self::complete) | the row with the reply, end = now + age | it has this holder, and no reply |
/// | [`abandon`](Self::abandon) | no row | it has this holder, and no reply |
///
/// If the condition fails, the row that is there gives the answer. The end counts by the database's clock, or by clocks that
/// agree within a second or two. [`contract`] has checks to run against the result.
///
/// A [`Reply`] is its body, error code, content type and attributes, and whether it is retryable; the methods of those
/// names make it again.
///
/// # Examples
///
/// Two responders, in two processes, with one store:
///
/// ```
/// use sqs_responder::{InMemoryReplyStore, Responder};
///
/// # let local = local_sqs::LocalSqs::start();
/// let shared = InMemoryReplyStore::default(); // in fact a database
/// let a = Responder::builder(local.client()).reply_store(shared.clone()).build()?;
/// let b = Responder::builder(local.client()).reply_store(shared).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ReplyStore: fmt::Debug + Send + Sync + 'static {
    /// Takes the key for `holder`, or says who has it.
    ///
    /// # Errors
    ///
    /// Any: the store could not be asked.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped may have taken the key. The lease then ends it.
    fn begin<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>>;

    /// Keeps a reply for `age`, if the key is held by `holder`, by nobody, or its lease has ended.
    ///
    /// Otherwise nothing is changed, and the answer is [`Superseded`](Completed::Superseded), or
    /// [`Kept`](Completed::Kept) if `holder` itself has completed the key before. A store may forget replies before their
    /// age ends if it must, or keep none that is too large.
    ///
    /// # Errors
    ///
    /// Any: nobody knows whether the reply was kept.
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
    /// Any: nobody knows whether the key is free.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped may have freed the key.
    fn abandon<'a>(
        &'a self,
        key: &'a ReplyKey,
        holder: Holder,
    ) -> BoxFuture<'a, Result<(), BoxError>>;

    /// As [`abandon`](Self::abandon), for a store that can do it without waiting. Default: does nothing.
    ///
    /// It is called when a handler is cut off and nobody is left who could await [`abandon`](Self::abandon), because
    /// [`Serve`](crate::Serve) was dropped. The handler's future is gone then. The call is made in a destructor, maybe on a thread
    /// without a runtime: it must not block, and so is nothing for a store in a network. There the lease ends the key.
    fn abandon_now(&self, key: &ReplyKey, holder: Holder) {
        let _ = (key, holder);
    }
}

/// The answer of [`ReplyStore::begin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The holder has the key, until its lease ends. It handles the request.
    Mine,
    /// Somebody else has the key.
    InProgress {
        /// When to ask again: not later than the lease ends. A responder waits at least 20 ms and at most a minute.
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
    /// Somebody else has taken over the key, because the lease had ended. What they do counts.
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
