//! [`RequestErrorKind`]: the kinds of errors.

/// What went wrong with a request. Each kind asks for a different reaction.
///
/// | kind | meaning | what to do |
/// |---|---|---|
/// | [`Timeout`](Self::Timeout) | no reply by the deadline | check that a responder serves the queue, and that the timeout is long enough |
/// | [`Remote`](Self::Remote) | the responder answered with an error | act on [`remote`](super::RequestError::remote)'s code |
/// | [`HostLost`](Self::HostLost) | the reply queue was deleted meanwhile | try again: the next request makes a new queue. Find out who deletes queues |
/// | [`Closed`](Self::Closed) | the requester is shut down, its Tokio runtime has ended, or there is no runtime | make requests within a runtime, before the shutdown |
/// | [`Throttled`](Self::Throttled) | SQS or KMS asks for fewer calls | slow down; ask AWS for more |
/// | [`AccessDenied`](Self::AccessDenied) | a policy denies a call | allow the [missing permission](sqs_rpc_transport::Fault::right) in the IAM policy |
/// | [`Credentials`](Self::Credentials) | no credentials could be loaded, or SQS refused them | try again later; if the error stays, check the credential provider and the machine's clock |
/// | [`NotSqs`](Self::NotSqs) | a proxy or another server answered instead of SQS | check the network; try again if [retryable](super::RequestError::is_retryable) |
/// | [`QueueNotFound`](Self::QueueNotFound) | there is no such request queue | check URL, account and region |
/// | [`TooLarge`](Self::TooLarge) | the request exceeds the limit of SQS | send less, or a reference to it |
/// | [`ReplyTooLarge`](Self::ReplyTooLarge) | the request was handled, but its reply exceeds the limit | ask for less; do not repeat the request |
/// | [`InvalidRequest`](Self::InvalidRequest) | the URL, the body, an attribute or an option is not allowed | correct the request: the text says what is allowed, or has SQS's error code if SQS refused the request |
/// | [`Overloaded`](Self::Overloaded) | too many requests are pending here | send fewer at a time, or raise [`max_pending`](crate::RequesterBuilder::max_pending) |
/// | [`Codec`](Self::Codec) | a body, or the reply's header, could not be written or read | make the two sides agree about types and versions |
/// | [`Send`](Self::Send) | a call of SQS failed in another way: no connection, an answer of 500, ... | try again if [retryable](super::RequestError::is_retryable) |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestErrorKind {
    /// No reply came by the deadline. The responder drops the request if it sees it later. Retryable.
    Timeout,
    /// The responder answered with an error reply. Retryable if the [reply](super::RemoteError::retryable) says so.
    Remote,
    /// The reply queue was deleted while the reply was awaited. Retryable.
    HostLost,
    /// The requester is shut down, its Tokio runtime has ended, or there is no Tokio runtime here.
    Closed,
    /// A call of SQS was throttled, after the SDK's own retries. Retryable.
    Throttled,
    /// A policy denied a call of SQS. [`action`](super::RequestError::action) names the call, and
    /// [`fault`](super::RequestError::fault) the missing permission. A request that was sent fails with this kind when
    /// the polls for its reply have been denied for a minute, or at its deadline if they are denied by then.
    AccessDenied,
    /// The request was not sent, because no credentials could be loaded, or SQS refused them or their signature (expired,
    /// rotated, not known yet, a wrong clock). Retryable. A request that was sent never fails with this kind: it waits
    /// until its deadline.
    Credentials,
    /// Another server answered instead of SQS, such as a proxy: the answer lacks SQS's format, error code or request id.
    /// The text and [`Fault::status`](sqs_rpc_transport::Fault::status) have its HTTP status. Retryable for the
    /// statuses 200 to 299, 408, 429, and 500 and above; not for others, such as 407 or a proxy's own 403.
    NotSqs,
    /// The request queue does not exist.
    QueueNotFound,
    /// Body and attributes exceed the limit of SQS or of this queue. Found before any call, or reported by SQS, also as
    /// HTTP 413.
    TooLarge,
    /// The responder handled the request, and its reply is too large for SQS.
    ReplyTooLarge,
    /// The request is not valid. Found before any call, or by SQS; the text tells which.
    InvalidRequest,
    /// The [maximum number](crate::RequesterBuilder::max_pending) of requests is pending. Retryable.
    Overloaded,
    /// The request's body could not be written, or the reply could not be read.
    Codec,
    /// A call of SQS failed in another way. Retryable where the failure is temporary.
    Send,
}

impl RequestErrorKind {
    /// Whether the error may go away by itself, as far as the kind alone tells.
    pub(super) const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::HostLost | Self::Throttled | Self::Credentials | Self::Overloaded
        )
    }
}
