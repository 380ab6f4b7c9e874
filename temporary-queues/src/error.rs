//! The errors of temporary queues.

use sqs_rpc_transport::{Fault, NoRuntime};
use sqs_virtual_queues::QueueError;

use super::attributes::InvalidAttribute;

/// The error of creating a temporary queue.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TemporaryError {
    /// No host could be created. For about a second after that, the same error is returned without a call.
    #[error("cannot create a host queue")]
    NotMade(#[source] Fault),
    /// The attribute cannot be set on a temporary queue. No call was made.
    #[error(transparent)]
    InvalidAttribute(#[from] InvalidAttribute),
    /// The virtual queue could not be created on its host.
    #[error(transparent)]
    Queue(QueueError),
    /// A virtual queue of this name exists with other attributes.
    #[error("a temporary queue named {0} exists with other attributes")]
    Exists(String),
    /// The temporary queues were shut down, or their Tokio runtime has ended.
    #[error("temporary queues are shut down")]
    Closed,
    /// There is no Tokio runtime to create a host on.
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
}

impl From<QueueError> for TemporaryError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Closed => Self::Closed,
            QueueError::NoRuntime(none) => Self::NoRuntime(none),
            error => Self::Queue(error),
        }
    }
}
