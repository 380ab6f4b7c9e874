//! Errors of virtual queues.

use sqs_rpc_protocol::{VirtualQueueNameError, VirtualQueueUrl};
use sqs_rpc_transport::{Fault, NoRuntime};

use super::message::InvalidMessage;
use super::tags::TagsError;

/// The error of an operation on a virtual queue.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The virtual queue does not exist in this process: it was deleted, it expired, or its host was deleted.
    #[error("the virtual queue {0} does not exist in this process")]
    DoesNotExist(VirtualQueueUrl),
    /// The host already has the maximum number of virtual queues,
    /// [`max_names`](super::VirtualQueuesBuilder::max_names).
    #[error("the host has {0} virtual queues and pending requests, which is the maximum")]
    TooMany(usize),
    /// The name belongs to a pending request.
    #[error("the name {0} is taken by a pending request")]
    Taken(VirtualQueueUrl),
    /// The name is not a valid queue name.
    #[error(transparent)]
    InvalidName(#[from] VirtualQueueNameError),
    /// SQS would refuse the message, or the message uses a reserved name. No call was made.
    #[error(transparent)]
    InvalidMessage(#[from] InvalidMessage),
    /// SQS would refuse the tags. No call was made.
    #[error(transparent)]
    InvalidTag(#[from] TagsError),
    /// A number is out of its range. No call was made.
    #[error("{what} is {value}; allowed is {allowed}")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// The given value.
        value: String,
        /// The allowed range.
        allowed: &'static str,
    },
    /// Another handler already handles the messages of all virtual queues.
    #[error("a handler of all virtual queues is already running")]
    Handled,
    /// A call to SQS failed: the call of this operation, or the last poll of the host.
    #[error("the call to SQS failed")]
    Call(#[source] Fault),
    /// [`VirtualQueues`](super::VirtualQueues) was shut down, or its Tokio runtime has ended.
    #[error("virtual queues are shut down")]
    Closed,
    /// There is no Tokio runtime on which to receive.
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
}

/// Why a reply did not come.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PendingError {
    /// The deadline has passed.
    #[error("the deadline has passed")]
    TimedOut,
    /// The host was deleted while the reply was awaited.
    #[error("the host queue is gone")]
    HostLost,
    /// The host cannot be received from: the permission to receive is missing.
    #[error("replies cannot be received")]
    Failed(#[source] Fault),
    /// The multiplexer was shut down, or its Tokio runtime has ended.
    #[error("virtual queues are shut down")]
    Closed,
}
