//! [`TemporaryQueues`], the public handle.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use futures::stream::{self, StreamExt};
use sqs_rpc_protocol::{HostQueueUrl, VirtualQueueName};
use sqs_rpc_transport::{Action, Backoff, Delivery, Fault, FaultKind, InvalidOption, Moment, Sqs};
use sqs_virtual_queues::{
    CreateQueue, Host, PendingError, QueueError, VirtualQueue, VirtualQueues,
};

use super::attributes::HostAttributes;
use super::error::TemporaryError;
use super::held_host::Held;
use super::host_calls;
use super::lease::Standing;
use super::options::{Options, TemporaryQueuesBuilder};
use super::pool::Pool;
use super::process::Process;

/// The maximum number of hosts that a shutdown deletes at the same time.
const DELETIONS: usize = 16;
/// The pauses between two attempts of a shutdown to delete the same host.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// An unused host was not deleted before the end of the shutdown.
#[derive(Debug, thiserror::Error)]
#[error("the unused host was not deleted before the end of the shutdown")]
struct NotDeleted;

fn not_deleted() -> Fault {
    let (kind, delivery) = (FaultKind::TimedOut, Delivery::Unknown);
    Fault::local(Action::DeleteQueue, kind, delivery, NotDeleted)
}

/// Deletes a host. Retries temporary failures until `end`.
async fn delete_by(sqs: &Sqs, url: &str, end: Moment) -> Result<(), Fault> {
    let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let Err(fault) = host_calls::delete(sqs, url, end).await else {
            return Ok(());
        };
        let next = sqs.clock().now() + pauses.failed(sqs.random());
        if !fault.is_temporary() || next >= end {
            return Err(fault);
        }
        sqs.clock().sleep_until(next).await;
    }
}

/// Virtual queues on hosts that are created when they are needed and deleted when they are not. Cheap to clone; clones
/// share everything.
///
/// Queues with the same attributes share one host. A lease in its tags keeps the host alive. The host is deleted when
/// nothing has used it for its idle time, at [`shutdown`](Self::shutdown), and, if this process is killed, by the other
/// processes with the same prefix. `docs/leases.md` has the protocol, its cost and its guarantees. An idle process makes
/// no calls.
///
/// The first queue causes the first call, and the tasks run on the Tokio runtime of that moment. When the last clone is
/// dropped, its queues end; its hosts stay until other processes delete them.
///
/// # Examples
/// ```
/// use sqs_temporary_queues::{CreateTemporary, TemporaryQueues};
/// use sqs_virtual_queues::VirtualQueues;
/// # use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = local_sqs::LocalSqs::start();
/// # let sqs = local.client();
/// let queues = VirtualQueues::builder(&sqs).build()?;
/// let temporary = TemporaryQueues::builder(&queues).build()?;
///
/// let orders = temporary.create(CreateTemporary::named("orders")).await?;
/// orders.send("two of them").await?;
/// assert_eq!(orders.receive().await?[0].body(), Some("two of them"));
///
/// let report = temporary.shutdown(Duration::from_secs(5)).await;
/// assert!(report.is_clean());
/// assert!(sqs.list_queues().send().await?.queue_urls().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TemporaryQueues(Arc<Owner>);

/// Dropped with the last handle.
struct Owner {
    process: Arc<Process>,
    pools: Mutex<BTreeMap<HostAttributes, Arc<Pool>>>,
}

/// The name and the options of a temporary queue to be created.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct CreateTemporary {
    pub(crate) queue: CreateQueue,
    pub(crate) name: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// The hosts that a shutdown of [`TemporaryQueues`] left behind. The ring deletes them all if any other process with the
/// prefix is alive.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TemporaryReport {
    /// Hosts that could not be deleted in time, with the reason: hosts that were in use, and the last 1,000 hosts that were
    /// given up earlier.
    pub left_behind: Vec<(HostQueueUrl, Fault)>,
    /// The number of creations whose outcome is unknown and whose hosts were not found.
    pub unconfirmed: usize,
}

impl TemporaryQueues {
    /// Sets up temporary queues that are part of this multiplexer.
    pub fn builder(queues: &VirtualQueues) -> TemporaryQueuesBuilder {
        TemporaryQueuesBuilder::new(queues.clone())
    }

    fn new(queues: VirtualQueues, options: Options) -> Self {
        Self(Arc::new(Owner {
            process: Arc::new(Process::new(queues, options)),
            pools: Mutex::default(),
        }))
    }

