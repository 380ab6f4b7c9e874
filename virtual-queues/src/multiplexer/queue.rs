//! The handle of a virtual queue.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchResultEntry;
use futures::future;
use sqs_rpc_protocol::VirtualQueueUrl;
use sqs_rpc_protocol::limits::MAX_VISIBILITY;
use sqs_rpc_transport::Fault;

use super::address::address;
use super::error::QueueError;
use super::hub::{Hub, State};
use super::message::OutgoingMessage;
use super::process::Process;
use super::routing::{Fate, Made};

/// A virtual queue of this process. Created by [`VirtualQueues::create`](super::VirtualQueues::create); cheap to
/// clone.
///
/// It behaves like an SQS queue: delivery is at-least-once, a received message is invisible until its visibility
/// timeout ends, and a deleted message is gone. A handle keeps the multiplexer running. The queue lives until
/// [`delete_queue`](Self::delete_queue), its idle expiry, or the shutdown; dropping a handle does not delete it.
#[derive(Debug, Clone)]
pub struct VirtualQueue {
    pub(super) shared: Arc<Hub>,
    pub(super) url: VirtualQueueUrl,
    /// Keeps the multiplexer running.
    _owner: Arc<Process>,
}

impl VirtualQueue {
    pub(super) const fn new(shared: Arc<Hub>, url: VirtualQueueUrl, owner: Arc<Process>) -> Self {
        Self {
            shared,
            url,
            _owner: owner,
        }
    }

    /// The queue's URL, `<host>#<name>`, to which senders send.
    #[must_use]
    pub const fn url(&self) -> &VirtualQueueUrl {
        &self.url
    }

    /// Sends a message to this queue, alone or in a batch; returns SQS's answer, with the message's id.
    ///
    /// # Errors
    /// [`QueueError::InvalidMessage`] before any call; [`QueueError::Call`], whose [`Fault::delivery`] shows whether
    /// the message may have been sent.
    ///
    /// # Cancel safety
    /// Dropping the future withdraws the message only if it is not in a call yet.
    pub async fn send(
        &self,
        message: impl Into<OutgoingMessage>,
    ) -> Result<SendMessageBatchResultEntry, QueueError> {
        let (fair, random) = (self.shared.options.fair_queues, self.shared.sqs.random());
        let entry = address(message.into(), &self.url, fair, random)?;
        let _in_use = self.enter()?;
        self.shared
            .outbox
            .send(&self.shared.url, entry)
            .await
            .map_err(QueueError::Call)
    }

    /// Deletes a received message, by its receipt handle.
    ///
    /// # Errors
    /// [`QueueError::Call`]: the message is redelivered when its visibility timeout ends.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it unknown whether the message is deleted.
    pub async fn delete(&self, receipt_handle: impl Into<String>) -> Result<(), QueueError> {
        let _in_use = self.enter()?;
        let handle = receipt_handle.into();
        let deleted = self.shared.outbox.delete(&self.shared.url, handle.clone());
        self.settle(&handle, Fate::Deleted, deleted.await)
    }

    /// Sets how long a received message stays invisible from now on: 0 (visible at once) to 12 h, in whole seconds.
    ///
    /// # Errors
    /// [`QueueError::OutOfRange`] before any call; [`QueueError::Call`].
    ///
    /// # Cancel safety
    /// Dropping the future leaves it unknown whether the timeout is changed.
    pub async fn change_visibility(
        &self,
        receipt_handle: impl Into<String>,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        if visibility > MAX_VISIBILITY {
            let value = format!("{} s", visibility.as_secs_f64());
            return Err(QueueError::OutOfRange {
                what: "visibility",
                value,
                allowed: "0 to 12 h",
            });
        }
        let _in_use = self.enter()?;
        let handle = receipt_handle.into();
        let changed = self
            .shared
            .outbox
            .change_visibility(&self.shared.url, handle.clone(), visibility)
            .await;
        if visibility.is_zero() {
            return self.settle(&handle, Fate::GivenBack, changed);
        }
        changed.map_err(QueueError::Call)?;
        let until = self.shared.sqs.clock().now() + visibility;
        self.shared
            .update(|state| state.polls.extended(&handle, until));
        self.shared
            .note_in_hand(self.url.name(), &handle, Fate::HiddenUntil(until));
        Ok(())
    }

    /// Sends messages, as [`send`](Self::send) does. To a FIFO host they go in their order.
    ///
    /// Accepts any number of messages, which are batched together with other messages to the host. The results are in
    /// the order of the messages, one per message.
    ///
    /// # Errors
    /// Each message has its own error. A refused message does not hold up the others.
    ///
    /// # Cancel safety
    /// Dropping the future withdraws only messages that are not in a call yet.
    pub async fn send_all(
        &self,
        messages: impl IntoIterator<Item = impl Into<OutgoingMessage>>,
    ) -> Vec<Result<SendMessageBatchResultEntry, QueueError>> {
        let sends = messages.into_iter().map(|message| self.send(message));
        // Entries are sent in the order in which their futures are polled first. Tokio's cooperative budget would
        // stop after 128 and continue with other tasks.
        tokio::task::unconstrained(future::join_all(sends)).await
    }

