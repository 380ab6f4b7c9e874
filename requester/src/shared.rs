//! [`Shared`]: the state that all clones of a requester share.

use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{Counter, Moment, NoRuntime, Sqs, mutant};
use sqs_virtual_queues::VirtualQueues;
use tokio::runtime::Handle;

use crate::options::Options;
use crate::reply_queue::ReplyQueue;
use crate::slots::Slots;
use crate::{InvalidOption, RequestError, ShutdownReport};

/// The part of a shutdown's time that is reserved for deleting the reply queue and for the last calls.
const CLOSING: Duration = Duration::from_millis(500);

/// The parts of a requester. Pending requests hold this, too, so that it lives until the last of them has ended.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) queues: VirtualQueues,
    pub(crate) slots: Arc<Slots>,
    pub(crate) reply_queue: ReplyQueue,
}

impl Shared {
    pub(crate) fn new(
        sqs: Sqs,
        options: Options,
        given_queue: Option<HostQueueUrl>,
    ) -> Result<Self, InvalidOption> {
        let slots = Arc::new(Slots::new(options.max_pending, sqs.counters().clone()));
        let queues = VirtualQueues::builder(sqs)
            .visibility(options.visibility)
            .max_polls(options.max_polls)
            .poll_wait(options.poll_wait)
            .end_idle_polls(options.end_idle_polls)
            .max_names(options.max_pending)
            .prefer(options.prefer)
            .batches(options.batches.clone())
            .build()
            .expect("Options::check allows no more than the builder does");
        let reply_queue = match given_queue {
            Some(url) => ReplyQueue::given(queues.clone(), url),
            None => ReplyQueue::own(options.host.build(&queues)?),
        };
        Ok(Self {
            options,
            queues,
            slots,
            reply_queue,
        })
    }

    /// The time now; an error outside a Tokio runtime, because the request's timers would not run.
    pub(crate) fn now(&self) -> Result<Moment, RequestError> {
        self.runtime()
            .map_err(|NoRuntime| RequestError::no_runtime())?;
        Ok(self.queues.sqs().clock().now())
    }

    pub(crate) fn count(&self, counter: Counter) {
        self.queues.sqs().counters().count(counter);
    }

    /// Waits for pending requests until shortly before the time is up, ends the rest, and deletes the reply queue that
    /// was made.
    pub(crate) async fn shutdown(&self, within: Duration) -> ShutdownReport {
        self.slots.close();
        let clock = self.queues.sqs().clock();
        let mut report = ShutdownReport::default();
        if self.runtime().is_err() {
            // Without a runtime there is no timer to wait with.
            report.pending = self.slots.taken();
            self.reply_queue.close();
            report.left_behind = self.reply_queue.undeleted();
            return report;
        }
        let mut end = clock.now() + within;
        if mutant!("shutdown-late") {
            end += within;
        }
        let drained_by = end - (within / 4).min(CLOSING);
        if clock
            .timeout_at(drained_by, self.slots.emptied())
            .await
            .is_err()
        {
            report.pending = self.slots.taken();
        }
        self.reply_queue.close();
        let mut left = self.reply_queue.delete(end).await;
        let left_behind = left.left_behind.pop();
        report.unconfirmed = left.unconfirmed;
        // All requests have ended. If the host is deleted, no poll is in flight either, only the last calls.
        let worth_waiting = self.reply_queue.is_given() || left_behind.is_some();
        let rest = end.since(clock.now());
        let queues = self
            .queues
            .shutdown(if worth_waiting {
                rest
            } else {
                rest.min(CLOSING)
            })
            .await;
        report.abandoned_calls = queues.abandoned_calls;
        report.abandoned_polls = queues.abandoned_polls;
        if let Some((url, fault)) = left_behind {
            tracing::warn!(host = %url, error = %fault, "the reply queue could not be deleted");
            report.left_behind = Some(url);
        }
        report
    }

    fn runtime(&self) -> Result<(), NoRuntime> {
        Handle::try_current().map(drop).map_err(|_| NoRuntime)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A shutdown has logged why it left a queue behind.
        if !self.slots.is_closed()
            && let Some(url) = self.reply_queue.undeleted()
        {
            tracing::warn!(host = %url, "a requester was dropped without a shutdown; another process has to delete its reply queue");
        }
    }
}
