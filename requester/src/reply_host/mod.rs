//! Where replies arrive: a queue of the requester's own, or one that it was given.
//!
//! Owns: when it is made, waited for, made again and deleted. Does not own: polling and routing, which are
//! [`VirtualQueues`]', nor leases, which do not exist yet: a process that is killed leaves its host behind.
//! Invariant: [`machine`] decides, and everything that waits here is woken by each of its changes.

mod calls;
mod machine;
mod maker;
mod name;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures::FutureExt;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_virtual_queues::sqs::{Clock, Delivery, Fault, Moment, Tasks};
use sqs_virtual_queues::{Host, PendingError, VirtualQueues};
use tokio::sync::Notify;

use self::machine::{Machine, Step};
use crate::RequestError;

pub(crate) use self::name::{HostSpec, check_prefix, check_tag};

/// The host of one requester.
pub(crate) struct ReplyHost {
    queues: VirtualQueues,
    source: Source,
}

enum Source {
    /// By the user, who also deletes it.
    Given(HostQueueUrl),
    /// Made here, on the first request.
    Own(Arc<Own>),
}

/// A host that is made here.
struct Own {
    queues: VirtualQueues,
    spec: HostSpec,
    /// What all names begin with: prefix and UUID.
    stem: String,
    machine: Mutex<Machine<Host>>,
    /// Wakes all who wait for a host, whenever the machine has changed.
    changed: Notify,
    /// The makers. Made on first use, on the runtime of that moment.
    tasks: OnceLock<Tasks>,
}

/// What a requester that has ended may leave in the account.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind {
    /// The host, with why it is not deleted.
    pub(crate) host: Option<(HostQueueUrl, Fault)>,
    /// Creations whose outcome nobody knows.
    pub(crate) unconfirmed: usize,
}

impl ReplyHost {
    pub(crate) fn given(queues: VirtualQueues, url: HostQueueUrl) -> Self {
        Self {
            queues,
            source: Source::Given(url),
        }
    }

    pub(crate) fn own(queues: VirtualQueues, spec: HostSpec) -> Self {
        let stem = format!("{}{}", spec.prefix, queues.sqs().random().uuid());
        let own = Own {
            queues: queues.clone(),
            spec,
            stem,
            machine: Mutex::new(Machine::new()),
            changed: Notify::new(),
            tasks: OnceLock::new(),
        };
        Self {
            queues,
            source: Source::Own(Arc::new(own)),
        }
    }

    /// A host that can be used now. `None` if there was none by `deadline`.
    ///
    /// # Cancel safety
    /// A creation that was begun goes on for those who come later.
    pub(crate) async fn usable(&self, deadline: Moment) -> Result<Option<Host>, RequestError> {
        let own = match &self.source {
            Source::Given(url) => return Ok(Some(self.queues.host(url)?)),
            Source::Own(own) => own,
        };
        let clock = self.queues.sqs().clock();
        let mut usable = std::pin::pin!(own.usable(clock));
        // The usual way, without a timer: there is one.
        if let Some(usable) = usable.as_mut().now_or_never() {
            return usable.map(Some);
        }
        clock.timeout_at(deadline, usable).await.ok().transpose()
    }

    /// The host's URL, if there is one.
    pub(crate) fn url(&self) -> Option<HostQueueUrl> {
        match &self.source {
            Source::Given(url) => Some(url.clone()),
            Source::Own(own) => own.lock().host().map(|host| host.url().clone()),
        }
    }

    /// Ends everything that waits for a host or on one with `Closed`, and lets no more in.
    pub(crate) fn close(&self) {
        match &self.source {
            // The shutdown of the virtual queues, which follows, ends what is pending.
            Source::Given(_) => {}
            Source::Own(own) => own.close(),
        }
    }

    /// Deletes what was made here, by `end`; after [`close`](Self::close).
    pub(crate) async fn delete(&self, end: Moment) -> LeftBehind {
        match &self.source {
            Source::Given(_) => LeftBehind::default(),
            Source::Own(own) => own.delete(end).await,
        }
    }

    /// The host that was made here and not deleted.
    pub(crate) fn undeleted(&self) -> Option<HostQueueUrl> {
        match &self.source {
            Source::Given(_) => None,
            Source::Own(own) => {
                let machine = own.lock();
                machine
                    .host()
                    .or(machine.undeleted())
                    .map(|host| host.url().clone())
            }
        }
    }

    /// Whether the host is the user's.
    pub(crate) const fn is_given(&self) -> bool {
        matches!(self.source, Source::Given(_))
    }
}

impl Own {
    async fn usable(self: &Arc<Self>, clock: &Clock) -> Result<Host, RequestError> {
        loop {
            // Before the look at the machine: it hears of every change from now on.
            let changed = self.changed.notified();
            match self.wanted() {
                Step::Use { host, usable_at } if usable_at <= clock.now() => return Ok(host),
                Step::Use { usable_at, .. } => {
                    // A new queue is not used at once. It may be lost, or not be wanted any more, before it ever is.
                    tokio::select! {
                        biased;
                        () = changed => {}
                        () = clock.sleep_until(usable_at) => {}
                    }
                }
                Step::Make(number) => {
                    maker::spawn(self, number)?;
                    changed.await;
                }
                Step::Wait => changed.await,
                Step::Failed(fault) => return Err(RequestError::before_send(fault)),
                Step::Closed => return Err(RequestError::closed(Delivery::NotSent)),
            }
        }
    }

    /// Asks the machine, after it has heard of what became of the host.
    fn wanted(&self) -> Step<Host> {
        let now = self.queues.sqs().clock().now();
        let mut machine = self.lock();
        match machine.host().and_then(Host::ended) {
            None => {}
            Some(PendingError::HostLost) => machine.lost(),
            // The runtime has ended, and everything with it.
            Some(_) => machine.close(),
        }
        machine.wanted(now)
    }

    fn close(&self) {
        let host = {
            let mut machine = self.lock();
            machine.close();
            machine.undeleted().cloned()
        };
        self.changed.notify_waiters();
        if let Some(host) = host {
            host.end(PendingError::Closed);
        }
    }

    async fn delete(&self, end: Moment) -> LeftBehind {
        let sqs = self.queues.sqs();
        let undeleted = self.lock().undeleted().map(|host| host.url().clone());
        let mut left = LeftBehind::default();
        if let Some(url) = undeleted {
            match calls::delete(sqs, &url, end).await {
                Ok(()) => self.lock().deleted(),
                Err(fault) => left.host = Some((url, fault)),
            }
        }
        // A maker that is under way deletes what it makes.
        if let Some(tasks) = self.tasks.get()
            && tasks.stopped_by(sqs.clock(), end).await.is_err()
        {
            left.unconfirmed += tasks.running();
        }
        left.unconfirmed += self.lock().unconfirmed();
        left
    }

    fn lock(&self) -> MutexGuard<'_, Machine<Host>> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ReplyHost {
    fn drop(&mut self) {
        // A maker that is under way sees this, and deletes what it makes.
        self.close();
    }
}

impl fmt::Debug for ReplyHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyHost")
            .field("given", &self.is_given())
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}
