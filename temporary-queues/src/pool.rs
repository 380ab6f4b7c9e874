//! The hosts of one set of attributes: one in use, perhaps one that is being created, and others that drain.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqs_virtual_queues::PendingError;
use tokio::sync::Notify;

use super::attributes::HostAttributes;
use super::choose_host::{Machine, Step};
use super::held_host::Held;
use super::lease::Standing;
use super::process::Process;

/// The hosts of one set of attributes.
pub(super) struct Pool {
    pub(super) process: Arc<Process>,
    pub(super) attributes: HostAttributes,
    machine: Mutex<Machine<Arc<Held>>>,
    /// Wakes all tasks that wait for a host, whenever the machine has changed.
    pub(super) changed: Notify,
}

impl Pool {
    pub(super) fn new(process: Arc<Process>, attributes: HostAttributes) -> Self {
        Self {
            process,
            attributes,
            machine: Mutex::new(Machine::new()),
            changed: Notify::new(),
        }
    }

    /// The host in use.
    pub(super) fn current(&self) -> Option<Arc<Held>> {
        self.machine().current().cloned()
    }

    pub(super) fn uses(&self, held: &Held) -> bool {
        self.machine()
            .current()
            .is_some_and(|current| **current == *held)
    }

    /// Takes a host out of use if it is unused. A caller that received this host a moment ago finds it ended and asks for
    /// another host.
    pub(super) fn dismiss(&self, held: &Held, is_unused: impl FnOnce() -> bool) -> bool {
        // `is_unused` locks the machine of this pool, so the machine must not be locked here.
        if !is_unused() {
            return false;
        }
        let mut machine = self.machine();
        if held.host.is_in_use() {
            return false;
        }
        let current = machine
            .current()
            .filter(|current| ***current == *held)
            .cloned();
        if let Some(current) = current {
            machine.drop_host(&current);
        }
        true
    }

    /// A host can no longer be used.
    pub(super) fn lost(&self, held: &Arc<Held>) {
        self.machine().drop_host(held);
        self.changed.notify_waiters();
    }

    /// No host is wanted any more.
    pub(super) fn close(&self) {
        self.machine().close();
        self.changed.notify_waiters();
    }

    /// The next step, and the number of the creation if the step begins one.
    pub(super) fn wanted(&self) -> (Step<Arc<Held>>, u64) {
        let now = self.process.sqs().clock().now();
        let standing = |held: &Arc<Held>| held.standing(self.process.sqs());
        let mut machine = self.machine();
        if let Some(held) = machine.current().cloned() {
            match held.host.ended() {
                // The runtime has ended, and with it every task that could create a host.
                Some(ended) if !matches!(ended, PendingError::HostLost) => machine.close(),
                _ if standing(&held) == Standing::GivenUp => {
                    // At once, so that requests pending on this host fail now.
                    machine.drop_host(&held);
                    held.host.end(PendingError::HostLost);
                    held.changed.notify_one();
                    self.process.let_go(&held.name);
                }
                _ => held.touch(now),
            }
        }
        let answers = !self.process.sqs().is_outage();
        let step = machine.wanted(now, answers, standing);
        (step, machine.creation())
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Machine<Arc<Held>>> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}
