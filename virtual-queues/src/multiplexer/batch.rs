//! The operations on several messages at once.

use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchResultEntry;
use futures::future;

use super::error::QueueError;
use super::message::OutgoingMessage;
use super::queue::VirtualQueue;

/// Any number of messages goes in; they are put together with whatever else goes to the host. Results come in the
/// order of the messages, each with its own.
impl VirtualQueue {
    /// Sends messages, as [`send`](Self::send) does. To a FIFO host they go in their order.
    ///
    /// # Errors
    /// Each message has its own: one that is refused holds up no other.
    ///
    /// # Cancel safety
    /// Dropping the future takes back only those messages that no call has.
    pub async fn send_all(
        &self,
        messages: impl IntoIterator<Item = impl Into<OutgoingMessage>>,
    ) -> Vec<Result<SendMessageBatchResultEntry, QueueError>> {
        let sends = messages.into_iter().map(|message| self.send(message));
        // Sends leave in the order in which they are polled first. Tokio would stop after 128 and go on elsewhere.
        tokio::task::unconstrained(future::join_all(sends)).await
    }

    /// Deletes received messages, as [`delete`](Self::delete) does.
    ///
    /// # Errors
    /// Each message has its own.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it open which messages are deleted.
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
    /// Each message has its own.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it open which time-outs are changed.
    pub async fn change_visibility_all(
        &self,
        changes: impl IntoIterator<Item = (impl Into<String>, Duration)>,
    ) -> Vec<Result<(), QueueError>> {
        let changes = changes.into_iter();
        future::join_all(changes.map(|(handle, to)| self.change_visibility(handle, to))).await
    }
}
