//! Operations on several messages at once.

use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchResultEntry;
use futures::future;

use super::error::QueueError;
use super::message::OutgoingMessage;
use super::queue::VirtualQueue;

/// Accepts any number of messages. They are batched together with other messages to the host. The results are in the
/// order of the messages, one per message.
impl VirtualQueue {
    /// Sends messages, as [`send`](Self::send) does. To a FIFO host they go in their order.
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

    /// Deletes received messages, as [`delete`](Self::delete) does.
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
        future::join_all(
            receipt_handles
                .into_iter()
                .map(|handle| self.delete(handle)),
        )
        .await
    }

    /// Changes the visibility of received messages, as [`change_visibility`](Self::change_visibility) does.
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
}
