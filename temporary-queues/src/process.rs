//! The state that all temporary hosts of a process share.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use sqs_rpc_protocol::{HostQueueUrl, SqsTime};
use sqs_rpc_transport::{Counter, Counters, Fault, Moment, Sqs, Tasks};
use sqs_virtual_queues::VirtualQueues;
use tokio::sync::Notify;

use super::held_host::{Held, reading};
use super::host_calls;
use super::lease::{self, Lease, Renewal, Retention, Stamp};
use super::options::Options;

/// The maximum number of remembered hosts that are no longer used and not known to be deleted. When the list is full, the
/// host that was given up first is forgotten, and the ring deletes that host.
const MOST_FORSAKEN: usize = 1_000;

/// The maximum wait for the last calls about messages of a host before the host is deleted. SQS usually answers within
/// 100 ms.
const LAST_CALLS: Duration = Duration::from_millis(500);

/// The hosts of one process, its UUID, and the values that its leases are written with.
///
/// **Invariant:** a host is in `held` exactly as long as this process may use it. From then on it is in `forsaken` until
/// it is known to be deleted.
pub(super) struct Process {
    pub(super) queues: VirtualQueues,
    pub(super) options: Options,
    /// With dashes. Part of the names of all hosts of this process.
    pub(super) uuid: Arc<str>,
    next_number: AtomicU32,
    beats: AtomicU64,
    retention: Mutex<Retention>,
    held: Mutex<BTreeMap<Arc<str>, Arc<Held>>>,
    /// Oldest first.
    forsaken: Mutex<VecDeque<(Arc<str>, HostQueueUrl)>>,
    /// Wakes the watcher when there is a host again.
    pub(super) first_held: Notify,
    /// Whether other processes may rely on this process's watcher. The watcher sets this flag, and each lease contains it.
    watching: AtomicBool,
    unconfirmed: Mutex<Unconfirmed>,
    closed: AtomicBool,
    /// Created on first use, on the runtime of that moment.
    pub(super) tasks: OnceLock<Tasks>,
}

/// Creations whose outcome is unknown.
#[derive(Debug, Default)]
struct Unconfirmed {
    names: BTreeSet<String>,
    /// The number of further creations, whose names are not remembered.
    unnamed: usize,
}

