//! Polls receive messages.
//!
//! Owns: one poll's call, and what happens to its messages if the driver has ended. Does not own: the number of polls,
//! nor when they are ended early (`shutdown.rs`). Invariant: every poll reports to its driver, or gives its messages
//! back.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::operation::change_message_visibility_batch::builders::ChangeMessageVisibilityBatchInputBuilder;
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageInputBuilder;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName,
};
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{Action, Delivery, Fault, FaultKind, Moment, Sqs};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Shared by all polls of a queue.
#[derive(Debug)]
pub(super) struct Poller {
    pub(super) sqs: Sqs,
    pub(super) queue: HostQueueUrl,
    pub(super) wait: Duration,
    pub(super) visibility: Duration,
    /// Ends the polls in flight as if they had received nothing. Cancelled in a shutdown.
    pub(super) end: CancellationToken,
}

/// A poll that has ended.
#[derive(Debug)]
pub(super) struct Polled {
    /// The maximum number of messages that the poll asked for.
    pub(super) size: usize,
    /// When the poll began.
    pub(super) started: Moment,
    pub(super) result: Result<Vec<Message>, Fault>,
}

/// Reports the end of a poll to the driver, even if the poll's task is dropped.
#[derive(Debug)]
struct Report {
    /// `None` once the poll was reported.
    driver: Option<mpsc::Sender<Polled>>,
    size: usize,
    started: Moment,
}

/// The task of a poll panicked, or the hook around tasks has dropped it.
#[derive(Debug, thiserror::Error)]
#[error("the task of a poll ended without an answer")]
struct PollLost;

impl Poller {
    /// Polls once, and sends the result to the driver. Runs as a task of its own, so that it can outlive the driver. If
    /// the task ends without a result, the poll has failed.
    pub(super) fn run(
        self: Arc<Self>,
        size: usize,
        driver: mpsc::Sender<Polled>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let started = self.sqs.clock().now();
        // Made here, because the task may be dropped before it runs.
        let report = Report {
            driver: Some(driver),
            size,
            started,
        };
        self.poll(report)
    }

    async fn poll(self: Arc<Self>, mut report: Report) {
        let result = tokio::select! {
            biased;
            result = self.sqs.receive_message(self.input(report.size)) => {
                result.map(|output| output.messages.unwrap_or_default())
            }
            () = self.end.cancelled() => Ok(Vec::new()),
        };
        let polled = report.of(result);
        if let Some(driver) = report.driver.take()
            && let Err(unwanted) = driver.send(polled).await
        {
            self.give_back(unwanted.0).await;
        }
    }

    fn input(&self, size: usize) -> ReceiveMessageInputBuilder {
        ReceiveMessageInputBuilder::default()
            .queue_url(self.queue.as_str())
            .max_number_of_messages(int(size))
            .wait_time_seconds(seconds(self.wait))
            .visibility_timeout(seconds(self.visibility))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
    }

    /// Makes the messages visible to other receivers, in one call, because the driver and its outbox have ended.
    async fn give_back(&self, polled: Polled) {
        let Ok(messages) = polled.result else { return };
        let handles = messages
            .into_iter()
            .filter_map(|message| message.receipt_handle);
        let entries: Vec<_> = handles
            .enumerate()
            .filter_map(|(i, handle)| put_back(i, handle))
            .collect();
        if entries.is_empty() {
            return;
        }
        tracing::debug!(queue = %self.queue, messages = entries.len(), "a poll ended after its responder; its messages are given back");
        let input =
            ChangeMessageVisibilityBatchInputBuilder::default().queue_url(self.queue.as_str());
        // If the call fails, the messages are redelivered when their visibility timeouts end.
        drop(
            self.sqs
                .change_message_visibility_batch(input.set_entries(Some(entries)))
                .await,
        );
    }
}

impl Report {
    fn of(&self, result: Result<Vec<Message>, Fault>) -> Polled {
        Polled {
            size: self.size,
            started: self.started,
            result,
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let Some(driver) = self.driver.take() else {
            return;
        };
        let fault = Fault::local(
            Action::ReceiveMessage,
            FaultKind::Closed,
            Delivery::Unknown,
            PollLost,
        );
        // The channel has room for all polls. Without a driver, nothing needs the report.
        drop(driver.try_send(self.of(Err(fault))));
    }
}

fn put_back(
    index: usize,
    receipt_handle: String,
) -> Option<ChangeMessageVisibilityBatchRequestEntry> {
    ChangeMessageVisibilityBatchRequestEntry::builder()
        .id(index.to_string())
        .receipt_handle(receipt_handle)
        .visibility_timeout(0)
        .build()
        .ok()
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn int(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}
