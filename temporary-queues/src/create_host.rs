//! How a caller gets a host, and the task that creates a host.

use std::sync::Arc;

use sqs_rpc_transport::{Action, Counter, Delivery, Fault, FaultKind};
use sqs_virtual_queues::PendingError;
use tokio_util::sync::CancellationToken;

use super::choose_host::Step;
use super::error::TemporaryError;
use super::held_host::Held;
use super::host_calls;
use super::keep_host::keep;
use super::lease::Claim;
use super::pool::Pool;

/// The tag by which people recognize a queue that this crate created.
const MADE_BY: (&str, &str) = (
    "SqsRpcMadeBy",
    concat!("sqs-virtual-queues/", env!("CARGO_PKG_VERSION")),
);

/// The time in the answer to a creation disagrees with the stamp of the lease: the machine was paused, or this process was
/// wrong about SQS's time.
#[derive(Debug, thiserror::Error)]
#[error("the time in the answer disagrees with the stamp of the lease")]
struct WrongTime;

impl Pool {
    /// A host that can be used now.
    ///
    /// # Cancel safety
    /// A creation that has begun continues, and later callers use its host.
    pub(super) async fn usable(self: &Arc<Self>) -> Result<Arc<Held>, TemporaryError> {
        loop {
            // Created before the look at the machine, so that no later change is missed.
            let changed = self.changed.notified();
            let (step, creation) = self.wanted();
            match step {
                Step::Use(held) => return Ok(held),
                Step::UseAndMake(held) => {
                    self.make(creation)?;
                    return Ok(held);
                }
                Step::Make => {
                    self.make(creation)?;
                    changed.await;
                }
                Step::Wait => changed.await,
                Step::Failed(fault) => return Err(TemporaryError::NotMade(fault)),
                Step::Closed => return Err(TemporaryError::Closed),
            }
        }
    }

    fn make(self: &Arc<Self>, creation: u64) -> Result<(), TemporaryError> {
        let maker = Maker {
            creation,
            pool: Arc::clone(self),
        };
        let tasks = self.process.tasks()?;
        // If the runtime has ended, the maker is dropped here, and its `drop` reports this to the machine.
        tasks.spawn(maker.run(tasks.stopping().clone()));
        Ok(())
    }
}

/// The task that creates a host.
///
/// It belongs to no caller, because the first caller may give up while other callers still want the host.
/// Invariant: the maker reports to the machine how it ended, even if its runtime ends first.
struct Maker {
    pool: Arc<Pool>,
    /// The number of the creation that this maker carries out.
    creation: u64,
}

impl Maker {
    async fn run(self, stop: CancellationToken) {
        let sqs = self.pool.process.sqs().clone();
        loop {
            let fault = match self.create().await {
                Ok(held) => {
                    self.use_when_settled(held, &stop).await;
                    return;
                }
                Err(fault) => fault,
            };
            if sqs_rpc_transport::mutant!("creation-not-repeated") {
                return;
            }
            let answers = !sqs.is_outage();
            let now = sqs.clock().now();
            let retry = self
                .pool
                .machine()
                .not_made(fault, answers, now, sqs.random());
            self.pool.changed.notify_waiters();
            let Some(after) = retry else { return };
            sqs.clock().sleep(after).await;
            if !self.pool.machine().is_making() {
                return;
            }
        }
    }

    async fn create(&self) -> Result<Arc<Held>, Fault> {
        let (pool, process) = (&self.pool, &self.pool.process);
        let sqs = process.sqs();
        let stamp = process.stamp().await?;
        let (creation, lease) = process.renewal(0, stamp);
        let name = process.next_name(pool.attributes.is_fifo());
        // If the user has set a tag with the same key, the user's tag wins.
        let made_by = (MADE_BY.0.to_owned(), MADE_BY.1.to_owned());
        let users = process.options.tags.iter().cloned();
        let mut lease = lease;
        let mut afterwards = Vec::new();
        if sqs_rpc_transport::mutant!("tags-after-creation") {
            afterwards = std::mem::take(&mut lease);
        }
        let tags = std::iter::once(made_by).chain(users).chain(lease);
        // Before the call, so that the creation stays counted if this task is dropped during the call.
        process.begins_to_make(&name);
        let (date, made) = host_calls::create(sqs, &name, &pool.attributes, tags).await;
        let now = sqs.clock().now();
        let url = match made {
            Ok(url) => url,
            Err(fault) => {
                if fault.delivery() == Delivery::NotSent {
                    process.confirmed(&name);
                }
                if fault.kind() == FaultKind::Throttled {
                    process.throttled(now);
                }
                tracing::warn!(queue = %name, error = %fault, "could not create a host");
                return Err(fault);
            }
        };
        process.confirmed(&name);
        if sqs_rpc_transport::mutant!("tags-after-creation") {
            let _ = host_calls::tag(sqs, url.as_str(), afterwards, host_calls::LIMIT).await;
        }
        let claim = Claim::new(creation, process.lease_keys(), date, sqs.random());
        let host = process.queues.new_host(&url, now);
        let (Some(claim), Ok(host)) = (claim, host) else {
            process.delete(name.into(), url, host_calls::LIMIT).await;
            // Reported as a creation without an answer, so that the machine may start another one at once.
            let (kind, delivery) = (FaultKind::Unreadable, Delivery::Unknown);
            return Err(Fault::local(Action::CreateQueue, kind, delivery, WrongTime));
        };
        process.counters().count(Counter::HostsMade);
        tracing::debug!(host = %url, "created a host");
        let held = Arc::new(Held::new(
            name.into(),
            host,
            pool.attributes.clone(),
            claim,
            now,
        ));
        process.hold(Arc::clone(&held));
        if let Some(tasks) = process.running() {
            let stop = tasks.stopping().clone();
            let pool = Arc::downgrade(pool);
            tasks.spawn(keep(Arc::clone(process), pool, Arc::clone(&held), stop));
        }
        Ok(held)
    }

    /// Waits until a new queue may be used, and then puts it into use.
    async fn use_when_settled(&self, held: Arc<Held>, stop: &CancellationToken) {
        let clock = self.pool.process.sqs().clock();
        let usable_at = held.made_at + self.pool.process.options.new_host_wait;
        // At the end of all, the wait is over at once.
        let _ = clock.timeout_at(usable_at, stop.cancelled()).await;
        held.touch(clock.now());
        // The machine gives the host back after the pool was closed. The shutdown deletes only hosts that are still held.
        let given_back = self.pool.machine().made(held);
        self.pool.changed.notify_waiters();
        if let Err(held) = given_back {
            let process = &self.pool.process;
            if process.holds(&held.name) {
                held.host.retire(PendingError::Closed);
                process.let_go(&held.name);
                let url = held.host.url().clone();
                let name = Arc::clone(&held.name);
                process.delete(name, url, host_calls::LIMIT).await;
            }
        }
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        self.pool.machine().maker_ended(self.creation);
        self.pool.changed.notify_waiters();
    }
}
