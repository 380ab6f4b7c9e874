//! A request as data: its queue, its message and its options.
//!
//! Owns: the values that the user gave. Does not own: whether these are allowed, see `exchange::outgoing`. The first
//! mistake is kept and returned when the request is sent, so that a chain of setters needs no `?` in its middle.

use std::fmt;
use std::time::Duration;

use aws_sdk_sqs::types::MessageAttributeValue;
use sqs_rpc_protocol::{ContentType, IdempotencyKey, QueueUrl, TraceContext};
use sqs_virtual_queues::OutgoingMessage;

use crate::{IntoBody, RequestError};

/// A request that is not yet sent: the input of [`Requester`](crate::Requester) as a [`tower_service::Service`].
///
/// [`Requester::request`](crate::Requester::request) does the same and is shorter. A `Request` can be made without a
/// requester, kept, cloned, and passed through tower's layers. Each clone that is sent is a request of its own.
///
/// `Debug` shows neither the body nor the values of attributes.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use sqs_requester::{Request, Requester};
/// use tower::ServiceExt;
///
/// # mod responder { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/echo.rs")); }
/// # let local = local_sqs::LocalSqs::start();
/// # let sqs = local.client();
/// # let queue_url = local.create_queue("echo").await?;
/// # tokio::spawn(responder::echo(local.client(), queue_url.clone()));
/// let requester = Requester::new(&sqs);
/// let request = Request::new(&queue_url, "hello").timeout(Duration::from_secs(5)).attribute("tenant", "a");
/// let reply = requester.clone().oneshot(request).await?;
/// assert_eq!(reply.body(), "hello");
/// # requester.shutdown(Duration::from_secs(1)).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a request does nothing unless it is sent"]
pub struct Request {
    pub(crate) target: Result<Target, RequestError>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) trace_context: Option<TraceContext>,
}

/// Where the request goes, and its message.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) queue: QueueUrl,
    pub(crate) message: OutgoingMessage,
    pub(crate) content_type: Option<ContentType>,
    pub(crate) attributes: usize,
    pub(crate) group: Option<String>,
}

impl Request {
    /// Prepares a request to a queue, real or virtual, with this body.
    ///
    /// The URL is a string or one of the types of [`protocol`](crate::protocol). If the URL is malformed, sending the
    /// request fails.
    pub fn new(queue_url: impl AsRef<str>, body: impl IntoBody) -> Self {
        let target = QueueUrl::parse(queue_url.as_ref()).map_err(RequestError::invalid);
        Self::to(target, body)
    }

    /// Like [`new`](Self::new), for a URL that was parsed before.
    pub(crate) fn to(queue: Result<QueueUrl, RequestError>, body: impl IntoBody) -> Self {
        let target = queue.and_then(|queue| {
            let body = body
                .into_body()
                .map_err(|why| RequestError::unwritable(why.into()))?;
            let (text, content_type) = body.into_parts();
            let message = OutgoingMessage::new(text);
            Ok(Target {
                queue,
                message,
                content_type,
                attributes: 0,
                group: None,
            })
        });
        Self {
            target,
            timeout: None,
            idempotency_key: None,
            trace_context: None,
        }
    }

    /// How long to wait for the reply, from the first poll of the request's future. Default:
    /// [`RequesterBuilder::timeout`](crate::RequesterBuilder::timeout). 1 ms to 12 h.
    ///
    /// The request carries its deadline, so that a responder drops an expired request.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Adds a message attribute of type `String`. At most 7 attributes, with values of at least 1 character. The name
    /// `ResponseQueueUrl` and names that begin with `SqsRpc` or `__AmazonSQS` are reserved.
    pub fn attribute(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with_attribute(|message| message.attribute(name, value))
    }

    /// Like [`attribute`](Self::attribute), for a message attribute of any type.
    pub fn message_attribute(self, name: impl Into<String>, value: MessageAttributeValue) -> Self {
        self.with_attribute(|message| message.message_attribute(name, value))
    }

    /// The message group. On a FIFO queue, requests of one group are handled one after the other. On a standard queue,
    /// the group names the tenant of a fair queue. 1 to 128 letters, digits and punctuation.
    ///
    /// Default: none on a standard queue. A FIFO queue demands a group; the default is a group of the request's own, so
    /// that the request does not wait for others.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        if let Ok(target) = &mut self.target {
            target.group = Some(group.into());
        }
        self
    }

    /// Marks requests that mean the same, so that a responder that knows the key answers the second request like the
    /// first. 1 to 128 bytes without control characters. Default: none.
    ///
    /// A key belongs to one body, content type, operation and caller. A request whose key was used with another body,
    /// content type, operation or caller is answered with the error code `idempotency_key_reused`, and is not handled.
    ///
    /// Set a key on every request that you would send again after an error whose [`delivery`](RequestError::delivery)
    /// does not tell whether the request was handled.
    pub fn idempotency_key(mut self, key: impl AsRef<str>) -> Self {
        match IdempotencyKey::parse(key.as_ref()) {
            Ok(key) => self.idempotency_key = Some(key),
            Err(why) => self.refuse(RequestError::invalid(why)),
        }
        self
    }

    /// The trace that the request belongs to. The request's header carries it, and it becomes the parent of the
    /// responder's span. Default: the result of [`RequesterBuilder::propagate`](crate::RequesterBuilder::propagate)'s
    /// hook.
    pub fn trace_context(mut self, context: TraceContext) -> Self {
        self.trace_context = Some(context);
        self
    }

    /// The queue that the request goes to, if its URL was well-formed.
    pub(crate) fn queue(&self) -> Option<&QueueUrl> {
        self.target.as_ref().ok().map(|target| &target.queue)
    }

    fn with_attribute(mut self, add: impl FnOnce(OutgoingMessage) -> OutgoingMessage) -> Self {
        self.target = self.target.map(|target| Target {
            message: add(target.message),
            attributes: target.attributes + 1,
            ..target
        });
        self
    }

    /// Keeps the first mistake.
    fn refuse(&mut self, why: RequestError) {
        if self.target.is_ok() {
            self.target = Err(why);
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Request");
        match &self.target {
            Ok(target) => shown
                .field("queue", &target.queue)
                .field("message", &target.message),
            Err(why) => shown.field("invalid", why),
        };
        shown
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
