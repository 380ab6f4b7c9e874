//! All hosts and virtual queues of a process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqs_rpc_protocol::{HostQueueUrl, ProcessPrefix};
use sqs_rpc_transport::{BatchOptions, InvalidOption, Moment, Outbox, Sqs, Stats};

use super::create::CreateQueue;
use super::error::{PendingError, QueueError};
use super::host::Host;
use super::options::{Options, VirtualQueuesBuilder};
use super::process::Process;
use super::queue::VirtualQueue;

/// The multiplexer: many virtual queues on few hosts. Cheap to clone; clones share all state.
///
/// It makes no call until something is sent or awaited, and polls only while somebody waits. Its tasks (one per host
/// in use and one per call) run on the Tokio runtime of its first use. A host is in use while it has a virtual queue,
/// a pending request, or a handle ([`Host`], [`VirtualQueue`]). After a minute without these, the host is removed and
/// its task ends.
///
/// Dropping the last clone and the last handle stops the drivers; [`shutdown`](Self::shutdown) is the orderly way.
///
/// # Examples
/// ```
/// use sqs_virtual_queues::{CreateQueue, VirtualQueues};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let local = local_sqs::LocalSqs::start();
/// let host = local.create_queue("host").await?.parse()?;
///
/// let queues = VirtualQueues::builder(&local.client()).build()?;
/// let orders = queues.create(&host, CreateQueue::named("orders"))?;
/// orders.send("two of them").await?;
///
/// let received = orders.receive().await?;
/// assert_eq!(received[0].body(), Some("two of them"));
/// orders.delete(received[0].receipt_handle().unwrap()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VirtualQueues(pub(super) Arc<Process>);

/// The maximum part of a shutdown's time that is reserved for the last deletes.
const FLUSH: Duration = Duration::from_millis(500);

/// What a shutdown left unfinished. Nothing is lost: messages that are still in SQS are redelivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The number of requests that still waited for their replies, and ended with [`PendingError::Closed`].
    pub pending: usize,
    /// The number of hosts whose polls were still in flight at the deadline. Messages in such a poll do not reach
    /// this process, and are redelivered when their visibility timeout ends.
    pub abandoned_polls: usize,
    /// The number of sends, deletes and changes of visibility without an answer at the deadline.
    pub abandoned_calls: usize,
}

impl VirtualQueues {
    /// Begins with an SDK client (or a reference to one), or an [`Sqs`].
    pub fn builder(sqs: impl Into<Sqs>) -> VirtualQueuesBuilder {
        VirtualQueuesBuilder::new(sqs.into())
    }

    fn new(sqs: Sqs, options: Options, batches: BatchOptions) -> Self {
        Self(Arc::new(Process::new(sqs, options, batches)))
    }

    /// Creates a virtual queue on `host`, or returns the existing queue of that name, with its messages, retention
    /// and tags unchanged. Makes no call. One host may have many URLs. Calls use the first URL that was used for the
    /// host, and the handle's URL has the host URL given here.
    ///
    /// # Errors
    /// [`QueueError::InvalidName`], [`QueueError::InvalidTag`], [`QueueError::OutOfRange`] for a retention below 1 s,
    /// [`QueueError::TooMany`], [`QueueError::Taken`], [`QueueError::Closed`], [`QueueError::NoRuntime`].
    pub fn create(
        &self,
        host: &HostQueueUrl,
        queue: CreateQueue,
    ) -> Result<VirtualQueue, QueueError> {
        self.0.create(host, queue)
    }

    /// Begins to use an existing host, or returns it if it is in use and not deleted.
    ///
    /// # Errors
    /// [`QueueError::Closed`], [`QueueError::NoRuntime`].
    pub fn host(&self, url: &HostQueueUrl) -> Result<Host, QueueError> {
        Ok(Host::new(self.0.open(url, None)?, Arc::clone(&self.0)))
    }

    /// Begins to use a host that this process created at `made_at`: for its first seconds, SQS may not know the host.
    ///
    /// # Errors
    /// Same as [`host`](Self::host).
    pub fn new_host(&self, url: &HostQueueUrl, made_at: Moment) -> Result<Host, QueueError> {
        Ok(Host::new(
            self.0.open(url, Some(made_at))?,
            Arc::clone(&self.0),
        ))
    }

    /// The prefix of this process in its correlation ids.
    #[must_use]
    pub fn process(&self) -> ProcessPrefix {
        self.0.process
    }

    /// The handle for calls to SQS.
    #[must_use]
    pub fn sqs(&self) -> &Sqs {
        &self.0.sqs
    }

    /// The outbox, which batches sends and deletes.
    ///
    /// # Errors
    /// [`QueueError::Closed`], [`QueueError::NoRuntime`].
    pub fn outbox(&self) -> Result<Outbox, QueueError> {
        Ok(self.0.running()?.outbox.clone())
    }

    /// All counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.sqs.counters().snapshot()
    }

    /// Stops: receives and pending requests end at once, buffered messages stay in SQS. Waits for polls and calls in
    /// flight, at most `within`.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait, but not the shutdown.
    pub async fn shutdown(&self, within: Duration) -> ShutdownReport {
        let clock = self.0.sqs.clock();
        let end = clock.now() + within;
        self.0.closed.store(true, Ordering::Release);
        self.0.opened.notify_waiters();
        let mut report = ShutdownReport::default();
        for host in self.0.hosts.in_order() {
            report.pending += host.lock().router.pending();
            host.end(PendingError::Closed);
        }
        let Some(running) = self.0.running.get() else {
            return report;
        };
        // The drivers' last polls may take all the remaining time, but the outbox also needs time for their last
        // deletes.
        let polls_end = end - (within / 10).min(FLUSH);
        if running.drivers.stopped_by(clock, polls_end).await.is_err() {
            report.abandoned_polls = running.drivers.running();
        }
        report.abandoned_calls = running.outbox.shutdown(end).await;
        running.calls.stop();
        report
    }

    /// The runtime that the drivers of hosts run on; `None` before the first use.
    #[doc(hidden)]
    #[must_use]
    pub fn runtime(&self) -> Option<tokio::runtime::Id> {
        let running = self.0.running.get()?;
        Some(running.drivers.runtime())
    }
}

impl VirtualQueuesBuilder {
    /// Builds the multiplexer. Makes no call and does not need a runtime yet.
    ///
    /// # Errors
    /// [`InvalidOption`], with the name of the option that is out of range.
    pub fn build(self) -> Result<VirtualQueues, InvalidOption> {
        let options = self.options.checked()?;
        Ok(VirtualQueues::new(self.sqs, options, self.batches))
    }
}

impl fmt::Debug for VirtualQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualQueues")
            .field("hosts", &self.0.hosts.len())
            .finish_non_exhaustive()
    }
}
