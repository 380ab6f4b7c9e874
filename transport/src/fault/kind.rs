//! What can go wrong in a call, and whether SQS may have performed the call.

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// SQS or KMS throttles the calls. Try again later.
    Throttled,
    /// A policy denies the call. A retry does not help before the policy changes.
    AccessDenied,
    /// No credentials could be loaded, or SQS refuses them or their signature: expired, not known (yet), rotated, or
    /// signed with a wrong clock. The fault ends when the provider returns valid credentials. Nothing was done.
    Credentials,
    /// The queue does not exist (any more), or not yet: SQS may need a second to find a new queue.
    QueueNotFound,
    /// SQS refuses the input: too long, malformed, out of range. A retry fails again.
    Refused,
    /// 120,000 messages are in flight. Calls succeed again when messages are deleted.
    OverLimit,
    /// An answer with a status of 500 or above. Try again later.
    Unavailable,
    /// No connection, or a broken one.
    Unreachable,
    /// No answer within the timeout.
    TimedOut,
    /// The answer is not from SQS but, for example, from a proxy: it is not in SQS's format and has no SQS error code
    /// and no request id. [`status`](super::Fault::status) has its HTTP status. Temporary for a status of 200 to 299, 408,
    /// 429 and from 500 on. Any other status, such as 407 or a proxy's own 403, persists until the network is
    /// changed.
    NotSqs,
    /// An answer of SQS that cannot be read, or that lacks the requested information.
    Unreadable,
    /// The SDK client panicked, or code of the user in it: a credentials provider, an interceptor, a connector. The
    /// panic is logged and counted in [`Stats::panics`](crate::Stats::panics).
    Panicked,
    /// The call could not be made: the input is incomplete, or the implementation of the seam does not support the
    /// action.
    NotMade,
    /// The driver that makes the calls has shut down.
    Closed,
}

/// Whether SQS may have performed the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// SQS has certainly not performed it.
    NotSent,
    /// Unknown: there was no answer, or an error that may have come after the effect.
    Unknown,
    /// SQS has certainly performed it.
    Sent,
}

impl FaultKind {
    /// Whether a fault of this kind shows that SQS answers; `None` if the kind shows neither. A proxy's page is not an
    /// answer of SQS.
    pub(super) const fn shows_an_answer(self) -> Option<bool> {
        match self {
            Self::Throttled | Self::QueueNotFound | Self::Refused | Self::OverLimit => Some(true),
            Self::Unavailable | Self::Unreachable | Self::TimedOut | Self::NotSqs => Some(false),
            // Credentials may be missing before any call is made.
            Self::AccessDenied
            | Self::Credentials
            | Self::Unreadable
            | Self::Panicked
            | Self::NotMade
            | Self::Closed => None,
        }
    }
}
