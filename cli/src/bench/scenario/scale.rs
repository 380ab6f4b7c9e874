//! More and more virtual queues on one host: what one takes in memory, and whether it gets slower for all the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use sqs_rpc::virtual_queues::CreateQueue;
use sqs_rpc::{HostQueueUrl, VirtualQueue, VirtualQueues};

use super::{Bench, Name};
use crate::bench::outcome::Outcome;
use crate::bench::resources::resources;
use crate::clock::{cpu_since, cpu_time};
use crate::failure::Failure;

/// Virtual queues on the host, step by step.
const SIZES: [usize; 4] = [10, 1_000, 100_000, 1_000_000];
/// Queues that are created and deleted once more at each size.
const ROUNDS: u32 = 100_000;
/// Messages that are sent and received at each size, ten to a call; some to warm up come first.
const MESSAGES: u32 = 2_000;
const WARM_UP: u32 = 500;
/// Queues that they are for.
const RECEIVERS: usize = 10;

/// All in one process; times are processor time, since clocks stand still in the model.
pub(super) async fn run(bench: &Bench) -> Result<Vec<Outcome>, Failure> {
    let client = bench.server.client();
    let url = bench.server.queue(&client, "scale").await?;
    let host: HostQueueUrl = url.parse().map_err(Failure::other)?;
    let most = SIZES[SIZES.len() - 1];
    let queues = VirtualQueues::builder(bench.server.sqs(&client))
        .max_names(most + RECEIVERS)
        .build()
        .map_err(Failure::usage)?;
    let at = Host { queues, host };

    let mut outcomes = Vec::new();
    // A queue's handle is for whoever uses it; the host keeps the queue without.
    let receivers = at.create(RECEIVERS)?;
    at.messages(&receivers, WARM_UP).await?;
    let mut there = RECEIVERS;
    for size in SIZES {
        let label = format!("{size} virtual queues");
        bench.progress.begin(&label, 1);
        let mut figures = BTreeMap::new();
        let (before, added) = (resources(), size - there);
        drop(at.create(added)?);
        there = size;
        if let (Some(before), Some(after)) = (before, resources())
            // A few thousand fit into what the process has anyway.
            && added > 10_000
        {
            let grown = after.resident.saturating_sub(before.resident) as f64;
            figures.insert("resident bytes a queue", grown / added as f64);
        }
        let before = cpu_time();
        at.create_and_delete(ROUNDS)?;
        if let Some(cpu) = cpu_since(before) {
            let each = cpu.as_nanos() as f64 / f64::from(ROUNDS);
            figures.insert("ns to create and delete one", each);
        }
        let before = (bench.server.calls.snapshot(), cpu_time());
        at.messages(&receivers, MESSAGES).await?;
        if let Some(cpu) = cpu_since(before.1) {
            let each = cpu.as_secs_f64() * 1e6 / f64::from(MESSAGES);
            figures.insert("us of CPU a message, sent and received", each);
        }
        let calls = bench.server.calls.snapshot().since(&before.0);
        outcomes.push(Outcome::of_figures(label, Name::SqsRpc, figures, &calls));
    }
    at.queues.shutdown(Duration::from_secs(30)).await;
    Ok(outcomes)
}

struct Host {
    queues: VirtualQueues,
    host: HostQueueUrl,
}

impl Host {
    fn create(&self, count: usize) -> Result<Vec<VirtualQueue>, Failure> {
        let one = |_| self.queues.create(&self.host, CreateQueue::random());
        let mut first = Vec::with_capacity(RECEIVERS);
        for n in 0..count {
            let queue = one(n).map_err(Failure::other)?;
            if n < RECEIVERS {
                first.push(queue);
            }
        }
        Ok(first)
    }

    fn create_and_delete(&self, count: u32) -> Result<(), Failure> {
        for _ in 0..count {
            let queue = self.queues.create(&self.host, CreateQueue::random());
            queue
                .and_then(|queue| queue.delete_queue())
                .map_err(Failure::other)?;
        }
        Ok(())
    }

    /// Sends so many messages to these queues and receives and deletes each.
    async fn messages(&self, queues: &[VirtualQueue], count: u32) -> Result<(), Failure> {
        let each = count as usize / queues.len();
        try_join_all(queues.iter().map(|queue| exchange(queue, each)))
            .await
            .map(drop)
    }
}

/// One message after the other.
async fn exchange(queue: &VirtualQueue, count: usize) -> Result<(), Failure> {
    let body: Arc<str> = "x".repeat(64).into();
    for _ in 0..count {
        queue.send(body.to_string()).await.map_err(Failure::other)?;
        let mut got = Vec::new();
        while got.is_empty() {
            let receive = queue.receive().max(10).wait(Duration::from_secs(20));
            got = receive.send().await.map_err(Failure::other)?;
        }
        for handle in got.into_iter().filter_map(|message| message.receipt_handle) {
            queue.delete(handle).await.map_err(Failure::other)?;
        }
    }
    Ok(())
}
