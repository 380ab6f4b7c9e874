//! Batches of sends, deletes and visibility changes, made of whatever comes at the same time.
//!
//! Owns: which calls are made when, with which entries; each caller's own answer; the repetition of single entries.
//! Does not own: what is sent, the repetition of whole calls (the SDK's), receives.
//!
//! It is natural batching. With no call out, an entry goes at once, so an idle queue has no added latency. While one
//! is out, others gather until ten are there, until no call is out any more, or for a few milliseconds. The more load,
//! the fuller the batches.
//!
//! **Invariant:** every entry that was accepted is answered: by SQS, or with [`FaultKind::Closed`](super::FaultKind::Closed).
//!
//! | file | question |
//! |---|---|
//! | `coalescer` | when does the next batch go, and who is in it? (pure) |
//! | `words` | which delete or change of a message goes before which? (pure) |
//! | `table` | how do deletes and changes hear of each other? |
//! | `lane` | how does an entry get in, and what if there is no room? |
//! | `worker` | who waits for what? |
//! | `call` | what does an answer mean for each entry? |
//! | `kind`, `send`, `delete`, `visibility` | what is in a call? |

mod call;
mod coalescer;
mod delete;
mod entry;
mod kind;
mod lane;
mod options;
mod send;
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

use self::delete::Delete;
use self::lane::{Context, Lanes};
use self::send::Send;
use self::table::Table;
use self::visibility::{Change, ChangeVisibility};
use super::{Fault, Moment, Sqs, Tasks};

pub use self::options::BatchOptions;

/// All batched calls of one process to all its queues. Cheap to clone; clones share the batches.
///
/// # Order
/// Entries of one queue and kind leave in the order in which their futures were first polled. Several calls may be
/// out at a time, so SQS may take them in another order. Sends to a FIFO queue go one call at a time, and no repetition
/// puts the messages of a group out of order: if SQS takes the later one of two in the same call and fails the earlier
/// one, the earlier one is not tried again and its caller gets the fault.
///
/// # Repetition
/// An entry that SQS answers with a temporary failure of its own is tried again, up to three times in all, without
/// those that succeeded. If SQS refuses a whole batch for its content, its entries are sent one by one. A call that
/// fails otherwise fails all its entries; the SDK has repeated it before, as the client's retry config says.
///
/// # Dropping
/// When the last clone is dropped, what nobody waits for is still sent, as long as the runtime lives.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

struct Shared {
    sends: Arc<Lanes<Send>>,
    deletes: Arc<Lanes<Delete>>,
    changes: Arc<Lanes<ChangeVisibility>>,
    context: Arc<Context>,
}

impl Outbox {
    /// An outbox with nothing in it. Makes no call and starts no task before the first entry.
    ///
    /// All its tasks run in `tasks`; when those are asked to stop, it accepts nothing more and sends what it has.
    #[must_use]
    pub fn new(sqs: Sqs, tasks: Tasks, options: BatchOptions) -> Self {
        let closing = tasks.stopping().child_token();
        let (given_up, workers) = (CancellationToken::new(), TaskTracker::new());
        let context = Arc::new(Context {
            sqs,
            tasks,
            options,
            closing,
            given_up,
            workers,
            words: Table::new(),
        });
        Self(Arc::new(Shared {
            sends: Lanes::new(Arc::clone(&context)),
            deletes: Lanes::new(Arc::clone(&context)),
            changes: Lanes::new(Arc::clone(&context)),
            context,
        }))
    }

    /// Sends a message, and returns what SQS answered for it. An id in `message` is replaced.
    ///
    /// Waits for room while [`BatchOptions::max_waiting`] sends to this queue are unanswered.
    ///
    /// # Errors
    /// The fault of this message alone, or of the whole call. Of the outbox itself:
    /// - [`NotMade`](super::FaultKind::NotMade): there is no body;
    /// - [`Refused`](super::FaultKind::Refused): it has more bytes than [`BatchOptions::max_bytes`];
    /// - [`Unreadable`](super::FaultKind::Unreadable): SQS's answer does not mention it, or took another body (by its
    ///   MD5); it may have been sent;
    /// - [`Closed`](super::FaultKind::Closed): after the shutdown, or when the runtime has ended.
    ///
    /// # Cancel safety
    /// A message whose future is dropped while it waits for its batch is not sent. One that is out already is.
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

    /// As [`send`](Self::send), for a message that says when it is sent. `stamp` is called before each call that the message
    /// is in, on a copy of the message, and writes into it what depends on that moment. It must not make the message larger,
    /// since the size counts from the start, and must change neither the body nor the group.
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
        stamp: impl Fn(&mut SendMessageBatchRequestEntry) + std::marker::Send + Sync + 'static,
    ) -> Result<SendMessageBatchResultEntry, Fault> {
        let letter = send::build(message, Some(Box::new(stamp)))?;
        self.0.sends.submit(queue, letter).await
    }

    /// Deletes a message. Changes of its visibility timeout that still wait are not made; one that is out is answered first.
    ///
    /// # Errors
    /// As [`send`](Self::send); counted as [`Counter::DeletesFailed`](crate::Counter::DeletesFailed), too.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn delete(&self, queue: &HostQueueUrl, receipt_handle: String) -> Result<(), Fault> {
        self.0.deletes.submit(queue, receipt_handle).await
    }

    /// Deletes a message off the caller's path: returns at once, and lets it wait for company.
    ///
    /// A delete that fails, comes after the shutdown or finds no room is dropped and counted as
    /// [`Counter::DeletesFailed`](crate::Counter::DeletesFailed): SQS delivers the message again.
    pub fn delete_later(&self, queue: &HostQueueUrl, receipt_handle: String) {
        self.0.deletes.submit_later(queue, receipt_handle);
    }

    /// Changes a message's visibility timeout, counted from when SQS takes the call. Parts of a second count as whole
    /// ones; zero makes it visible at once.
    ///
    /// Changes of one message take effect in the order in which they were asked for, each after the answer to the one before.
    /// A change that still waits when the message is deleted is not made; its caller gets `Ok`.
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

    /// As [`change_visibility`](Self::change_visibility), off the caller's path. It never follows a newer change or a delete of
    /// the same receipt handle: while it waits, these remove it, and after a delete that is under way it is not made. One that fails or finds no room is
    /// dropped and counted as [`Counter::ChangesFailed`](crate::Counter::ChangesFailed): the message keeps the timeout that
    /// it has.
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
    /// `at`. An owner that is about to delete the queue waits for this, because calls that come after the deletion fail.
    /// Later entries wait until it is over.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    pub async fn settled(&self, queue: &HostQueueUrl, at: Moment) {
        let deletes = self.0.deletes.settled(queue);
        let changes = self.0.changes.settled(queue);
        let both = futures::future::join(deletes, changes);
        // At the end of its time there is nothing else to do.
        let _ = self.0.context.sqs.clock().timeout_at(at, both).await;
    }

    /// Refuses new entries with [`Closed`](super::FaultKind::Closed), sends out everything that waits, and returns
    /// when all is answered, or at `at`. Returns how many entries were given up: their callers get `Closed`, and
    /// [`Fault::delivery`] says which of them were out.
    ///
    /// # Cancel safety
    /// Dropping it leaves the outbox closed; what it has is still sent.
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

    /// Entries that were accepted and are not answered yet.
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

impl Drop for Shared {
    fn drop(&mut self) {
        self.context.closing.cancel();
    }
}