impl Process {
    pub(super) fn new(queues: VirtualQueues, options: Options) -> Self {
        let uuid = queues.sqs().random().uuid().to_string().into();
        Self {
            retention: Mutex::new(Retention::new(options.lease_retention)),
            watching: AtomicBool::new(options.watches),
            queues,
            options,
            uuid,
            next_number: AtomicU32::new(0),
            beats: AtomicU64::new(0),
            held: Mutex::default(),
            forsaken: Mutex::default(),
            first_held: Notify::new(),
            unconfirmed: Mutex::default(),
            closed: AtomicBool::new(false),
            tasks: OnceLock::new(),
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn sqs(&self) -> &Sqs {
        self.queues.sqs()
    }

    pub(super) fn counters(&self) -> &Counters {
        self.sqs().counters()
    }

    /// A name that was never used.
    pub(super) fn next_name(&self, is_fifo: bool) -> String {
        let mut number = self.next_number.fetch_add(1, Ordering::Relaxed);
        if sqs_rpc_transport::mutant!("name-reused") {
            number = 0;
        }
        let fifo = if is_fifo { ".fifo" } else { "" };
        format!("{}{}-{number}{fifo}", self.options.prefix, self.uuid)
    }

    pub(super) fn running(&self) -> Option<&Tasks> {
        self.tasks.get()
    }

    /// SQS's time for a stamp. Makes a call if the time is not known. `Ok(None)`: SQS's answers have no time.
    pub(super) async fn stamp(&self) -> Result<Option<SqsTime>, Fault> {
        let sqs = self.sqs();
        if let Some(now) = sqs.earliest_server_time() {
            return Ok(Some(now));
        }
        // The cheapest call that needs no queue: it lists this process's own hosts.
        let own = format!("{}{}", self.options.prefix, self.uuid);
        let (_, listed) = host_calls::list(sqs, &own).await;
        match (sqs.earliest_server_time(), listed) {
            // SQS did not answer. In all other cases the next call reports what is wrong.
            (None, Err(fault)) if fault.is_temporary() && fault.code().is_none() => Err(fault),
            (now, _) => Ok(now),
        }
    }

    /// The renewal that begins now under the key with this number, and the tags that it writes.
    pub(super) fn renewal(
        &self,
        key: usize,
        stamp: Option<SqsTime>,
    ) -> (Renewal, Vec<(String, String)>) {
        let began = reading(self.sqs());
        let retention = self.retention().current();
        let lease = Lease {
            stamp: match stamp {
                Some(time) => Stamp::Sqs(time),
                None => Stamp::Beat(self.beats.fetch_add(1, Ordering::Relaxed)),
            },
            retention,
            watches: self.watching.load(Ordering::Relaxed),
        };
        let wall = began.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = u64::try_from(wall.as_millis()).unwrap_or_default();
        let tags = lease.tags(key, wall);
        let renewal = Renewal {
            key,
            stamp,
            retention,
            began,
        };
        (renewal, tags.into())
    }

    /// The maximum number of tag keys for the leases of one host.
    pub(super) fn lease_keys(&self) -> usize {
        lease::keys_beside(self.options.tags.len())
    }

    pub(super) fn set_watching(&self, watching: bool) {
        if self.watching.swap(watching, Ordering::Relaxed) && !watching {
            tracing::warn!(prefix = %self.options.prefix, "cannot watch other hosts; the next renewal reports this to the other processes");
        }
    }

    pub(super) fn throttled(&self, now: Moment) {
        if let Some(retention) = self.retention().throttled(now) {
            self.counters().count(Counter::RetentionGrown);
            tracing::warn!(
                ?retention,
                "tagging is throttled; new leases have a longer retention"
            );
        }
    }

    pub(super) fn renewed(&self) {
        self.retention().renewed();
    }

    pub(super) fn hold(&self, held: Arc<Held>) {
        let was_empty = {
            let mut all = self.held();
            all.insert(Arc::clone(&held.name), held).is_none() && all.len() == 1
        };
        if was_empty {
            self.first_held.notify_one();
        }
    }

    /// Moves a host from the held ones to the forsaken ones: it is not used any more.
    pub(super) fn let_go(&self, name: &str) {
        let removed = self.held().remove(name);
        if let Some(held) = removed {
            self.forsake(Arc::clone(&held.name), held.host.url().clone());
        }
    }

    fn forsake(&self, name: Arc<str>, url: HostQueueUrl) {
        let mut forsaken = self.forsaken();
        if forsaken.iter().any(|(known, _)| *known == name) {
            return;
        }
        if forsaken.len() == MOST_FORSAKEN {
            forsaken.pop_front();
        }
        forsaken.push_back((name, url));
    }

    /// A creation begins. Its outcome is unknown until [`confirmed`](Self::confirmed) is called.
    pub(super) fn begins_to_make(&self, name: &str) {
        let mut unconfirmed = self.unconfirmed_mut();
        if unconfirmed.names.len() < MOST_FORSAKEN {
            unconfirmed.names.insert(name.to_owned());
        } else {
            unconfirmed.unnamed += 1;
        }
    }

    /// The outcome of a creation is known.
    pub(super) fn confirmed(&self, name: &str) {
        let mut unconfirmed = self.unconfirmed_mut();
        if !unconfirmed.names.remove(name) {
            unconfirmed.unnamed = unconfirmed.unnamed.saturating_sub(1);
        }
    }

    /// The number of creations whose outcome is unknown.
    pub(super) fn unconfirmed(&self) -> usize {
        let unconfirmed = self.unconfirmed_mut();
        unconfirmed.names.len() + unconfirmed.unnamed
    }

    pub(super) fn is_unconfirmed(&self, name: &str) -> bool {
        self.unconfirmed_mut().names.contains(name)
    }

    fn unconfirmed_mut(&self) -> MutexGuard<'_, Unconfirmed> {
        let unconfirmed = self.unconfirmed.lock();
        unconfirmed.unwrap_or_else(PoisonError::into_inner)
    }

    /// A host does not exist any more.
    pub(super) fn deleted(&self, name: &str) {
        self.held().remove(name);
        self.unconfirmed_mut().names.remove(name);
        self.forsaken().retain(|(known, _)| **known != *name);
    }

    /// The hosts that this process has created and that are not known to be deleted.
    pub(super) fn undeleted(&self) -> Vec<(Arc<str>, HostQueueUrl)> {
        let held = self.all_held().into_iter();
        let held = held.map(|held| (Arc::clone(&held.name), held.host.url().clone()));
        let mut all: Vec<_> = held.collect();
        all.extend(self.forsaken().iter().cloned());
        all
    }

    pub(super) fn holds(&self, name: &str) -> bool {
        self.held().contains_key(name)
    }

    pub(super) fn holds_any(&self) -> bool {
        !self.held().is_empty()
    }

    pub(super) fn all_held(&self) -> Vec<Arc<Held>> {
        self.held().values().cloned().collect()
    }

    /// Deletes a host that is not held any more. If the deletion fails, the shutdown or the ring deletes the host later.
    pub(super) async fn delete(&self, name: Arc<str>, url: HostQueueUrl, within: Duration) {
        // Before the call, because this task may be dropped during the call.
        self.forsake(Arc::clone(&name), url.clone());
        let end = self.sqs().clock().now() + within;
        self.settled(&url, end).await;
        match host_calls::delete(self.sqs(), url.as_str(), end).await {
            Ok(()) => self.deleted(&name),
            Err(fault) => {
                tracing::warn!(host = %url, error = %fault, "could not delete an unused host; the shutdown or the ring deletes it later");
            }
        }
    }

    /// Waits for the last calls about messages of a host before it is deleted, because they would fail after the deletion.
    pub(super) async fn settled(&self, url: &HostQueueUrl, end: Moment) {
        // After the shutdown of the multiplexer there are no such calls.
        if let Ok(outbox) = self.queues.outbox() {
            let now = self.sqs().clock().now();
            outbox
                .settled(url, now + LAST_CALLS.min(end.since(now) / 2))
                .await;
        }
    }

    fn retention(&self) -> MutexGuard<'_, Retention> {
        self.retention
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn forsaken(&self) -> MutexGuard<'_, VecDeque<(Arc<str>, HostQueueUrl)>> {
        self.forsaken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("uuid", &self.uuid)
            .field("held", &self.held().len())
            .finish_non_exhaustive()
    }
}
