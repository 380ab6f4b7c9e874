//! Batches sends, deletes and visibility changes that are made at about the same time.
//!
//! Owns: when calls are made and with which entries; each caller's own answer; retries of single entries. Does not
//! own: the content of the calls, retries of whole calls (the SDK makes them), receives.
//!
//! With no call in flight, an entry is sent at once, so an idle queue has no added latency. While a call is in
//! flight, other entries gather until there are ten, until no call is in flight any more, or for a few milliseconds.
//! So batches become fuller as the load grows.
//!
//! **Invariant:** every accepted entry is answered: by SQS, or with [`FaultKind::Closed`](super::FaultKind::Closed).
//!
//! | file | question |
//! |---|---|
//! | `coalescer` | when is the next batch sent, and with which entries? (pure) |
//! | `words` | which delete or change of a message is made before which? (pure) |
//! | `table` | how do the lanes of deletes and changes share these operations? |
//! | `submit` | how is an entry added, and what happens without room? |
//! | `lane`, `lanes` | which entries of each queue are waiting? |
//! | `worker` | which events does the task of a lane wait for? |
//! | `call` | what does an answer mean for each entry? |
//! | `kind`, `send`, `delete`, `visibility` | what does a call contain? |

mod call;
mod coalescer;
mod context;
mod delete;
mod entry;
mod kind;
mod lane;
mod lanes;
mod options;
mod send;
mod submit;
mod table;
mod visibility;
mod words;
mod worker;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use aws_sdk_sqs::types::{SendMessageBatchRequestEntry, SendMessageBatchResultEntry};
use sqs_rpc_protocol::HostQueueUrl;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::context::OutboxContext;
use self::delete::Delete;
use self::lanes::Lanes;
use self::send::SendMessage;
use self::table::Table;
use self::visibility::{Change, ChangeVisibility};
use super::{Fault, Moment, Sqs, Tasks};

pub use self::options::BatchOptions;

/// All batched calls of one process to all its queues. Cheap to clone; clones share the batches.
///
/// # Order
/// Entries of one queue and kind are sent in the order in which their futures were first polled. Several calls may be
/// in flight, so SQS may process them in another order. Sends to a FIFO queue go one call at a time, and no retry
/// changes the order of messages within a group: if SQS accepts the later of two messages in the same call and fails
/// the earlier message, the earlier message is not retried and its caller gets the fault.
///
/// # Retries
/// An entry that SQS reports as failed temporarily is retried, up to three attempts in all, without the entries that
/// succeeded. If SQS refuses a whole batch because of its content, its entries are sent one by one. A call that fails
/// otherwise fails all its entries. By then the SDK has already retried the call, according to the client's retry
/// config.
///
/// # Dropping
/// When the last clone is dropped, entries without a waiting caller are still sent, as long as the runtime lives.
#[derive(Clone)]
pub struct Outbox(Arc<OutboxLanes>);

struct OutboxLanes {
    sends: Arc<Lanes<SendMessage>>,
    deletes: Arc<Lanes<Delete>>,
    changes: Arc<Lanes<ChangeVisibility>>,
    context: Arc<OutboxContext>,
}

impl Outbox {
    /// An empty outbox. Makes no call and starts no task before the first entry.
    ///
    /// All its tasks run in `tasks`. When these are asked to stop, the outbox refuses new entries and sends the
    /// entries that it has.
    #[must_use]
    pub fn new(sqs: Sqs, tasks: Tasks, options: BatchOptions) -> Self {
        let closing = tasks.stopping().child_token();
        let (given_up, workers) = (CancellationToken::new(), TaskTracker::new());
        let context = Arc::new(OutboxContext {
            sqs,
            tasks,
            options,
            closing,
            given_up,
            workers,
            words: Table::new(),
        });
        Self(Arc::new(OutboxLanes {
            sends: Lanes::new(Arc::clone(&context)),
            deletes: Lanes::new(Arc::clone(&context)),
            changes: Lanes::new(Arc::clone(&context)),
            context,
        }))
    }

    /// Sends a message, and returns SQS's answer for it. An id in `message` is replaced.
    ///
    /// Waits for room while [`BatchOptions::max_waiting`] sends to this queue are unanswered.
    ///
    /// # Errors
    /// The fault of this message alone, or of the whole call. The outbox itself returns:
    /// - [`NotMade`](super::FaultKind::NotMade): there is no body;
    /// - [`Refused`](super::FaultKind::Refused): it has more bytes than [`BatchOptions::max_bytes`];
    /// - [`Unreadable`](super::FaultKind::Unreadable): SQS's answer does not mention the message, or SQS accepted
    ///   another body (by its MD5); the message may have been sent;
    /// - [`Closed`](super::FaultKind::Closed): after the shutdown, or when the runtime has ended.
    ///
    /// # Cancel safety
    /// A message whose future is dropped while it waits for its batch is not sent. A message that is already in a
    /// call is sent.
    pub async fn send(
        &self,
        queue: &HostQueueUrl,
        message: SendMessageBatchRequestEntryBuilder,
    ) -> Result<SendMessageBatchResultEntry, Fault> {
        self.0
            .sends
            .submit(queue, send::build(message, None)?)
            .await
    }

