//! All hosts and virtual queues of a process.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqs_rpc_protocol::{HostQueueUrl, ProcessPrefix, VirtualQueueName, VirtualQueueUrl};
use sqs_rpc_transport::{BatchOptions, Moment, Outbox, Sqs, Stats, Tasks};
use tokio::runtime;
use tokio::sync::Notify;

use super::error::{PendingError, QueueError};
use super::host::{Host, Shared};
use super::hosts::Hosts;
use super::options::{Options, VirtualQueuesBuilder};
use super::queue::VirtualQueue;
use super::routing::Refused;
use super::tags::{self, Tags};

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
pub struct VirtualQueues(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) sqs: Sqs,
    pub(super) options: Options,
    batches: BatchOptions,
    process: ProcessPrefix,
    pub(super) hosts: Hosts,
    /// Created on first use, on the current runtime at that time.
    running: OnceLock<Running>,
    pub(super) closed: AtomicBool,
    /// Whether a handler of all virtual queues is running.
    pub(super) handled: AtomicBool,
    /// Informs that handler of hosts opened from now on, and of the shutdown.
    pub(super) opened: Notify,
}

struct Running {
    drivers: Tasks,
    /// Separate from the drivers, because drivers still send while they end.
    calls: Tasks,
    outbox: Outbox,
}

/// The maximum part of a shutdown's time that is reserved for the last deletes.
const FLUSH: Duration = Duration::from_millis(500);

/// A virtual queue to be created.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct CreateQueue {
    name: Option<String>,
    idle_retention: Option<Duration>,
    tags: Tags,
}

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

    pub(super) fn new(sqs: Sqs, options: Options, batches: BatchOptions) -> Self {
        let process = ProcessPrefix::from_bits(sqs.random().bits64());
        Self(Arc::new(Inner {
            sqs,
            options,
            batches,
            process,
            hosts: Hosts::new(),
            running: OnceLock::new(),
            closed: AtomicBool::new(false),
            handled: AtomicBool::new(false),
            opened: Notify::new(),
        }))
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
        let name = self.checked_name(&queue)?;
        let shared = self.open(host, None)?;
        self.add(&shared, host, &name, queue)
    }

    /// Does the same as [`create`](Self::create) on an open host: if the host has ended, no virtual queue is created.
    pub(super) fn create_on(
        &self,
        shared: &Arc<Shared>,
        queue: CreateQueue,
    ) -> Result<VirtualQueue, QueueError> {
        let name = self.checked_name(&queue)?;
        self.add(shared, &shared.url, &name, queue)
    }

    fn checked_name(&self, queue: &CreateQueue) -> Result<VirtualQueueName, QueueError> {
        let name = match &queue.name {
            Some(name) => VirtualQueueName::try_from(name.as_str())?,
            None => self.random_name()?,
        };
        checked_retention(queue.idle_retention)?;
        tags::check(&Tags::new(), &queue.tags)?;
        Ok(name)
    }

    fn add(
        &self,
        shared: &Arc<Shared>,
        host: &HostQueueUrl,
        name: &VirtualQueueName,
        queue: CreateQueue,
    ) -> Result<VirtualQueue, QueueError> {
        let url = VirtualQueueUrl::new(host, name);
        let now = self.0.sqs.clock().now();
        let created = shared.update(|state| {
            let made = state
                .router
                .create(name.clone(), queue.idle_retention, now)?;
            if made && !queue.tags.is_empty() {
                state.router.change_tags(name, |tags| *tags = queue.tags);
            }
            Ok(())
        });
        match created {
            Ok(()) => Ok(VirtualQueue::new(Arc::clone(shared), url, self.clone())),
            Err(Refused::Closed) => Err(shared.not_there(&url)),
            Err(Refused::Full) => Err(QueueError::TooMany(self.0.options.limits.names)),
            Err(Refused::Taken) => Err(QueueError::Taken(url)),
        }
    }

    /// Begins to use an existing host, or returns it if it is in use and not deleted.
    ///
    /// # Errors
    /// [`QueueError::Closed`], [`QueueError::NoRuntime`].
    pub fn host(&self, url: &HostQueueUrl) -> Result<Host, QueueError> {
        Ok(Host::new(self.open(url, None)?, self.clone()))
    }

    /// Begins to use a host that this process created at `made_at`: for its first seconds, SQS may not know the host.
    ///
    /// # Errors
    /// Same as [`host`](Self::host).
    pub fn new_host(&self, url: &HostQueueUrl, made_at: Moment) -> Result<Host, QueueError> {
        Ok(Host::new(self.open(url, Some(made_at))?, self.clone()))
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
        Ok(self.running()?.outbox.clone())
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
    pub fn runtime(&self) -> Option<runtime::Id> {
        let running = self.0.running.get()?;
        Some(running.drivers.runtime())
    }

    fn random_name(&self) -> Result<VirtualQueueName, QueueError> {
        let uuid = self.0.sqs.random().uuid();
        let mut text = uuid::Uuid::encode_buffer();
        Ok(VirtualQueueName::parse(
            uuid.hyphenated().encode_lower(&mut text),
        )?)
    }

    fn open(&self, url: &HostQueueUrl, made_at: Option<Moment>) -> Result<Arc<Shared>, QueueError> {
        let running = self.running()?;
        let inner = &self.0;
        let (host, opened) = inner.hosts.get_or_open(inner.sqs.host_key(url), || {
            let shared = Shared::new(
                url.clone(),
                inner.process,
                made_at,
                &inner.sqs,
                &running.outbox,
                &inner.options,
                &inner.hosts,
            );
            shared.driven(&running.drivers)
        });
        if opened {
            inner.opened.notify_waiters();
        }
        Ok(host)
    }

    fn running(&self) -> Result<&Running, QueueError> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(QueueError::Closed);
        }
        if let Some(running) = self.0.running.get() {
            return Ok(running);
        }
        let (drivers, calls) = (self.0.sqs.tasks()?, self.0.sqs.tasks()?);
        let made = || {
            let outbox = Outbox::new(self.0.sqs.clone(), calls.clone(), self.0.batches.clone());
            Running {
                drivers,
                calls,
                outbox,
            }
        };
        Ok(self.0.running.get_or_init(made))
    }
}

