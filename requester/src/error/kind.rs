//! The kinds of errors.

/// What went wrong with a request, by what to do about it.
///
/// | kind | meaning | what to do |
/// |---|---|---|
/// | [`Timeout`](Self::Timeout) | no reply by the deadline | is anybody serving the queue? is the time-out long enough? |
/// | [`Remote`](Self::Remote) | the responder answered with an error | act on [`remote`](super::RequestError::remote)'s code |
/// | [`HostLost`](Self::HostLost) | the reply queue was deleted meanwhile | nothing: the next request makes a new one. Find out who deletes queues |
/// | [`Closed`](Self::Closed) | shut down, its Tokio runtime has ended, or there is none | make requests within a runtime, before the shutdown |
/// | [`Throttled`](Self::Throttled) | SQS or KMS asks for fewer calls | slow down; ask AWS for more |
/// | [`AccessDenied`](Self::AccessDenied) | a policy denies a call | allow the [right](sqs_virtual_queues::sqs::Fault::right) in the IAM policy |
/// | [`Credentials`](Self::Credentials) | no credentials could be loaded, or SQS refused them | try again later; if it stays, look at the credential provider and the machine's clock |
/// | [`NotSqs`](Self::NotSqs) | a proxy or another server answered instead of SQS | look at the network; try again if [retryable](super::RequestError::is_retryable) |
/// | [`QueueNotFound`](Self::QueueNotFound) | there is no such request queue | check URL, account and region |
/// | [`TooLarge`](Self::TooLarge) | the request exceeds the limit of SQS | send less, or a reference to it |
/// | [`ReplyTooLarge`](Self::ReplyTooLarge) | the request was handled, its reply exceeds the limit | ask for less; do not repeat it |
/// | [`InvalidRequest`](Self::InvalidRequest) | the URL, body, an attribute or an option is not allowed | the text says what is; where SQS refused it, SQS's code |
/// | [`Overloaded`](Self::Overloaded) | too many requests are pending here | send fewer at a time, or raise [`max_pending`](crate::RequesterBuilder::max_pending) |
/// | [`Codec`](Self::Codec) | a body could not be written or read, or the reply's header not | the two sides disagree about types or versions |
/// | [`Send`](Self::Send) | a call of SQS failed otherwise: no connection, an answer of 500, ... | try again if [retryable](super::RequestError::is_retryable) |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestErrorKind {
    /// No reply came by the deadline. The responder drops the request if it sees it later. Retryable.
    Timeout,
    /// The responder answered with an error reply. Retryable if the [reply](super::RemoteError::retryable) says so.
    Remote,
    /// The reply queue vanished while the reply was awaited. Retryable.
    HostLost,
    /// The requester is shut down, its Tokio runtime has ended, or there is no Tokio runtime here.
    Closed,
    /// A call of SQS was throttled, after the SDK's own retries. Retryable.
    Throttled,
    /// A call of SQS was denied by a policy. [`action`](super::RequestError::action) names it, its
    /// [`fault`](super::RequestError::fault) the right that is missing. A request that was sent ends so when the polls for
    /// its reply have been denied for a minute, or at its deadline if they are denied by then.
    AccessDenied,
    /// The request was not sent, because no credentials could be loaded, or SQS refused them or their signature (expired,
    /// rotated, not known yet, a wrong clock). Retryable. A request that was sent never ends so: it waits until its deadline.
    Credentials,
    /// Something else answered instead of SQS, such as a proxy: an answer without SQS's format, error code and request id.
    /// The text and [`Fault::status`](sqs_virtual_queues::sqs::Fault::status) have its HTTP status. Retryable for a status of
    /// 200 to 299, 408, 429 and from 500 on; not for others, such as 407 or a proxy's own 403.
    NotSqs,
    /// The request queue does not exist.
    QueueNotFound,
    /// Body and attributes exceed what SQS, or this queue, takes: found before any call, said by SQS, or HTTP 413.
    TooLarge,
    /// The responder handled the request, and its reply is too large for SQS.
    ReplyTooLarge,
    /// Something about the request is not allowed. Found before any call, or refused by SQS: the text says which.
    InvalidRequest,
    /// As many requests are pending as [may be](crate::RequesterBuilder::max_pending). Retryable.
    Overloaded,
    /// The request's body could not be written, or the reply not be read.
    Codec,
    /// A call of SQS failed in another way. Retryable where the failure is temporary.
    Send,
}

impl RequestErrorKind {
    /// Whether it may go away by itself, as far as the kind alone tells.
    pub(super) const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::HostLost | Self::Throttled | Self::Credentials | Self::Overloaded
        )
    }
}