    /// Does the same as [`send`](Self::send), for a message that contains the time at which it is sent. `stamp` is
    /// called before each call that the message is in, on a copy of the message, and writes the content that depends
    /// on that moment. It must not make the message larger, because the size counts from the start, and it must
    /// change neither the body nor the group.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_stamped(
        &self,
        queue: &HostQueueUrl,
        message: SendMessageBatchRequestEntryBuilder,
        stamp: impl Fn(&mut SendMessageBatchRequestEntry) + Send + Sync + 'static,
    ) -> Result<SendMessageBatchResultEntry, Fault> {
        let letter = send::build(message, Some(Box::new(stamp)))?;
        self.0.sends.submit(queue, letter).await
    }

    /// Deletes a message. Waiting changes of its visibility timeout are not made; the delete waits for the answer to
    /// a change in flight.
    ///
    /// # Errors
    /// As [`send`](Self::send); counted as [`Counter::DeletesFailed`](crate::Counter::DeletesFailed), too.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn delete(&self, queue: &HostQueueUrl, receipt_handle: String) -> Result<(), Fault> {
        self.0.deletes.submit(queue, receipt_handle).await
    }

    /// Deletes a message in the background: returns at once, and the delete waits for a batch.
    ///
    /// A delete that fails, is requested after the shutdown or finds no room is dropped and counted as
    /// [`Counter::DeletesFailed`](crate::Counter::DeletesFailed): SQS redelivers the message.
    pub fn delete_later(&self, queue: &HostQueueUrl, receipt_handle: String) {
        self.0.deletes.submit_later(queue, receipt_handle);
    }

    /// Changes a message's visibility timeout, counted from when SQS receives the call. Fractions of a second are
    /// rounded up; zero makes the message visible at once.
    ///
    /// Changes of one message take effect in the order in which they were requested, each after the answer to the
    /// previous change. A change that is still waiting when the message is deleted is not made; its caller gets `Ok`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn change_visibility(
        &self,
        queue: &HostQueueUrl,
        receipt_handle: String,
        timeout: Duration,
    ) -> Result<(), Fault> {
        self.0
            .changes
            .submit(
                queue,
                Change {
                    receipt_handle,
                    timeout,
                },
            )
            .await
    }

    /// Does the same as [`change_visibility`](Self::change_visibility) in the background. The change is never made
    /// after a newer change or a delete of the same receipt handle: these remove the change while it waits, and after
    /// a delete in progress it is not made. A change that fails or finds no room is dropped and counted as
    /// [`Counter::ChangesFailed`](crate::Counter::ChangesFailed): the message keeps its timeout.
    pub fn change_visibility_later(
        &self,
        queue: &HostQueueUrl,
        receipt_handle: String,
        timeout: Duration,
    ) {
        self.0.changes.submit_later(
            queue,
            Change {
                receipt_handle,
                timeout,
            },
        );
    }

    /// Completes when SQS has answered every delete and visibility change for this queue that was accepted before, or at
    /// `at`. An owner that will delete the queue waits for this first, because calls after the deletion fail. Later entries
    /// wait until then.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect on the entries.
    pub async fn settled(&self, queue: &HostQueueUrl, at: Moment) {
        let deletes = self.0.deletes.settled(queue);
        let changes = self.0.changes.settled(queue);
        let both = futures::future::join(deletes, changes);
        // After the timeout there is nothing else to do.
        let _ = self.0.context.sqs.clock().timeout_at(at, both).await;
    }

    /// Refuses new entries with [`Closed`](super::FaultKind::Closed), sends all waiting entries, and returns when all
    /// entries are answered, or at `at`. Returns the number of entries that were given up: their callers get
    /// `Closed`, and [`Fault::delivery`] shows whether they may have been sent.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the outbox closed; its entries are still sent.
    pub async fn shutdown(&self, at: Moment) -> usize {
        let context = &self.0.context;
        context.closing.cancel();
        context.workers.close();
        if context
            .sqs
            .clock()
            .timeout_at(at, context.workers.wait())
            .await
            .is_ok()
        {
            return 0;
        }
        let unanswered = self.unanswered();
        context.given_up.cancel();
        unanswered
    }

    /// The number of accepted entries that are not answered yet.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.0.sends.unanswered() + self.0.deletes.unanswered() + self.0.changes.unanswered()
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("unanswered", &self.unanswered())
            .finish_non_exhaustive()
    }
}

impl Drop for OutboxLanes {
    fn drop(&mut self) {
        self.context.closing.cancel();
    }
}
