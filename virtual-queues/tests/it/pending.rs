//! Pending requests.

use std::time::Duration;

use sqs_rpc_protocol::CorrelationId;
use sqs_virtual_queues::{Host, PendingError, PendingReply, VirtualQueues};

use crate::support::{TestResult, World, pass, until};

fn expect(queues: &VirtualQueues, host: &Host, n: u128, secs: u64) -> PendingReply {
    let deadline = queues.sqs().clock().now() + Duration::from_secs(secs);
    host.expect_reply(CorrelationId::new(queues.process(), n), deadline)
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reply_reaches_its_request_and_is_deleted() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.queues();
    let host = queues.host(&url)?;
    let (first, second) = (expect(&queues, &host, 1, 30), expect(&queues, &host, 2, 30));
    world.send(second.url(), "two").await;
    world.send(first.url(), "one").await;
    assert_eq!(first.await?.body(), Some("one"));
    assert_eq!(second.await?.body(), Some("two"));
    pass(Duration::from_secs(1)).await;
    assert_eq!(
        (
            world.messages_on(&url).await,
            queues.stats().replies_received
        ),
        (0, 2)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_exactly_at_the_deadline() -> TestResult {
    let world = World::new();
    let queues = world.queues();
    let host = queues.host(&world.host("host").await)?;
    let start = tokio::time::Instant::now();
    let long = expect(&queues, &host, 1, 7);
    let short = expect(&queues, &host, 2, 3);
    assert!(matches!(short.await, Err(PendingError::TimedOut)));
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert!(matches!(long.await, Err(PendingError::TimedOut)));
    assert_eq!(start.elapsed(), Duration::from_secs(7));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn late_and_duplicate_replies_are_counted_and_deleted() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.queues();
    let host = queues.host(&url)?;
    let (answered, dropped) = (expect(&queues, &host, 1, 30), expect(&queues, &host, 2, 30));
    world.send(answered.url(), "once").await;
    world.send(answered.url(), "twice").await;
    world.send(dropped.url(), "late").await;
    drop(dropped);
    assert_eq!(host.pending(), 1, "the slot is freed at once");
    assert_eq!(answered.await?.body(), Some("once"));
    // The remaining replies are found during the next wait.
    let next = expect(&queues, &host, 3, 5);
    assert!(next.await.is_err());
    let stats = queues.stats();
    assert_eq!(
        (stats.duplicate_replies, stats.late_replies, stats.orphans),
        (1, 1, 0)
    );
    assert_eq!(world.messages_on(&url).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn two_processes_on_one_host_get_their_own_replies() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let (a, b) = (
        world.builder().visibility(Duration::from_secs(2)).build()?,
        world.builder().visibility(Duration::from_secs(2)).build()?,
    );
    let (on_a, on_b) = (a.host(&url)?, b.host(&url)?);
    let waits: Vec<_> = (0..20)
        .flat_map(|n| [expect(&a, &on_a, n, 600), expect(&b, &on_b, n, 600)])
        .collect();
    for pending in &waits {
        world.send(pending.url(), pending.url().as_str()).await;
    }
    for pending in waits {
        let own = pending.url().to_string();
        assert_eq!(pending.await?.body(), Some(own.as_str()));
    }
    assert!(
        a.stats().foreign_replies + b.stats().foreign_replies > 0,
        "the processes received each other's replies"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn foreign_replies_are_redelivered_at_different_times() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let (theirs, ours) = (world.queues(), world.queues());
    let (on_theirs, on_ours) = (theirs.host(&url)?, ours.host(&url)?);
    let foreign: Vec<_> = (0..10)
        .map(|n| expect(&theirs, &on_theirs, n, 1).url().clone())
        .collect();
    // Wait until their poll has ended.
    pass(Duration::from_secs(25)).await;
    for url in &foreign {
        world.send(url, "foreign").await;
    }
    assert!(expect(&ours, &on_ours, 1, 60).await.is_err());
    assert!(ours.stats().foreign_replies >= 10);
    let (mut visible, mut times) = (0, 0);
    for _ in 0..200 {
        pass(Duration::from_secs(1)).await;
        let now: usize = world.messages_visible_on(&url).await.parse()?;
        times += usize::from(now > visible);
        visible = now;
    }
    assert_eq!(visible, 10);
    assert!(
        times >= 3,
        "they were redelivered at {times} different times"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deleted_host_ends_all_waits_at_once() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.queues();
    let host = queues.host(&url)?;
    let pending = expect(&queues, &host, 1, 600);
    let queue = queues.create(&url, sqs_virtual_queues::CreateQueue::named("q"))?;
    // The host is not new: a poll succeeded five seconds ago.
    assert!(queue.receive().wait(Duration::ZERO).await?.is_empty());
    pass(Duration::from_secs(5)).await;
    let receive = queue.receive().send();
    let start = tokio::time::Instant::now();
    let delete = async {
        pass(Duration::from_secs(1)).await;
        world
            .client
            .delete_queue()
            .queue_url(url.as_str())
            .send()
            .await
            .unwrap();
    };
    let (pending, received, ()) = futures::join!(pending, receive, delete);
    assert!(matches!(pending, Err(PendingError::HostLost)));
    assert!(matches!(
        received,
        Err(sqs_virtual_queues::QueueError::DoesNotExist(_))
    ));
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(queues.stats().hosts_lost, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_not_known_yet_is_given_time() -> TestResult {
    let world = World::new();
    let url = world
        .host("made")
        .await
        .as_str()
        .replace("made", "unborn")
        .parse()?;
    let queues = world.queues();
    let host = queues.new_host(&url, queues.sqs().clock().now())?;
    let pending = expect(&queues, &host, 1, 30);
    let url = pending.url().clone();
    until("two polls failed", || queues.stats().polls_failed == 2).await;
    world.local.create_queue("unborn").await?;
    world.send(&url, "here").await;
    assert_eq!(pending.await?.body(), Some("here"));
    assert_eq!(queues.stats().hosts_lost, 0);
    Ok(())
}

#[test]
fn after_the_end_of_the_runtime_everything_is_closed() -> TestResult {
    let first = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (queues, host, pending) = first.block_on(async {
        let world = World::new();
        let queues = world.queues();
        let host = queues.host(&world.host("host").await).unwrap();
        let pending = expect(&queues, &host, 1, 600);
        // The driver has started.
        until("the first poll is in flight", || {
            world.calls("ReceiveMessage") == 1
        })
        .await;
        (queues, host, pending)
    });
    drop(first);
    let second = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    second.block_on(async {
        assert!(matches!(pending.await, Err(PendingError::Closed)));
        let deadline = queues.sqs().clock().now() + Duration::from_secs(1);
        assert!(
            host.expect_reply(CorrelationId::new(queues.process(), 2), deadline)
                .is_err()
        );
    });
    Ok(())
}