    /// Creates a virtual queue on the host for its attributes, and creates the host if there is none. The same name and
    /// attributes return the same queue as long as its host is in use.
    ///
    /// # Errors
    /// [`TemporaryError::InvalidAttribute`] before any call, [`TemporaryError::NotMade`], [`TemporaryError::Exists`],
    /// [`TemporaryError::Queue`], [`TemporaryError::Closed`], [`TemporaryError::NoRuntime`].
    ///
    /// # Cancel safety
    /// If the future is dropped, no virtual queue is created. A host whose creation has begun serves the next call.
    pub async fn create(
        &self,
        queue: impl Into<CreateTemporary>,
    ) -> Result<VirtualQueue, TemporaryError> {
        let CreateTemporary {
            queue,
            name,
            attributes,
        } = queue.into();
        let given = attributes.iter().map(|(name, value)| (&**name, &**value));
        let pool = self.pool(self.0.process.options.attributes.with(given)?);
        if let Some(existing) = self.existing(name.as_deref(), &pool)? {
            return Ok(existing);
        }
        loop {
            let held = pool.usable().await?;
            match held.host.create(queue.clone()) {
                // The host ended a moment ago. The next iteration sees that and gets another host.
                Err(QueueError::DoesNotExist(_)) if held.host.ended().is_some() => {
                    pool.lost(&held);
                }
                created => return Ok(created?),
            }
        }
    }

    /// The host with the default attributes from the builder, for queues and replies, ready to be used. It is created if
    /// there is none. Call this method again before each use, because another host replaces a host that has ended.
    ///
    /// # Errors
    /// [`TemporaryError::NotMade`], [`TemporaryError::Closed`], [`TemporaryError::NoRuntime`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: a creation that has begun continues.
    pub async fn host(&self) -> Result<Host, TemporaryError> {
        let held = self.default_pool().usable().await?;
        Ok(held.host.clone())
    }

    /// Creates the host for the default attributes and waits until it can be used, so that the first queue need not wait.
    ///
    /// # Errors
    /// See [`host`](Self::host).
    ///
    /// # Cancel safety
    /// See [`host`](Self::host).
    pub async fn ready(&self) -> Result<(), TemporaryError> {
        self.host().await.map(drop)
    }

    /// The host that [`host`](Self::host) would return, if there is one.
    #[must_use]
    pub fn current_host(&self) -> Option<HostQueueUrl> {
        let current = self.default_pool().current()?;
        let usable = current.standing(self.0.process.sqs()) != Standing::GivenUp;
        usable.then(|| current.host.url().clone())
    }

    /// All hosts that this process may use now, sorted by name: the hosts in use and those that drain. A host whose lease
    /// has expired is not included, even if no task has noticed the expiry yet.
    #[must_use]
    pub fn hosts(&self) -> Vec<HostQueueUrl> {
        let process = &self.0.process;
        let mut held = process.all_held();
        held.retain(|held| held.claim_standing(process.sqs()) != Standing::GivenUp);
        held.iter().map(|held| held.host.url().clone()).collect()
    }

    /// The multiplexer that the queues are part of.
    #[must_use]
    pub fn queues(&self) -> &VirtualQueues {
        &self.0.process.queues
    }

    /// Refuses new queues, and ends receives and requests that wait on temporary queues. Makes no call.
    pub fn close(&self) {
        self.0.close();
    }

    /// Shuts down: receives and requests that wait on temporary queues end with an error, and all hosts are deleted. Takes at
    /// most `within`, whatever SQS does. The multiplexer continues to run. A second call tries again to delete what the
    /// first call left behind.
    ///
    /// # Cancel safety
    /// Dropping the future stops the deletions; hosts may be left behind.
    pub async fn shutdown(&self, within: Duration) -> TemporaryReport {
        self.close();
        let process = &self.0.process;
        let sqs = process.sqs();
        let end = sqs.clock().now() + within;
        if let Some(tasks) = process.running() {
            tasks.stop();
        }
        let mut failed = self.delete_all(end).await;
        // A maker that is still running deletes the host that it creates. If it ends before that, the host is among
        // `undeleted` or `unconfirmed` below.
        if let Some(tasks) = process.running() {
            let _ = tasks.stopped_by(sqs.clock(), end).await;
        }
        self.delete_strays(end).await;
        // In the meantime, tasks may have deleted some hosts and given up others.
        let left_behind = process.undeleted().into_iter().map(|(name, url)| {
            let fault = failed.remove(&name).unwrap_or_else(not_deleted);
            (url, fault)
        });
        TemporaryReport {
            left_behind: left_behind.collect(),
            unconfirmed: process.unconfirmed(),
        }
    }

    /// The hosts that this process has created and that are not known to be deleted.
    #[must_use]
    pub fn undeleted(&self) -> Vec<HostQueueUrl> {
        let undeleted = self.0.process.undeleted();
        undeleted.into_iter().map(|(_, url)| url).collect()
    }

