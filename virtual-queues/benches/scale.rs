//! What a host costs with ten virtual queues and with a million, with one pending request and with 100,000:
//! `cargo bench -p sqs-virtual-queues --bench scale`.
//!
//! A plain program. It prints bytes, nanoseconds of processor time (others may use the machine, too), and ratios within
//! one run, each with its goal.

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
use sqs_virtual_queues::sqs::{Moment, Sqs};
use sqs_virtual_queues::{CreateQueue, Host, PendingReply, VirtualQueues};
use stats_alloc::Region;

use support::{ALLOCATOR, message};

const MILLION: usize = 1_000_000;
const PENDING: usize = 100_000;
const ROUNDS: usize = 100_000;

struct World {
    sqs: support::Instant,
    queues: VirtualQueues,
    url: HostQueueUrl,
    host: Host,
}

impl World {
    fn new() -> Self {
        let sqs = support::Instant::default();
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

    /// Nanoseconds to create a queue and to delete it.
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

    /// Nanoseconds for each of these replies, from the poll to its request.
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

    /// Ends it before the next one begins.
    async fn end(self) {
        self.queues.shutdown(Duration::ZERO).await;
    }

    /// Nanoseconds for each reply of polls that bring ten.
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

/// What this thread, on which everything runs, has used so far.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The time that went by, in its stead.
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
    let at_ten = world.create_and_delete();
    let (held, ()) = bytes(|| world.create(MILLION, CreateQueue::random));
    println!(
        "P8   idle virtual queue at 1,000,000: {:.0} B (goal 512)",
        held / MILLION as f64
    );
    let at_a_million = world.create_and_delete();
    let a_second = 1e9 / at_a_million;
    println!(
        "P10  create + delete at 1,000,000: {at_a_million:.0} ns, {a_second:.0} a second (goal 1,000,000)"
    );
    println!(
        "P10  the same at 10: {at_ten:.0} ns; ratio {:.2} (goal 1)",
        at_a_million / at_ten
    );
    world.end().await;

    let world = World::new();
    let expiring = || CreateQueue::random().idle_retention(Duration::from_secs(1));
    let (held, ()) = bytes(|| world.create(MILLION, || CreateQueue::random().idle_retention(hour)));
    println!(
        "     the same with an idle retention: {:.0} B",
        held / MILLION as f64
    );
    world.end().await;

    // All expire together, while replies are dispatched.
    let world = World::new();
    world.create(MILLION, expiring);
    let deadline = later(&world, hour);
    // Blocks the driver, so that all are due when it begins.
    std::thread::sleep(Duration::from_millis(1_100));
    let mut slowest = Duration::ZERO;
    let mut dispatched = 0;
    while world.queues.stats().queues_expired < MILLION as u64 {
        let start = processor_time();
        world.reply(world.expect(1, deadline)).await;
        slowest = slowest.max(processor_time() - start);
        dispatched += 1;
    }
    println!(
        "     1,000,000 expire together: {dispatched} replies in between, the slowest took {slowest:.1?}"
    );
    world.end().await;

    let world = World::new();
    let deadline = later(&world, hour);
    let (held, pending) = bytes(|| world.expect(PENDING, deadline));
    println!(
        "P9   pending request at 100,000: {:.0} B (goal 1024)",
        held / PENDING as f64
    );
    let among_many = world.reply_by_tens(deadline).await;
    drop(pending);
    let alone = world.reply_by_tens(deadline).await;
    println!(
        "P11  dispatch of a reply with 100,000 pending: {among_many:.0} ns, without: {alone:.0} ns; ratio {:.2} (goal 1.5)",
        among_many / alone
    );

    let replied = world.reply(world.expect(REPLIES, deadline)).await;
    let soon = later(&world, Duration::from_millis(200));
    let pending = world.expect(REPLIES, soon);
    std::thread::sleep(Duration::from_millis(250));
    let start = processor_time();
    for outcome in join_all(pending).await {
        assert!(outcome.is_err());
    }
    let late = (processor_time() - start).as_nanos() as f64 / REPLIES as f64;
    println!(
        "P16  10,000 deadlines at once: {late:.0} ns each, 10,000 replies: {replied:.0} ns each; ratio {:.2} (goal 2)",
        late / replied
    );
}