    /// Deletes received messages, as [`delete`](Self::delete) does. The results are in the order of the handles.
    ///
    /// # Errors
    /// Each message has its own error.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it unknown which messages are deleted.
    pub async fn delete_all(
        &self,
        receipt_handles: impl IntoIterator<Item = impl Into<String>>,
    ) -> Vec<Result<(), QueueError>> {
        let handles = receipt_handles.into_iter();
        future::join_all(handles.map(|handle| self.delete(handle))).await
    }

    /// Changes the visibility of received messages, as [`change_visibility`](Self::change_visibility) does. The
    /// results are in the order of the changes.
    ///
    /// # Errors
    /// Each message has its own error.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it unknown which timeouts are changed.
    pub async fn change_visibility_all(
        &self,
        changes: impl IntoIterator<Item = (impl Into<String>, Duration)>,
    ) -> Vec<Result<(), QueueError>> {
        let changes = changes.into_iter();
        future::join_all(changes.map(|(handle, to)| self.change_visibility(handle, to))).await
    }

    /// Empties the buffer and deletes its messages. It does not affect messages in SQS that are not received yet.
    /// Returns the number of deleted messages.
    ///
    /// # Errors
    /// [`QueueError::DoesNotExist`], [`QueueError::Closed`].
    pub fn purge(&self) -> Result<usize, QueueError> {
        let now = self.shared.sqs.clock().now();
        let purged = self.shared.update(|state| {
            let purged = state.router.purge(self.url.name(), now)?;
            state.polls.settled(purged.len());
            Some(purged)
        });
        let purged = purged.ok_or_else(|| self.shared.not_there(&self.url))?;
        for handle in purged.iter().filter_map(|message| message.receipt_handle()) {
            self.shared
                .outbox
                .delete_later(&self.shared.url, handle.to_owned());
        }
        Ok(purged.len())
    }

    /// The number of messages in the buffer: received from the host, but not by a receiver here. `None` if the queue
    /// does not exist.
    #[must_use]
    pub fn buffered(&self) -> Option<usize> {
        self.shared.lock().router.buffered_in(self.url.name())
    }

    /// Deletes the queue, without a call. Receives that wait on it end with [`QueueError::DoesNotExist`]; messages
    /// that are still in SQS become orphans.
    ///
    /// # Errors
    /// [`QueueError::DoesNotExist`], [`QueueError::Closed`].
    pub fn delete_queue(&self) -> Result<(), QueueError> {
        let deleted = self.shared.update(|state| {
            let (wakers, messages) = state.router.delete(self.url.name())?;
            state.polls.settled(messages);
            Some(wakers)
        });
        let wakers = deleted.ok_or_else(|| self.shared.not_there(&self.url))?;
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Begins an operation that takes time. An error if the queue does not exist.
    pub(super) fn enter(&self) -> Result<InUse<'_>, QueueError> {
        let now = self.shared.sqs.clock().now();
        let made = self.shared.lock().router.enter(self.url.name(), now);
        let made = made.ok_or_else(|| self.shared.not_there(&self.url))?;
        Ok(InUse { queue: self, made })
    }

    /// Notes an operation for the idle expiry. An error if the queue does not exist.
    pub(super) fn touch(&self) -> Result<(), QueueError> {
        let now = self.shared.sqs.clock().now();
        if self.shared.lock().router.touch(self.url.name(), now) {
            Ok(())
        } else {
            Err(self.shared.not_there(&self.url))
        }
    }

    fn settle(
        &self,
        receipt_handle: &str,
        fate: Fate,
        result: Result<(), Fault>,
    ) -> Result<(), QueueError> {
        result.map_err(QueueError::Call)?;
        let now = self.shared.sqs.clock().now();
        let polls = |state: &mut State| state.polls.settled_by_handle(receipt_handle, now);
        self.shared.update(polls);
        self.shared
            .note_in_hand(self.url.name(), receipt_handle, fate);
        Ok(())
    }
}

/// An operation in progress on a virtual queue: the queue does not expire meanwhile.
#[derive(Debug)]
pub(super) struct InUse<'a> {
    queue: &'a VirtualQueue,
    made: Made,
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        let VirtualQueue { shared, url, .. } = self.queue;
        let now = shared.sqs.clock().now();
        shared.lock().router.exit(url.name(), self.made, now);
    }
}
