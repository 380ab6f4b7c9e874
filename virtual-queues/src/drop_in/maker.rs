//! Who makes the queue of a `CreateQueue` that names no host.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use super::refusal::{Failure, Kind, Refusal};
use crate::{QueueError, VirtualQueue};

/// Makes the queue of a `CreateQueue` that names no host.
///
/// This is the seam for temporary queues. Their package implements this trait and passes it to
/// [`VirtualQueues::client_making`](crate::VirtualQueues::client_making): it chooses the host, and this package keeps the wire layer to itself. Without it, a
/// `CreateQueue` that names no host makes a real queue.
pub trait MakeQueue: fmt::Debug + Send + Sync + 'static {
    /// Makes the queue, or returns the one of that name.
    fn make(&self, wanted: WantedQueue) -> BoxFuture<'_, Result<VirtualQueue, NotMade>>;
}

/// What a `CreateQueue` without a host asks for.
#[derive(Debug)]
pub struct WantedQueue {
    /// The name, without `.fifo` at its end.
    pub name: String,
    /// How long the virtual queue stays without being used.
    pub idle_retention: Option<Duration>,
    /// The tags of the virtual queue.
    pub tags: BTreeMap<String, String>,
    /// All other attributes: those of its host.
    pub attributes: BTreeMap<String, String>,
}

/// Why there is no such queue.
#[derive(Debug)]
pub enum NotMade {
    /// As the same error of a virtual queue.
    Queue(QueueError),
    /// An attribute that cannot be set, in a sentence without a full stop.
    InvalidAttribute(String),
    /// A queue of this name has other attributes, in a sentence without a full stop.
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
