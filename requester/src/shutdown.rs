//! What a shutdown did not bring to its end.

use sqs_rpc_protocol::HostQueueUrl;

/// What [`Requester::shutdown`](crate::Requester::shutdown) had to give up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Requests that were still pending when the time was nearly up, and ended with
    /// [`Closed`](crate::RequestErrorKind::Closed).
    pub pending: usize,
    /// The reply queue, if it could not be deleted; the log says why. Another process with
    /// the prefix deletes it.
    pub left_behind: Option<HostQueueUrl>,
    /// Creations of a reply queue of which nobody knows whether they took place: each may have left an empty queue behind.
    /// The log has their names.
    pub unconfirmed: usize,
    /// Polls of a given reply queue that were still out. A message in such a poll comes again.
    pub abandoned_polls: usize,
    /// Sends and deletes that were not answered.
    pub abandoned_calls: usize,
}

impl ShutdownReport {
    /// Whether nothing was given up.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}
