//! Finds virtual queues by URL and by name.

use std::sync::Arc;
#[cfg(feature = "drop-in")]
use std::sync::atomic::Ordering;

use aws_sdk_sqs::types::SendMessageBatchResultEntry;
use sqs_rpc_protocol::{VirtualQueueName, VirtualQueueUrl};

use super::address::address;
use super::error::QueueError;
use super::hub::Hub;
use super::message::OutgoingMessage;
use super::queue::VirtualQueue;
use super::queues::VirtualQueues;

impl VirtualQueues {
    /// The virtual queue with this URL, for all spellings of its host, if it exists in this process.
    #[must_use]
    pub fn find(&self, url: &VirtualQueueUrl) -> Option<VirtualQueue> {
        let shared = self.0.hosts.get(&self.0.sqs.host_key(url.host()))?;
        shared.lock().router.buffered_in(url.name())?;
        Some(VirtualQueue::new(shared, url.clone(), Arc::clone(&self.0)))
    }

    /// Does the same as [`find`](Self::find), but returns an error with the reason if the queue does not exist.
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

    /// The virtual queue with this name, if one exists in this process. If several hosts have a queue with this name,
    /// the result is the queue on the host that sorts first by account, name and region. This searches all hosts.
    #[must_use]
    pub fn find_by_name(&self, name: &VirtualQueueName) -> Option<VirtualQueue> {
        let hosts = self.0.hosts.in_order();
        let has = |host: &&Arc<Hub>| host.lock().router.buffered_in(name).is_some();
        let host = hosts.iter().find(has)?;
        self.find(&VirtualQueueUrl::new(&host.url, name))
    }

    /// Sends a message to any virtual queue, also of another process. This process cannot check whether such a queue
    /// exists. If it does not, the message is an orphan there.
    ///
    /// # Errors
    /// Same as [`VirtualQueue::send`], but never [`QueueError::DoesNotExist`].
    ///
    /// # Cancel safety
    /// Dropping the future withdraws the message only if it is not in a call yet.
    pub async fn send(
        &self,
        to: &VirtualQueueUrl,
        message: impl Into<OutgoingMessage>,
    ) -> Result<SendMessageBatchResultEntry, QueueError> {
        let (fair, random) = (self.0.options.fair_queues, self.0.sqs.random());
        let entry = address(message.into(), to, fair, random)?;
        let queue = self.find(to);
        let _in_use = match queue.as_ref().map(VirtualQueue::enter) {
            // The queue may be deleted at this moment; then the message is an orphan.
            None | Some(Err(QueueError::DoesNotExist(_))) => None,
            Some(in_use) => Some(in_use?),
        };
        let sent = self.outbox()?.send(to.host(), entry).await;
        sent.map_err(QueueError::Call)
    }
}
