//! What can go wrong with a virtual queue.

use sqs_rpc_protocol::{VirtualQueueNameError, VirtualQueueUrl};

use super::message::InvalidMessage;
use super::tags::TagError;
use crate::sqs::{Fault, NoRuntime};

/// The error of an operation on a virtual queue.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The virtual queue does not exist in this process: it was deleted, it expired, or its host is gone.
    #[error("the virtual queue {0} does not exist here")]
    DoesNotExist(VirtualQueueUrl),
    /// The host already has as many virtual queues as
    /// [`max_names`](super::VirtualQueuesBuilder::max_names) allows.
    #[error("the host has {0} virtual queues and pending requests, and no more are allowed")]
    TooMany(usize),
    /// The name belongs to a request that waits for its reply.
    #[error("the name {0} is taken by a pending request")]
    Taken(VirtualQueueUrl),
    /// The name is not one that a queue can have.
    #[error(transparent)]
    InvalidName(#[from] VirtualQueueNameError),
    /// The message is not one that SQS would take, or it uses what is reserved. No call was made.
    #[error(transparent)]
    InvalidMessage(#[from] InvalidMessage),
    /// The tags are not ones that SQS would take. No call was made.
    #[error(transparent)]
    InvalidTag(#[from] TagError),
    /// A number is out of its range. No call was made.
    #[error("{what} is {value}; allowed is {allowed}")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// What was given.
        value: String,
        /// The range.
        allowed: &'static str,
    },
    /// Another handler takes the messages of all virtual queues.
    #[error("a handler of all virtual queues runs already")]
    Handled,
    /// The call to SQS failed: the one that was made for this operation, or the last poll of the host.
    #[error("the call to SQS failed")]
    Call(#[source] Fault),
    /// [`VirtualQueues`](super::VirtualQueues) was shut down, or its Tokio runtime has ended.
    #[error("virtual queues are shut down")]
    Closed,
    /// There is no Tokio runtime to receive on.
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
    /// The host cannot be read: the right to receive is missing.
    #[error("replies cannot be received")]
    Failed(#[source] Fault),
    /// The multiplexer was shut down, or its Tokio runtime has ended.
    #[error("virtual queues are shut down")]
    Closed,
}
