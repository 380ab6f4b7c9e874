//! [`RequestError`]: why a request failed.
//!
//! Owns: [`RequestError`] and how it is shown. Does not own: which fault is which kind, see [`classify`].
//! Invariant: neither `Display` nor `Debug` shows a body, an error reply's message or a receipt handle. `Display` shows
//! no queue's URL either, because the URL contains the account.

mod classify;
mod kind;
mod text;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::{CorrelationId, ErrorCode, QueueUrl, QueueUrlError};
use sqs_rpc_transport::{Action, Delivery, Fault};

pub use kind::RequestErrorKind;

/// Why a request has no reply. Cheap to clone.
///
/// [`kind`](Self::kind) says what went wrong, and the [table of kinds](RequestErrorKind) says what to do about it.
/// [`delivery`](Self::delivery) says whether the request may have been sent all the same.
/// [`is_retryable`](Self::is_retryable) says whether the cause may go away by itself.
///
/// A frontend may show the text of `Display` to its users: it contains neither the queue's URL nor the account.
/// [`queue`](Self::queue), the `source` of an invalid URL, and `Debug` contain them.
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
    /// No cause but the kind.
    Plain,
    /// No reply came within this time.
    Silence(Duration),
    /// A call of SQS failed.
    Call(Fault),
    /// An error reply.
    Remote(RemoteError),
    /// This number of requests is pending, the maximum.
    Full(usize),
    /// The request is not valid; the inner error's text is part of this error's text.
    Given(Arc<dyn Error + Send + Sync>),
    /// The step that failed, and its error, which is the source.
    Failed(&'static str, Arc<dyn Error + Send + Sync>),
}

/// An error reply: the error that the responder reports.
///
/// `Debug` does not show the message.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteError {
    /// The error code, for programs.
    pub code: ErrorCode,
    /// The reply's body, a text for people. It comes from the responder: treat it like any body.
    pub message: String,
    /// Whether the same request may succeed later, as the responder states. If it states nothing, the code decides
    /// ([`ReplyHeader::is_retryable`](sqs_rpc_protocol::ReplyHeader::is_retryable)).
    pub retryable: bool,
}

impl RequestError {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> RequestErrorKind {
        self.0.kind
    }

    /// Whether the request may have been sent, and so may have been handled, although it failed.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.0.delivery
    }

    /// Whether the cause may go away by itself, so that the same request may succeed later.
    ///
    /// Retryable does not mean that a second request does no harm. Unless [`delivery`](Self::delivery) is
    /// [`NotSent`](Delivery::NotSent), the first request may have been handled, or may still be handled. Send the request
    /// again only if the responder may handle it twice, or if it has an
    /// [idempotency key](crate::RequestBuilder::idempotency_key) that the responder knows.
    ///
    /// # Examples
    ///
    /// Tries a request once more, if the first attempt certainly was not sent:
    ///
    /// ```
    /// use sqs_requester::{Delivery, Reply, RequestError, Requester};
    ///
    /// async fn ask_twice(requester: &Requester, queue_url: &str) -> Result<Reply, RequestError> {
    ///     match requester.request(queue_url, "hello").await {
    ///         Err(error) if error.is_retryable() && error.delivery() == Delivery::NotSent => {
    ///             requester.request(queue_url, "hello").await
    ///         }
    ///         result => result,
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mod responder { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/echo.rs")); }
    /// # let local = local_sqs::LocalSqs::start();
    /// # let queue_url = local.create_queue("echo").await?;
    /// # tokio::spawn(responder::echo(local.client(), queue_url.clone()));
    /// # let requester = Requester::new(&local.client());
    /// assert_eq!(ask_twice(&requester, &queue_url).await?.body(), "hello");
    /// # requester.shutdown(std::time::Duration::from_secs(1)).await;
    /// # Ok(())
    /// # }
    /// ```
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

    /// The error reply, if the responder answered with an error: for the kinds [`Remote`](RequestErrorKind::Remote) and
    /// [`ReplyTooLarge`](RequestErrorKind::ReplyTooLarge).
    #[must_use]
    pub fn remote(&self) -> Option<&RemoteError> {
        match &self.0.cause {
            Cause::Remote(remote) => Some(remote),
            _ => None,
        }
    }

    /// The action of the SQS API whose call failed, if a call failed. For
    /// [`AccessDenied`](RequestErrorKind::AccessDenied), the IAM policy must allow the action's
    /// [`permission`](Action::permission).
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.fault().map(Fault::action)
    }

    /// The failed call, if a call failed. It has SQS's own error code.
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

    /// The request's correlation id, which the logs show, too. `None` if the request failed before it was checked.
    #[must_use]
    pub fn correlation_id(&self) -> Option<CorrelationId> {
        self.0.correlation_id
    }

    /// Adds the queue and the correlation id of the request that failed.
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
            // This error's text is the fault's own text.
            Cause::Call(fault) => fault.source(),
            Cause::Failed(_, source) => Some(&**source),
            // Only the source's text shows the invalid URL.
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
