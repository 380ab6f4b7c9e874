//! Creates virtual queues.

use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::{HostQueueUrl, VirtualQueueName, VirtualQueueUrl};

use super::error::QueueError;
use super::hub::Hub;
use super::process::Process;
use super::queue::VirtualQueue;
use super::routing::Refused;
use super::tags::{self, Tags};

/// A virtual queue to be created.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct CreateQueue {
    name: Option<String>,
    idle_retention: Option<Duration>,
    tags: Tags,
}

impl CreateQueue {
    /// A queue with this name: 1 to 80 letters, digits, `-` and `_`.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }

    /// A queue with a name of 122 random bits, which nobody can guess.
    pub fn random() -> Self {
        Self::default()
    }

    /// Deletes the queue when it was not used for this time: 1 s and more. Default: never.
    ///
    /// An operation uses the queue from its start to its end: a receive while it waits, a send until SQS's answer. A
    /// handler uses the queue as long as the handler runs, and a handler of all queues
    /// ([`VirtualQueues::for_each`](super::VirtualQueues::for_each)) uses all queues. A received message uses its
    /// queue until it is deleted or its visibility timeout ends. Messages that are not received yet do not use the
    /// queue.
    pub const fn idle_retention(mut self, retention: Duration) -> Self {
        self.idle_retention = Some(retention);
        self
    }

    /// Adds a tag: see [`VirtualQueue::tag`]. Default: none.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }
}

impl Process {
    /// Creates a virtual queue on `host`, which is opened if it is not in use.
    pub(super) fn create(
        self: &Arc<Self>,
        host: &HostQueueUrl,
        queue: CreateQueue,
    ) -> Result<VirtualQueue, QueueError> {
        let name = self.checked_name(&queue)?;
        let shared = self.open(host, None)?;
        self.add(&shared, host, &name, queue)
    }

    /// Does the same as [`create`](Self::create) on an open host: if the host has ended, no virtual queue is created.
    pub(super) fn create_on(
        self: &Arc<Self>,
        shared: &Arc<Hub>,
        queue: CreateQueue,
    ) -> Result<VirtualQueue, QueueError> {
        let name = self.checked_name(&queue)?;
        self.add(shared, &shared.url, &name, queue)
    }

    fn checked_name(&self, queue: &CreateQueue) -> Result<VirtualQueueName, QueueError> {
        let name = match &queue.name {
            Some(name) => VirtualQueueName::try_from(name.as_str())?,
            None => self.random_name()?,
        };
        checked_retention(queue.idle_retention)?;
        tags::check(&Tags::new(), &queue.tags)?;
        Ok(name)
    }

    fn add(
        self: &Arc<Self>,
        shared: &Arc<Hub>,
        host: &HostQueueUrl,
        name: &VirtualQueueName,
        queue: CreateQueue,
    ) -> Result<VirtualQueue, QueueError> {
        let url = VirtualQueueUrl::new(host, name);
        let now = self.sqs.clock().now();
        let created = shared.update(|state| {
            let made = state
                .router
                .create(name.clone(), queue.idle_retention, now)?;
            if made && !queue.tags.is_empty() {
                state.router.change_tags(name, |tags| *tags = queue.tags);
            }
            Ok(())
        });
        match created {
            Ok(()) => Ok(VirtualQueue::new(Arc::clone(shared), url, Arc::clone(self))),
            Err(Refused::Closed) => Err(shared.not_there(&url)),
            Err(Refused::Full) => Err(QueueError::TooMany(self.options.limits.names)),
            Err(Refused::Taken) => Err(QueueError::Taken(url)),
        }
    }

    fn random_name(&self) -> Result<VirtualQueueName, QueueError> {
        let uuid = self.sqs.random().uuid();
        let mut text = uuid::Uuid::encode_buffer();
        Ok(VirtualQueueName::parse(
            uuid.hyphenated().encode_lower(&mut text),
        )?)
    }
}

/// Refuses a retention that is too short.
pub(super) fn checked_retention(retention: Option<Duration>) -> Result<(), QueueError> {
    match retention.filter(|retention| *retention < Duration::from_secs(1)) {
        Some(short) => Err(QueueError::OutOfRange {
            what: "idle retention",
            value: format!("{} s", short.as_secs_f64()),
            allowed: "1 s and more",
        }),
        None => Ok(()),
    }
}
