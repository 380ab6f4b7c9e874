//! The trait that creates the queue of a `CreateQueue` without a host.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use super::refusal::{Failure, Kind, Refusal};
use crate::{QueueError, VirtualQueue};

/// Creates the queue of a `CreateQueue` without a host.
///
/// The package of temporary queues implements this trait and passes the value to
/// [`VirtualQueues::client_making`](crate::VirtualQueues::client_making). The implementation chooses the host, and this
/// package does the wire format. Without an implementation, such a `CreateQueue` creates a real queue.
pub trait MakeQueue: fmt::Debug + Send + Sync + 'static {
    /// Creates the queue, or returns the existing queue with this name.
    fn make(&self, wanted: WantedQueue) -> BoxFuture<'_, Result<VirtualQueue, NotMade>>;
}

/// The parameters of a `CreateQueue` without a host.
#[derive(Debug)]
pub struct WantedQueue {
    /// The name, without `.fifo` at its end.
    pub name: String,
    /// How long the virtual queue is kept without being used.
    pub idle_retention: Option<Duration>,
    /// The tags of the virtual queue.
    pub tags: BTreeMap<String, String>,
    /// All other attributes, which apply to its host.
    pub attributes: BTreeMap<String, String>,
}

/// Why the queue was not created.
#[derive(Debug)]
pub enum NotMade {
    /// The error of the virtual queue, which is reported as for a `CreateQueue` with a host.
    Queue(QueueError),
    /// An attribute cannot be set. The text is a sentence without a full stop.
    InvalidAttribute(String),
    /// A queue with this name has other attributes. The text is a sentence without a full stop.
    Exists(String),
}

impl From<NotMade> for Failure {
    fn from(error: NotMade) -> Self {
        match error {
            NotMade::Queue(error) => error.into(),
            NotMade::InvalidAttribute(why) => {
                Refusal::new(Kind::InvalidAttributeName, format!("{why}.")).into()
            }
            NotMade::Exists(why) => Refusal::new(Kind::QueueNameExists, format!("{why}.")).into(),
        }
    }
}
