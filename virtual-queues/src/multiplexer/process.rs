//! The state that all clones of [`VirtualQueues`](super::VirtualQueues) share: the hosts, tasks and batches of one
//! process.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use sqs_rpc_protocol::{HostQueueUrl, ProcessPrefix};
use sqs_rpc_transport::{BatchOptions, Moment, Outbox, Sqs, Tasks};
use tokio::sync::Notify;

use super::driver;
use super::error::QueueError;
use super::hosts::Hosts;
use super::hub::Hub;
use super::options::Options;

/// The hosts of one process. The drop of this value stops their drivers.
pub(super) struct Process {
    pub(super) sqs: Sqs,
    pub(super) options: Options,
    batches: BatchOptions,
    pub(super) process: ProcessPrefix,
    pub(super) hosts: Hosts,
    /// Created on first use, on the current runtime at that time.
    pub(super) running: OnceLock<Running>,
    pub(super) closed: AtomicBool,
    /// Whether a handler of all virtual queues is running.
    pub(super) handled: AtomicBool,
    /// Informs that handler of hosts opened from now on, and of the shutdown.
    pub(super) opened: Notify,
}

pub(super) struct Running {
    pub(super) drivers: Tasks,
    /// Separate from the drivers, because drivers still send while they end.
    pub(super) calls: Tasks,
    pub(super) outbox: Outbox,
}

impl Process {
    pub(super) fn new(sqs: Sqs, options: Options, batches: BatchOptions) -> Self {
        let process = ProcessPrefix::from_bits(sqs.random().bits64());
        Self {
            sqs,
            options,
            batches,
            process,
            hosts: Hosts::new(),
            running: OnceLock::new(),
            closed: AtomicBool::new(false),
            handled: AtomicBool::new(false),
            opened: Notify::new(),
        }
    }

    pub(super) fn open(
        &self,
        url: &HostQueueUrl,
        made_at: Option<Moment>,
    ) -> Result<Arc<Hub>, QueueError> {
        let running = self.running()?;
        let (host, opened) = self.hosts.get_or_open(self.sqs.host_key(url), || {
            let shared = Hub::new(
                url.clone(),
                self.process,
                made_at,
                &self.sqs,
                &running.outbox,
                &self.options,
            );
            // The driver makes no call until a receiver or caller waits.
            let (hub, hosts) = (Arc::clone(&shared), self.hosts.clone());
            let stop = running.drivers.stopping().clone();
            running.drivers.spawn(driver::drive(hub, hosts, stop));
            shared
        });
        if opened {
            self.opened.notify_waiters();
        }
        Ok(host)
    }

    pub(super) fn running(&self) -> Result<&Running, QueueError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(QueueError::Closed);
        }
        if let Some(running) = self.running.get() {
            return Ok(running);
        }
        let (drivers, calls) = (self.sqs.tasks()?, self.sqs.tasks()?);
        let made = || {
            let outbox = Outbox::new(self.sqs.clone(), calls.clone(), self.batches.clone());
            Running {
                drivers,
                calls,
                outbox,
            }
        };
        Ok(self.running.get_or_init(made))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(running) = self.running.get() {
            running.drivers.stop();
            running.calls.stop();
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("hosts", &self.hosts.len())
            .finish_non_exhaustive()
    }
}
