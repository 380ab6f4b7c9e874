//! Scenarios that run in this process: periods without a reply.
//!
//! Each scenario returns its figures as one JSON object. Calls are counted by `local-sqs`, so each retry of the SDK
//! counts, as SQS charges it.

use std::time::{Duration, UNIX_EPOCH};

use futures::StreamExt as _;
use futures::future::{self, Either};
use futures::stream::FuturesUnordered;
use local_sqs::{Behaviour, Latency, LocalSqs};
use serde_json::{Value, json};
use sqs_rpc::responder::Body;
use sqs_rpc::transport::{ClientApi, Clock, Sqs};
use sqs_rpc::{Requester, Responder};
use sqs_rpc_interop::{Failure, Folders};
use tokio::runtime::{Builder, Runtime};

use crate::java::Local;

const HOUR: Duration = Duration::from_secs(3_600);
/// After this time an idle host is deleted: by default after 15 minutes plus a quarter of it.
const IDLE_TIME: Duration = Duration::from_secs(20 * 60);
const OUTAGE: Duration = Duration::from_secs(600);
/// How long a caller waits after an error, like a person at a login page.
const REST: Duration = Duration::from_secs(30);
/// The maximum time until requests succeed again.
const RECOVERY: Duration = Duration::from_secs(60);
/// The numbers of pending requests that are measured, one after the other.
const PENDING: [usize; 2] = [1, 100_000];
const SHUTDOWN: Duration = Duration::from_secs(30);

/// A runtime with real time.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let built = Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| error.to_string())
}

/// An SQS in this process that is as slow as Amazon's, in virtual time.
struct Model {
    local: LocalSqs,
    clock: Clock,
}

impl Model {
    fn new(seed: u64) -> Self {
        let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let local = LocalSqs::builder().seed(seed).start_time(start);
        Self {
            local: local.behaviour(like_aws()).build(),
            clock: Clock::tokio(start),
        }
    }

    fn sqs(&self) -> Sqs {
        let api = ClientApi::new(&self.local.client());
        Sqs::builder(api).clock(self.clock.clone()).build()
    }
}

/// The latencies of the real SQS, without its faults.
fn like_aws() -> Behaviour {
    Behaviour::default()
        .latency(Latency::aws_call())
        .delivery(Latency::aws_delivery())
        .settling(Duration::from_secs(1))
}

fn in_virtual_time<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut paused = Builder::new_current_thread();
    let runtime = paused.enable_all().start_paused(true).build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}

/// The calls of a requester without requests: in the hour after the creation of its host, and in an hour after the host's
/// idle time.
pub(crate) fn idle_hour() -> Result<Value, Failure> {
    let hour = async |idle_time: Option<Duration>, after| {
        let model = Model::new(1);
        let mut requester = Requester::builder(model.sqs());
        if let Some(time) = idle_time {
            requester = requester.idle_time(time);
        }
        let requester = requester.build().map_err(text)?;
        requester.ready().await.map_err(text)?;
        tokio::time::sleep(after).await;
        let before = model.local.calls();
        tokio::time::sleep(HOUR).await;
        let calls = model.local.calls().since(&before);
        requester.shutdown(SHUTDOWN).await;
        Ok::<_, Failure>((calls.total(), calls.of("ReceiveMessage")))
    };
    in_virtual_time(async {
        let (calls, receives) = hour(Some(3 * HOUR), Duration::ZERO).await?;
        let (later, _) = hour(None, IDLE_TIME).await?;
        Ok(json!({ "calls": calls, "receives": receives, "later": later }))
    })
}

/// The calls of a requester and a responder while SQS returns only 503.
pub(crate) fn outage(seed: u64) -> Result<Value, Failure> {
    in_virtual_time(async {
        let model = Model::new(seed);
        let queue = model.local.create_queue("requests").await.map_err(text)?;
        // SQS's documentation requires to wait one second before a new queue is used.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let responder = Responder::builder(model.sqs()).build().map_err(text)?;
        let serving = responder.serve(&queue, async |Body(body): Body| body);
        let serving = tokio::spawn(serving.into_future());
        let requester = Requester::builder(model.sqs()).build().map_err(text)?;
        requester.request(&queue, "before").await.map_err(text)?;

        model.local.set_behaviour(like_aws().unavailable(1.0));
        let before = model.local.calls();
        let caller = async {
            loop {
                let _ = requester.request(&queue, "during").await;
                tokio::time::sleep(REST).await;
            }
        };
        // The caller runs until the timeout.
        let _: Result<(), _> = tokio::time::timeout(OUTAGE, caller).await;
        let calls = model.local.calls().since(&before).total();
        model.local.set_behaviour(like_aws());
        // A call that was in flight at the end of the outage may still fail, but after a minute requests must succeed.
        let recovery = async {
            while requester.request(&queue, "after").await.is_err() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let recovered = tokio::time::timeout(RECOVERY, recovery).await;
        recovered.map_err(|_| "expected a request to succeed within a minute after the outage")?;
        serving.abort();
        Ok(json!({ "calls": calls }))
    })
}

/// Memory and threads of requests without replies, over HTTP. Must run in a separate process.
pub(crate) async fn pending() -> Result<Value, Failure> {
    let folders = Folders::new();
    let local = Local::start(&folders, &folders.kept("pending.log")).await?;
    let (mut threads, mut bytes) = (Vec::new(), 0.0);
    for size in PENDING {
        let client = sqs_rpc_interop::local::client(&local.url);
        let queue = crate::java::queue(&local.url, &format!("unanswered-{size}")).await?;
        let requester = Requester::builder(Sqs::builder(ClientApi::new(&client)).build())
            .timeout(HOUR)
            .max_pending(size)
            .build()
            .map_err(text)?;
        requester.ready().await.map_err(text)?;
        let before = status("VmRSS:")?;
        let mut pending: FuturesUnordered<_> = (0..size)
            .map(|_| requester.request(&queue, "x").send())
            .collect();
        let sent = async {
            while requester.stats().requests_sent < size as u64 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::pin!(sent);
        match future::select(sent, pending.next()).await {
            Either::Left(((), _)) => {}
            Either::Right((ended, _)) => return Err(format!("a request ended: {ended:?}")),
        }
        threads.push(status("Threads:")?);
        // This includes the caller's future, and memory that the allocator holds after the send.
        bytes = (status("VmRSS:")? - before) * 1_024.0 / size as f64;
        drop(pending);
        requester.shutdown(SHUTDOWN).await;
    }
    local.end().await;
    Ok(
        json!({ "threads_with_1": threads[0], "threads_with_all": threads[1], "resident_bytes": bytes }),
    )
}

/// A number that Linux reports about this process.
fn status(name: &str) -> Result<f64, Failure> {
    let file = std::fs::read_to_string("/proc/self/status").map_err(text)?;
    let line = file.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("expected a number {name} in /proc/self/status, found none"))
}

fn text(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}
