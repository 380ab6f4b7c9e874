//! The task that keeps a host.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future;
use sqs_rpc_protocol::limits::NEW_QUEUE_WAIT;
use sqs_rpc_transport::{Counter, Delivery, FaultKind, Moment};
use sqs_virtual_queues::PendingError;
use tokio_util::sync::CancellationToken;

use super::held_host::Held;
use super::host_calls;
use super::lease::{Renewed, Standing};
use super::pool::Pool;
use super::process::Process;

/// The timeout of a renewal, which is a single attempt.
const RENEWAL: Duration = Duration::from_secs(5);
/// How often the claim is checked. A sleep of the machine must be noticed, and monotonic timers may not count sleep.
const LOOK: Duration = Duration::from_secs(10);
/// A host is missing if SQS still answers so this long after its creation. A mistake would fail all requests that are
/// pending on the host, and leave the host to the other processes of the fleet.
const MISSING_AFTER: Duration = NEW_QUEUE_WAIT.saturating_mul(10);
/// How long a new host counts as used, because a caller that was just given the host has not used it yet.
const FIRST_USE: Duration = Duration::from_secs(10);

/// Why a host is not kept any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The lease could not be renewed in time.
    GivenUp,
    /// The queue does not exist any more.
    Vanished,
    /// Nothing used the host for its idle time, or another host has replaced it and nothing is left on it.
    Unused,
    /// The tasks were stopped, or the host ended for another reason than its loss.
    Stopped,
}

/// Keeps a host until its end: renews its lease, gives it up in time, and deletes it when nothing uses it.
pub(super) async fn keep(
    process: Arc<Process>,
    pool: Weak<Pool>,
    held: Arc<Held>,
    stop: CancellationToken,
) {
    let end = Keeper {
        process: &process,
        pool: &pool,
        held: &held,
    }
    .run(&stop)
    .await;
    if end == End::Stopped {
        return;
    }
    let counters = process.counters();
    match end {
        End::GivenUp => {
            counters.count(Counter::HostsGivenUp);
            tracing::warn!(host = %held.host.url(), "the lease could not be renewed in time; the host is given up");
        }
        End::Unused => counters.count(Counter::HostsIdle),
        End::Vanished | End::Stopped => {}
    }
    if end == End::Unused && sqs_rpc_transport::mutant!("own-host-deleted-while-pending") {
        let url = held.host.url().clone();
        process
            .delete(Arc::clone(&held.name), url, host_calls::LIMIT)
            .await;
    }
    held.claim().give_up();
    if let Some(pool) = pool.upgrade() {
        pool.lost(&held);
    }
    held.host.retire(PendingError::HostLost);
    process.let_go(&held.name);
    if end == End::Vanished {
        process.deleted(&held.name);
    } else {
        let url = held.host.url().clone();
        process
            .delete(Arc::clone(&held.name), url, host_calls::LIMIT)
            .await;
    }
}

struct Keeper<'a> {
    process: &'a Process,
    pool: &'a Weak<Pool>,
    held: &'a Held,
}

impl Keeper<'_> {
    async fn run(&self, stop: &CancellationToken) -> End {
        let (held, process) = (self.held, self.process);
        let clock = process.sqs().clock();
        loop {
            if stop.is_cancelled() {
                return End::Stopped;
            }
            // Checked before `ended`: a caller that found the claim given up has ended the host with `HostLost`.
            if held.claim_standing(process.sqs()) == Standing::GivenUp {
                return End::GivenUp;
            }
            match held.host.ended() {
                Some(PendingError::HostLost) => return End::Vanished,
                Some(_) => return End::Stopped,
                None => {}
            }
            let now = clock.now();
            if self.is_unused(now) {
                return End::Unused;
            }
            let (next, ends) = {
                let claim = held.claim();
                (claim.next_renewal(), claim.ends())
            };
            if next <= now {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return End::Stopped,
                    end = self.renew() => if let Some(end) = end {
                        return end;
                    },
                }
                continue;
            }
            let look = clock.sleep_until(next.min(ends).min(now + LOOK));
            let rest = future::select(Box::pin(held.changed.notified()), look);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                _ = rest => {}
            }
        }
    }

    /// Whether nothing has used the host: for its idle time if it is its pool's current host, else for 10 s. If so, the pool
    /// no longer returns this host.
    fn is_unused(&self, now: Moment) -> bool {
        let Some(pool) = self.pool.upgrade() else {
            return false;
        };
        if sqs_rpc_transport::mutant!("idle-host-kept") {
            return false;
        }
        if sqs_rpc_transport::mutant!("own-host-deleted-while-pending") {
            return now.since(self.held.made_at) >= LOOK * 3;
        }
        let first_use = FIRST_USE + self.process.options.new_host_wait;
        pool.dismiss(self.held, || match self.held.idle_since(now) {
            None => false,
            Some(_) if now.since(self.held.made_at) < first_use => false,
            Some(since) => {
                let idle = self.process.options.idle_time;
                now.since(since) >= if pool.uses(self.held) { idle } else { LOOK }
            }
        })
    }

    async fn renew(&self) -> Option<End> {
        let (held, process) = (self.held, self.process);
        let sqs = process.sqs();
        let (counters, random) = (process.counters(), sqs.random());
        let stamp = process.stamp().await;
        // Checked again because `stamp` may have taken a while. A host that is given up is never tagged again.
        if held.claim_standing(process.sqs()) == Standing::GivenUp {
            return Some(End::GivenUp);
        }
        let now = sqs.clock().now();
        let time = stamp.as_ref().copied().ok().flatten();
        let (left, (key, written)) = {
            let claim = held.claim();
            (claim.ends().since(now), claim.begin(now, time))
        };
        let (renewal, tags) = process.renewal(key, written);
        let how = match stamp {
            Err(_) => Renewed::Refused,
            Ok(_) => {
                let url = held.host.url().as_str();
                let (date, result) = host_calls::tag(sqs, url, tags, RENEWAL.min(left)).await;
                match result {
                    Ok(()) => {
                        process.renewed();
                        Renewed::Acknowledged(date)
                    }
                    Err(fault) => {
                        let now = sqs.clock().now();
                        if fault.kind() == FaultKind::Throttled {
                            if sqs_rpc_transport::mutant!("heartbeat-dies") {
                                return std::future::pending().await;
                            }
                            process.throttled(now);
                        }
                        let settled = now.since(held.made_at) >= MISSING_AFTER;
                        if fault.kind() == FaultKind::QueueNotFound && settled {
                            counters.count(Counter::HostsLost);
                            tracing::warn!(host = %held.host.url(), "the host queue is gone");
                            return Some(End::Vanished);
                        }
                        match fault.delivery() {
                            Delivery::NotSent => Renewed::Refused,
                            _ => Renewed::Unknown,
                        }
                    }
                }
            }
        };
        let now = sqs.clock().now();
        if !held.claim().renewed(renewal, how, now, random) {
            counters.count(Counter::RenewalsFailed);
            tracing::debug!(host = %held.host.url(), ?how, "a lease was not renewed");
        }
        None
    }
}