impl CreateQueue {
    /// A queue with this name: 1 to 80 letters, digits, `-` and `_`.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }

    /// A queue with a name of 122 random bits, which nobody can guess.
    pub fn random() -> Self {
        Self::default()
    }

    /// Deletes the queue when it was not used for this time: 1 s and more. Default: never.
    ///
    /// An operation uses the queue from its start to its end: a receive while it waits, a send until SQS's answer. A
    /// handler uses the queue as long as the handler runs, and a handler of all queues
    /// ([`VirtualQueues::for_each`](super::VirtualQueues::for_each)) uses all queues. A received message uses its
    /// queue until it is deleted or its visibility timeout ends. Messages that are not received yet do not use the
    /// queue.
    pub const fn idle_retention(mut self, retention: Duration) -> Self {
        self.idle_retention = Some(retention);
        self
    }

    /// Adds a tag: see [`VirtualQueue::tag`]. Default: none.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }
}

/// Refuses a retention that is too short.
pub(super) fn checked_retention(retention: Option<Duration>) -> Result<(), QueueError> {
    match retention.filter(|retention| *retention < Duration::from_secs(1)) {
        Some(short) => Err(QueueError::OutOfRange {
            what: "idle retention",
            value: format!("{} s", short.as_secs_f64()),
            allowed: "1 s and more",
        }),
        None => Ok(()),
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(running) = self.running.get() {
            running.drivers.stop();
            running.calls.stop();
        }
    }
}

impl fmt::Debug for VirtualQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualQueues")
            .field("hosts", &self.0.hosts.len())
            .finish_non_exhaustive()
    }
}
