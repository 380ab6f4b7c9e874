//! Messages for virtual queues that do not exist in this process.

use std::collections::BTreeSet;
use std::time::Duration;

use sqs_rpc_protocol::HostQueueUrl;
use sqs_virtual_queues::{CreateQueue, VirtualQueue, VirtualQueues};

use crate::support::{TestResult, World};

const MINUTES: u64 = 60;

/// Receives and deletes until no message has been received for `quiet`. Returns the bodies in order.
async fn drain(queue: &VirtualQueue, quiet: Duration) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut last = tokio::time::Instant::now();
    while last.elapsed() < quiet {
        for message in queue.receive().max(10).await.unwrap() {
            bodies.push(message.body().unwrap().to_owned());
            let handle = message.receipt_handle().unwrap();
            queue.delete(handle).await.unwrap();
            last = tokio::time::Instant::now();
        }
    }
    bodies
}

async fn two_processes_on(world: &World, host: &HostQueueUrl) -> TestResult {
    let (here, there) = (world.queues(), world.queues());
    let a = here.create(host, CreateQueue::named("a"))?;
    let b = there.create(host, CreateQueue::named("b"))?;
    for n in 0..100 {
        a.send(format!("a{n}")).await?;
        b.send(format!("b{n}")).await?;
    }
    let quiet = Duration::from_secs(5 * MINUTES);
    let (for_a, for_b) = tokio::join!(drain(&a, quiet), drain(&b, quiet));
    for (bodies, prefix) in [(for_a, 'a'), (for_b, 'b')] {
        let expected: Vec<_> = (0..100).map(|n| format!("{prefix}{n}")).collect();
        let received: BTreeSet<_> = bodies.iter().collect();
        assert_eq!((bodies.len(), received), (100, expected.iter().collect()));
        if host.is_fifo() {
            assert_eq!(bodies, expected);
        }
    }
    let (here, there) = (here.stats(), there.stats());
    assert_eq!((here.orphans, there.orphans), (0, 0));
    assert!(
        here.unclaimed + there.unclaimed > 0,
        "no process received a message of the other"
    );
    assert_eq!(world.messages_on(host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn two_processes_on_one_host_get_their_own_messages() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    two_processes_on(&world, &host).await
}

#[tokio::test(start_paused = true)]
async fn two_processes_on_one_fifo_host_keep_their_order() -> TestResult {
    let world = World::new();
    let host = world.host("host.fifo").await;
    two_processes_on(&world, &host).await
}

async fn backlog(world: &World, host: &HostQueueUrl, before: VirtualQueues) -> TestResult {
    for name in ["a", "b"] {
        let queue = before.create(host, CreateQueue::named(name))?;
        for n in 0..30 {
            world.send(queue.url(), &format!("{name}{n}")).await;
        }
    }
    before.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_restarted_process_receives_the_backlog_of_all_its_queues() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    backlog(&world, &host, world.queues()).await?;
    let queues = world.queues();
    let b = queues.create(&host, CreateQueue::named("b"))?;
    assert_eq!(drain(&b, Duration::from_secs(MINUTES)).await.len(), 30);
    let a = queues.create(&host, CreateQueue::named("a"))?;
    let found = drain(&a, Duration::from_secs(MINUTES)).await;
    assert_eq!((found.len(), queues.stats().orphans), (30, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unclaimed_message_becomes_an_orphan_with_age() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    backlog(&world, &host, world.queues()).await?;
    let queues = world.queues();
    let b = queues.create(&host, CreateQueue::named("b"))?;
    drain(&b, Duration::from_secs(14 * MINUTES)).await;
    assert_eq!(
        (queues.stats().orphans, world.messages_on(&host).await),
        (0, 30)
    );
    let unclaimed = queues.stats().unclaimed;
    drain(&b, Duration::from_secs(2 * MINUTES)).await;
    assert_eq!(
        (queues.stats().orphans, world.messages_on(&host).await),
        (30, 0)
    );
    // Put back for 2 s, 4 s, 8 s, 16 s and then 30 s, each shortened by up to half: 32 to 64 times in 14 minutes.
    assert!((30 * 32..=30 * 64).contains(&unclaimed), "{unclaimed}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn with_an_orphan_age_of_zero_unclaimed_messages_are_orphans() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    backlog(&world, &host, world.queues()).await?;
    let queues = world.builder().orphan_age(Duration::ZERO).build()?;
    let b = queues.create(&host, CreateQueue::named("b"))?;
    drain(&b, Duration::from_secs(20)).await;
    assert_eq!((queues.stats().orphans, queues.stats().unclaimed), (30, 0));
    Ok(())
}
