//! What a request that did not succeed says about itself.
//!
//! Owns: [`RequestError`] and how it is shown. Does not own: which fault is which kind, see [`classify`].
//! Invariant: neither `Display` nor `Debug` shows a body, an error reply's message or a receipt handle, and `Display` no queue's
//! URL, which has the account.

mod classify;
mod kind;
mod text;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::{CorrelationId, ErrorCode, QueueUrl, QueueUrlError};
use sqs_virtual_queues::Action;
use sqs_virtual_queues::sqs::{Delivery, Fault};

pub use kind::RequestErrorKind;

/// Why a request has no reply. Cheap to clone: whoever waits for the same thing gets the same error.
///
/// [`kind`](Self::kind) says what went wrong, and its [table](RequestErrorKind) what to do about it;
/// [`delivery`](Self::delivery) whether the request may have been sent all the same; [`is_retryable`](Self::is_retryable)
/// whether the cause may go away by itself.
///
/// `Display` is fit for the answer of a frontend: it shows neither the queue's URL nor the account. [`queue`](Self::queue),
/// the `source` of an invalid URL, and `Debug` do.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sqs_requester::{Delivery, RequestErrorKind, Requester};
///
/// # let local = local_sqs::LocalSqs::start();
/// let requester = Requester::new(&local.client());
/// let error = requester.request("login", "hello").await.unwrap_err();
/// assert_eq!(error.kind(), RequestErrorKind::InvalidRequest);
/// assert_eq!(error.delivery(), Delivery::NotSent);
/// assert_eq!(
///     error.to_string(),
///     "invalid request: the URL of the queue is not valid: it must begin with https:// or http://"
/// );
/// # }
/// ```
#[derive(Clone)]
pub struct RequestError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: RequestErrorKind,
    delivery: Delivery,
    queue: Option<QueueUrl>,
    correlation_id: Option<CorrelationId>,
    cause: Cause,
}

#[derive(Debug, Clone)]
enum Cause {
    /// The kind says it all.
    Plain,
    /// Nothing came in this time.
    Silence(Duration),
    /// A call of SQS failed.
    Call(Fault),
    /// An error reply.
    Remote(RemoteError),
    /// So many requests are pending.
    Full(usize),
    /// Something is wrong with what was given; its text is part of this error's.
    Given(Arc<dyn Error + Send + Sync>),
    /// What was done, and why it failed.
    Failed(&'static str, Arc<dyn Error + Send + Sync>),
}

/// An error reply: what the responder says about the request.
///
/// `Debug` does not show the message.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteError {
    /// For a program to act on.
    pub code: ErrorCode,
    /// For people: the reply's body. It comes from the responder; treat it like any body.
    pub message: String,
    /// Whether the same request may succeed later: what the responder says, or else its code
    /// ([`ReplyHeader::is_retryable`](sqs_rpc_protocol::ReplyHeader::is_retryable)).
    pub retryable: bool,
}

impl RequestError {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> RequestErrorKind {
        self.0.kind
    }

    /// Whether the request may have been sent, and so be handled, all the same.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.0.delivery
    }

    /// Whether the cause may go away by itself, so that the same request may succeed later.
    ///
    /// It does not say that a second request does no harm: unless [`delivery`](Self::delivery) is
    /// [`NotSent`](Delivery::NotSent), the first may have been handled, or may still be. Send it again only if the
    /// responder may handle it twice, or knows it by its
    /// [idempotency key](crate::RequestBuilder::idempotency_key).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match (&self.0.kind, &self.0.cause) {
            (RequestErrorKind::Remote, Cause::Remote(remote)) => remote.retryable,
            (RequestErrorKind::Send | RequestErrorKind::NotSqs, Cause::Call(fault)) => {
                fault.is_temporary()
            }
            (kind, _) => kind.is_temporary(),
        }
    }

    /// The responder's words, if it answered with an error: kinds [`Remote`](RequestErrorKind::Remote) and
    /// [`ReplyTooLarge`](RequestErrorKind::ReplyTooLarge).
    #[must_use]
    pub fn remote(&self) -> Option<&RemoteError> {
        match &self.0.cause {
            Cause::Remote(remote) => Some(remote),
            _ => None,
        }
    }

    /// The action of the SQS API that failed, if one did. For
    /// [`AccessDenied`](RequestErrorKind::AccessDenied), its [`permission`](Action::permission) is what the IAM policy must
    /// allow.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.fault().map(Fault::action)
    }

    /// The failed call, if one failed; it has SQS's own error code.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match &self.0.cause {
            Cause::Call(fault) => Some(fault),
            _ => None,
        }
    }

    /// The queue that the request was for, if its URL was well-formed.
    #[must_use]
    pub fn queue(&self) -> Option<&QueueUrl> {
        self.0.queue.as_ref()
    }

    /// The id that ties the request to its reply; `None` if it never got so far. The same as in the logs.
    #[must_use]
    pub fn correlation_id(&self) -> Option<CorrelationId> {
        self.0.correlation_id
    }

    /// The same error, of this request.
    pub(crate) fn of(mut self, queue: &QueueUrl, correlation_id: CorrelationId) -> Self {
        self.0.queue = Some(queue.clone());
        self.0.correlation_id = Some(correlation_id);
        self
    }

    fn new(kind: RequestErrorKind, delivery: Delivery, cause: Cause) -> Self {
        Self(Box::new(Inner {
            kind,
            delivery,
            queue: None,
            correlation_id: None,
            cause,
        }))
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(&self.0, f)
    }
}

impl fmt::Debug for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestError")
            .field("kind", &self.0.kind)
            .field("delivery", &self.0.delivery)
            .field("queue", &self.0.queue)
            .field("correlation_id", &self.0.correlation_id)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.cause {
            // The fault's own text is this error's.
            Cause::Call(fault) => fault.source(),
            Cause::Failed(_, source) => Some(&**source),
            // What was found is in its text alone.
            Cause::Given(why) if why.is::<QueueUrlError>() => Some(&**why),
            _ => None,
        }
    }
}

impl fmt::Debug for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteError")
            .field("code", &self.code)
            .field("retryable", &self.retryable)
            .field("message_bytes", &self.message.len())
            .finish()
    }
}
