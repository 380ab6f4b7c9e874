//! [`ShutdownReport`]: what a shutdown gave up.

use sqs_rpc_protocol::HostQueueUrl;

/// What [`Requester::shutdown`](crate::Requester::shutdown) had to give up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The number of requests that were still pending when the time was nearly up, and failed with
    /// [`Closed`](crate::RequestErrorKind::Closed).
    pub pending: usize,
    /// The reply queue, if it could not be deleted; the log says why. Another process with the same prefix deletes it.
    pub left_behind: Option<HostQueueUrl>,
    /// The number of `CreateQueue` calls for a reply queue whose outcome is unknown. Each may have left an empty queue
    /// behind. The log has the names of these queues.
    pub unconfirmed: usize,
    /// The number of polls of a given reply queue that were still in flight. SQS redelivers a message that such a poll
    /// receives.
    pub abandoned_polls: usize,
    /// The number of sends and deletes that were not answered.
    pub abandoned_calls: usize,
}

impl ShutdownReport {
    /// Whether nothing was given up.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}
