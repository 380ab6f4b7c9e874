//! What can go wrong with a temporary queue.

use super::attributes::InvalidAttribute;
use crate::QueueError;
use crate::sqs::{Fault, NoRuntime};

/// The error of making a temporary queue.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TemporaryError {
    /// No host could be made. The same is told without a call for some time, up to 20 s.
    #[error("no host queue could be made")]
    NotMade(#[source] Fault),
    /// The attribute makes no sense on a temporary queue. No call was made.
    #[error(transparent)]
    InvalidAttribute(#[from] InvalidAttribute),
    /// The virtual queue could not be made on its host.
    #[error(transparent)]
    Queue(QueueError),
    /// A virtual queue of this name exists, with other attributes.
    #[error("a temporary queue named {0} exists with other attributes")]
    Exists(String),
    /// The temporary queues were shut down, or their Tokio runtime has ended.
    #[error("temporary queues are shut down")]
    Closed,
    /// There is no Tokio runtime to make a host on.
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
