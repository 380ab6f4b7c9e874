//! The cost of a host with ten virtual queues and with a million, with one pending request and with 100,000:
//! `cargo bench -p sqs-virtual-queues --bench scale`.
//!
//! It prints one JSON object with bytes and nanoseconds of processor time, because other programs may use the machine, too.
//! `cargo xtask goals` compares them with P8 to P11 and P16.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark looks at the clock and talks to its terminal"
)]

mod support;

use std::hint::black_box;
use std::time::Duration;

use futures::future::join_all;
use sqs_rpc_protocol::{CorrelationId, HostQueueUrl};
use sqs_rpc_transport::{Moment, Sqs};
use sqs_virtual_queues::{CreateQueue, Host, PendingReply, VirtualQueues};
use stats_alloc::Region;

use support::{ALLOCATOR, message};

const MILLION: usize = 1_000_000;
const PENDING: usize = 100_000;
const ROUNDS: usize = 100_000;

struct World {
    sqs: support::InstantSqs,
    queues: VirtualQueues,
    url: HostQueueUrl,
    host: Host,
}

impl World {
    fn new() -> Self {
        let sqs = support::InstantSqs::default();
        let queues = VirtualQueues::builder(Sqs::builder(sqs.clone()).build());
        let queues = queues.max_names(2 * MILLION).build().unwrap();
        let url: HostQueueUrl = "http://localhost/000000000000/host".parse().unwrap();
        let host = queues.host(&url).unwrap();
        Self {
            sqs,
            queues,
            url,
            host,
        }
    }

    fn create(&self, count: usize, plan: impl Fn() -> CreateQueue) {
        for _ in 0..count {
            self.queues.create(&self.url, plan()).unwrap();
        }
    }

    /// Nanoseconds to create and delete a queue.
    fn create_and_delete(&self) -> f64 {
        nanoseconds(ROUNDS, || {
            for _ in 0..ROUNDS {
                let queue = self.queues.create(&self.url, CreateQueue::random());
                queue.unwrap().delete_queue().unwrap();
            }
        })
    }

    fn expect(&self, count: usize, deadline: Moment) -> Vec<PendingReply> {
        let random = self.queues.sqs().random();
        let expect = |_| {
            let id = CorrelationId::new(self.queues.process(), random.uuid().as_u128());
            self.host.expect_reply(id, deadline).unwrap()
        };
        (0..count).map(expect).collect()
    }

    /// Nanoseconds for each of these replies, from the poll to the pending request.
    async fn reply(&self, pending: Vec<PendingReply>) -> f64 {
        let count = pending.len();
        let replies: Vec<_> = pending
            .iter()
            .map(|pending| message(pending.url().name().as_str()))
            .collect();
        let start = processor_time();
        self.sqs.bring(replies);
        for outcome in join_all(pending).await {
            black_box(outcome.unwrap());
        }
        (processor_time() - start).as_nanos() as f64 / count as f64
    }

    /// Shuts this world down before the next one starts.
    async fn end(self) {
        self.queues.shutdown(Duration::ZERO).await;
    }

    /// Nanoseconds for each reply when each poll returns ten.
    async fn reply_by_tens(&self, deadline: Moment) -> f64 {
        let mut sum = 0.0;
        for _ in 0..REPLIES / 10 {
            sum += self.reply(self.expect(10, deadline)).await;
        }
        sum / (REPLIES / 10) as f64
    }
}

const REPLIES: usize = 10_000;

fn nanoseconds(count: usize, work: impl FnOnce()) -> f64 {
    let start = processor_time();
    work();
    (processor_time() - start).as_nanos() as f64 / count as f64
}

/// The processor time of this thread so far. Everything runs on this thread.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The elapsed time, because processor time is not available.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// Bytes allocated by `work` and still held.
fn bytes<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let region = Region::new(ALLOCATOR);
    let kept = work();
    let change = region.change();
    // Reallocations are in both counts already.
    let held = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    (held, kept)
}

fn later(world: &World, after: Duration) -> Moment {
    world.queues.sqs().clock().now() + after
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let hour = Duration::from_secs(3600);

    let world = World::new();
    world.create(10, CreateQueue::random);
    let create_delete_among_10_ns = world.create_and_delete();
    let (held, ()) = bytes(|| world.create(MILLION, CreateQueue::random));
    let queue_bytes = held / MILLION as f64;
    let create_delete_ns = world.create_and_delete();
    world.end().await;

    let world = World::new();
    let (held, ()) = bytes(|| world.create(MILLION, || CreateQueue::random().idle_retention(hour)));
    let queue_with_retention_bytes = held / MILLION as f64;
    world.end().await;

    // All expire together, while replies are dispatched.
    let world = World::new();
    world.create(MILLION, || {
        CreateQueue::random().idle_retention(Duration::from_secs(1))
    });
    let deadline = later(&world, hour);
    // Blocks the driver's thread, so that all queues are due when the driver runs again.
    std::thread::sleep(Duration::from_millis(1_100));
    let mut slowest = Duration::ZERO;
    while world.queues.stats().queues_expired < MILLION as u64 {
        let start = processor_time();
        world.reply(world.expect(1, deadline)).await;
        slowest = slowest.max(processor_time() - start);
    }
    world.end().await;

    let world = World::new();
    let deadline = later(&world, hour);
    let (held, pending) = bytes(|| world.expect(PENDING, deadline));
    let pending_bytes = held / PENDING as f64;
    let reply_among_many_ns = world.reply_by_tens(deadline).await;
    drop(pending);
    let reply_alone_ns = world.reply_by_tens(deadline).await;

    let reply_ns = world.reply(world.expect(REPLIES, deadline)).await;
    let soon = later(&world, Duration::from_millis(200));
    let pending = world.expect(REPLIES, soon);
    std::thread::sleep(Duration::from_millis(250));
    let start = processor_time();
    for outcome in join_all(pending).await {
        assert!(outcome.is_err());
    }
    let deadline_ns = (processor_time() - start).as_nanos() as f64 / REPLIES as f64;

    println!(
        "{}",
        serde_json::json!({
            "queue_bytes": queue_bytes,
            "queue_with_retention_bytes": queue_with_retention_bytes,
            "create_delete_among_10_ns": create_delete_among_10_ns,
            "create_delete_ns": create_delete_ns,
            "slowest_reply_while_a_million_expire_ms": slowest.as_secs_f64() * 1e3,
            "pending_bytes": pending_bytes,
            "reply_among_many_ns": reply_among_many_ns,
            "reply_alone_ns": reply_alone_ns,
            "reply_ns": reply_ns,
            "deadline_ns": deadline_ns,
        })
    );
}
