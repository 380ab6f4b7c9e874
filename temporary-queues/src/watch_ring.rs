//! The task that walks the ring.

use std::sync::Arc;

use sqs_rpc_protocol::SqsTime;
use sqs_rpc_transport::{Counter, Fault, FaultKind, NoRuntime, Tasks};
use tokio_util::sync::CancellationToken;

use super::held_host::reading;
use super::host_calls;
use super::lease::Reading;
use super::process::Process;
use super::ring::{Failure, Step, Watch, WatchOptions};
use std::time::{Duration, UNIX_EPOCH};

/// The pause between two calls of a long walk: a fifth of the rate at which calls about an account's tags are throttled.
const PACE: Duration = Duration::from_millis(200);

impl Process {
    /// The tasks. The first call starts the watcher.
    pub(super) fn tasks(self: &Arc<Self>) -> Result<&Tasks, NoRuntime> {
        if let Some(tasks) = self.tasks.get() {
            return Ok(tasks);
        }
        let tasks = self.sqs().tasks()?;
        Ok(self.tasks.get_or_init(|| {
            if self.options.watches {
                let stop = tasks.stopping().clone();
                tasks.spawn(watch(Arc::clone(self), stop));
            }
            tasks
        }))
    }
}

/// Watches the hosts that follow in the ring, as long as this process holds a host. Otherwise makes no call.
async fn watch(process: Arc<Process>, stop: CancellationToken) {
    let sqs = process.sqs().clone();
    let options = WatchOptions {
        prefix: Arc::clone(&process.options.prefix),
        process: Arc::clone(&process.uuid),
        period: process.options.period,
        pace: PACE,
        deletes: true,
    };
    let mut watch = Watch::new(options, sqs.clock().now(), sqs.random().clone());
    while !stop.is_cancelled() {
        if !process.holds_any() && !sqs_rpc_transport::mutant!("idle-watcher-walks") {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = process.first_held.notified() => watch.resume(sqs.clock().now()),
            }
            continue;
        }
        let step = watch.step(sqs.clock().now(), |name| process.holds(name));
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = take(&process, &mut watch, step) => {}
        }
        process.set_watching(watch.is_watching(sqs.clock().now()));
    }
}

async fn take(process: &Process, watch: &mut Watch, step: Step) {
    let sqs = process.sqs();
    let clock = sqs.clock();
    if !matches!(step, Step::Wait(_)) && sqs_answers_again(process).await {
        // Time has passed, so the caller asks for the next step again.
        return;
    }
    if !process.holds_any() && !sqs_rpc_transport::mutant!("idle-watcher-walks") {
        // This process has given up its hosts in the meantime.
        return;
    }
    let failed = match step {
        Step::Wait(until) => {
            clock.sleep_until(until).await;
            return;
        }
        Step::List(part) => match host_calls::list(sqs, &part).await.1 {
            Ok(queues) => {
                watch.listed(queues, clock.now());
                return;
            }
            Err(fault) => fault,
        },
        Step::Read(host) => {
            let (date, tags) = host_calls::tags(sqs, &host.url).await;
            match tags {
                Ok(tags) => {
                    let date = if sqs_rpc_transport::mutant!("verdict-by-local-clock") {
                        local_time(&reading(sqs))
                    } else {
                        date
                    };
                    watch.read(&tags, date, clock.now());
                    return;
                }
                Err(fault) => fault,
            }
        }
        Step::Delete(host) => {
            let end = clock.now() + host_calls::LIMIT;
            match host_calls::try_delete(sqs, &host.url, end).await {
                Ok(()) => {
                    watch.deleted(clock.now());
                    // The host may be a host that this process created and did not delete.
                    process.deleted(&host.name);
                    process.counters().count(Counter::HostsSwept);
                    tracing::info!(host = %host.name, "deleted the host of a dead process");
                    return;
                }
                Err(fault) => fault,
            }
        }
    };
    fail(watch, &failed, process);
}

/// If SQS does not answer at present, waits until another call of this process is answered, for example a renewal, and
/// returns `true`. After one period without an answer returns `false`, and the watch makes a call itself.
async fn sqs_answers_again(process: &Process) -> bool {
    let sqs = process.sqs();
    // Created before the check, so that no answer is missed.
    let mut recoveries = sqs.recoveries();
    if !sqs.is_outage() {
        return false;
    }
    let patience = sqs.clock().now() + process.options.period;
    let again = sqs.clock().timeout_at(patience, recoveries.outage_over());
    again.await.is_ok()
}

fn fail(watch: &mut Watch, fault: &Fault, process: &Process) {
    let now = process.sqs().clock().now();
    match fault.kind() {
        FaultKind::QueueNotFound => watch.gone(now),
        FaultKind::AccessDenied => {
            tracing::warn!(error = %fault, "cannot watch other hosts");
            watch.failed(Failure::Denied, now);
        }
        _ => watch.failed(Failure::Temporary, now),
    }
}

/// The local time, which a watcher must not compare with a lease. For the mutant `verdict-by-local-clock`.
fn local_time(reading: &Reading) -> Option<SqsTime> {
    let since = reading.wall.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis())
        .ok()
        .map(SqsTime::from_millis)
}
