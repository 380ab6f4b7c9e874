//! Virtual queues by URL and by name.

use std::sync::Arc;
#[cfg(feature = "drop-in")]
use std::sync::atomic::Ordering;

use aws_sdk_sqs::types::SendMessageBatchResultEntry;
use sqs_rpc_protocol::{VirtualQueueName, VirtualQueueUrl};

use super::address::address;
use super::error::QueueError;
use super::host::Shared;
use super::message::OutgoingMessage;
use super::queue::VirtualQueue;
use super::queues::VirtualQueues;

impl VirtualQueues {
    /// The virtual queue with this URL, however its host is spelled, if it exists in this process.
    #[must_use]
    pub fn find(&self, url: &VirtualQueueUrl) -> Option<VirtualQueue> {
        let shared = self.0.hosts.get(&self.0.sqs.host_key(url.host()))?;
        shared.lock().router.buffered_in(url.name())?;
        Some(VirtualQueue::new(shared, url.clone(), self.clone()))
    }

    /// As [`find`](Self::find), with the reason why it is not there.
    #[cfg(feature = "drop-in")]
    pub(crate) fn existing(&self, url: &VirtualQueueUrl) -> Result<VirtualQueue, QueueError> {
        self.find(url).ok_or_else(|| {
            if self.0.closed.load(Ordering::Acquire) {
                QueueError::Closed
            } else {
                QueueError::DoesNotExist(url.clone())
            }
        })
    }

    /// The virtual queue of this name, if one exists in this process. If several hosts have one, it is that of the
    /// host that sorts first by account, name and region. It looks at every host.
    #[must_use]
    pub fn find_by_name(&self, name: &VirtualQueueName) -> Option<VirtualQueue> {
        let hosts = self.0.hosts.in_order();
        let has = |host: &&Arc<Shared>| host.lock().router.buffered_in(name).is_some();
        let host = hosts.iter().find(has)?;
        self.find(&VirtualQueueUrl::new(&host.url, name))
    }

    /// Sends a message to any virtual queue, one of another process included. Nobody here can tell whether that one
    /// exists: if it does not, the message is an orphan over there.
    ///
    /// # Errors
    /// As [`VirtualQueue::send`], but never [`QueueError::DoesNotExist`].
    ///
    /// # Cancel safety
    /// Dropping the future takes the message back only as long as no call has it.
    pub async fn send(
        &self,
        to: &VirtualQueueUrl,
        message: impl Into<OutgoingMessage>,
    ) -> Result<SendMessageBatchResultEntry, QueueError> {
        let (fair, random) = (self.0.options.fair_queues, self.0.sqs.random());
        let entry = address(message.into(), to, fair, random)?;
        if let Some(queue) = self.find(to) {
            // It may be gone in this moment; then the message is an orphan.
            queue.touch().or_else(|error| match error {
                QueueError::DoesNotExist(_) => Ok(()),
                error => Err(error),
            })?;
        }
        let sent = self.outbox()?.send(to.host(), entry).await;
        sent.map_err(QueueError::Call)
    }
}