    /// Deletes all hosts that this process has created. Returns the reasons of the failed deletions.
    async fn delete_all(&self, end: Moment) -> BTreeMap<Arc<str>, Fault> {
        let process = &self.0.process;
        let deletions = process
            .undeleted()
            .into_iter()
            .map(|(name, url)| async move {
                process.settled(&url, end).await;
                let deleted = delete_by(process.sqs(), url.as_str(), end).await;
                (name, deleted)
            });
        let mut deletions = stream::iter(deletions).buffer_unordered(DELETIONS);
        let mut failed = BTreeMap::new();
        while let Some((name, deleted)) = deletions.next().await {
            match deleted {
                Ok(()) => process.deleted(&name),
                Err(fault) => {
                    failed.insert(name, fault);
                }
            }
        }
        failed
    }

    /// Looks for hosts whose creation had no answer, and deletes those that exist. Others may still be created later.
    async fn delete_strays(&self, end: Moment) {
        let process = &self.0.process;
        let clock = process.sqs().clock();
        if process.unconfirmed() == 0 || clock.now() >= end {
            return;
        }
        let own = format!("{}{}-", process.options.prefix, process.uuid);
        let listed = clock.timeout_at(end, host_calls::list(process.sqs(), &own));
        let Ok((_, Ok(listed))) = listed.await else {
            return;
        };
        for host in listed {
            if process.is_unconfirmed(&host.name)
                && host_calls::delete(process.sqs(), &host.url, end)
                    .await
                    .is_ok()
            {
                process.deleted(&host.name);
            }
        }
    }

    /// The queue of this name that this process has on a temporary host.
    fn existing(
        &self,
        name: Option<&str>,
        pool: &Pool,
    ) -> Result<Option<VirtualQueue>, TemporaryError> {
        let Some(name) = name else { return Ok(None) };
        let parsed = VirtualQueueName::parse(name).map_err(QueueError::from)?;
        let Some(queue) = self.queues().find_by_name(&parsed) else {
            return Ok(None);
        };
        let sqs = self.0.process.sqs();
        let key = sqs.host_key(queue.url().host());
        let on = |held: &Arc<Held>| sqs.host_key(held.host.url()) == key;
        let Some(held) = self.0.process.all_held().into_iter().find(on) else {
            return Ok(None);
        };
        if held.attributes == pool.attributes {
            return Ok(Some(queue));
        }
        Err(TemporaryError::Exists(name.to_owned()))
    }

    fn default_pool(&self) -> Arc<Pool> {
        self.pool(self.0.process.options.attributes.clone())
    }

    fn pool(&self, attributes: HostAttributes) -> Arc<Pool> {
        let process = &self.0.process;
        let mut pools = self.0.pools();
        if let Some(pool) = pools.get(&attributes) {
            return Arc::clone(pool);
        }
        let pool = Arc::new(Pool::new(Arc::clone(process), attributes.clone()));
        if process.is_closed() {
            pool.close();
        }
        pools.insert(attributes, Arc::clone(&pool));
        pool
    }
}

impl TemporaryQueuesBuilder {
    /// Creates the handle. Makes no call and needs no runtime yet.
    ///
    /// # Errors
    /// [`InvalidOption`] names the first option whose value is not allowed, the value, and the allowed values.
    pub fn build(self) -> Result<TemporaryQueues, InvalidOption> {
        Ok(TemporaryQueues::new(self.queues, self.options.checked()?))
    }
}

impl CreateTemporary {
    /// A queue of this name: 1 to 80 letters, digits, `-` and `_`.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            queue: CreateQueue::named(name.clone()),
            name: Some(name),
            attributes: BTreeMap::new(),
        }
    }

    /// A queue with a name that nobody can guess: 122 random bits.
    pub fn random() -> Self {
        Self::default()
    }

    /// Deletes the queue when no operation has used it for this time, at least 1 s. Default: never.
    pub fn idle_retention(mut self, retention: Duration) -> Self {
        self.queue = self.queue.idle_retention(retention);
        self
    }

    /// Adds a tag to the virtual queue. Default: none.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.queue = self.queue.tag(key, value);
        self
    }

    /// Sets an attribute of the host. Default: the builder's value, else SQS's. Each distinct set of attributes has its own
    /// host.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as the SDK's own builders take it"
    )]
    pub fn attribute(mut self, name: QueueAttributeName, value: impl Into<String>) -> Self {
        self.attributes
            .insert(name.as_str().to_owned(), value.into());
        self
    }
}

impl From<&str> for CreateTemporary {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl TemporaryReport {
    /// Whether nothing was left behind.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.left_behind.is_empty() && self.unconfirmed == 0
    }
}

impl Owner {
    fn pools(&self) -> MutexGuard<'_, BTreeMap<HostAttributes, Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.process.close();
        for pool in self.pools().values() {
            pool.close();
        }
        for held in self.process.all_held() {
            held.host.retire(PendingError::Closed);
            held.changed.notify_one();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.close();
        if let Some(tasks) = self.process.running() {
            tasks.stop();
        }
    }
}

impl fmt::Debug for TemporaryQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemporaryQueues")
            .field("hosts", &self.0.process.all_held().len())
            .finish_non_exhaustive()
    }
}
