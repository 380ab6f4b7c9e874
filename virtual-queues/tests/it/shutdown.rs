//! Shutdown.

use std::time::Duration;

use sqs_rpc_protocol::CorrelationId;
use sqs_virtual_queues::{CreateQueue, PendingError, QueueError, ShutdownReport};

use crate::support::{Late, Meddled, TestResult, World, pass, until};

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_waits_and_gives_back_messages() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.queues();
    let (queue, idle) = (
        queues.create(&url, CreateQueue::named("q"))?,
        queues.create(&url, CreateQueue::named("idle"))?,
    );
    let host = queues.host(&url)?;
    world.send(idle.url(), "waits").await;
    let deadline = queues.sqs().clock().now() + Duration::from_secs(600);
    let pending = host.expect_reply(CorrelationId::new(queues.process(), 1), deadline)?;
    until("the message is buffered", || idle.buffered() == Some(1)).await;
    let start = tokio::time::Instant::now();
    let (report, pending, received) = futures::join!(
        queues.shutdown(Duration::from_secs(25)),
        pending,
        queue.receive().send()
    );
    assert!(matches!(pending, Err(PendingError::Closed)));
    assert!(matches!(received, Err(QueueError::Closed)));
    assert_eq!(
        (
            report.pending,
            report.abandoned_polls,
            report.abandoned_calls
        ),
        (1, 0, 0)
    );
    assert!(
        start.elapsed() <= Duration::from_secs(2),
        "the poll in flight is ended: {:?}",
        start.elapsed()
    );
    assert_eq!(world.messages_visible_on(&url).await, "1");
    assert!(matches!(
        queues.create(&url, CreateQueue::named("new")),
        Err(QueueError::Closed)
    ));
    assert!(matches!(queue.send("x").await, Err(QueueError::Closed)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_in_time_and_reports_what_it_left() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.builder().end_idle_polls(false).build()?;
    let queue = queues.create(&url, CreateQueue::named("q"))?;
    drop(tokio::time::timeout(Duration::from_secs(1), queue.receive().send()).await);
    let start = tokio::time::Instant::now();
    let report = queues.shutdown(Duration::from_secs(5)).await;
    assert_eq!(report.abandoned_polls, 1);
    assert!(start.elapsed() <= Duration::from_secs(5));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_can_wait_for_every_poll() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.builder().end_idle_polls(false).build()?;
    let queue = queues.create(&url, CreateQueue::named("q"))?;
    drop(tokio::time::timeout(Duration::from_secs(1), queue.receive().send()).await);
    let start = tokio::time::Instant::now();
    let report = queues.shutdown(Duration::from_secs(30)).await;
    assert_eq!(report, ShutdownReport::default());
    assert_eq!(start.elapsed(), Duration::from_secs(19));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_second_without_messages() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&url, CreateQueue::named("q"))?;
    drop(tokio::time::timeout(Duration::from_secs(1), queue.receive().send()).await);
    let start = tokio::time::Instant::now();
    let send = async {
        pass(Duration::from_millis(900)).await;
        world.send(queue.url(), "late").await;
    };
    let (report, ()) = futures::join!(queues.shutdown(Duration::from_secs(30)), send);
    assert_eq!(report, ShutdownReport::default());
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    // The poll in flight returned the message, and it was given back.
    assert_eq!(world.messages_visible_on(&url).await, "1");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_in_an_ended_poll_is_redelivered_late() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    // The answer takes a minute to arrive: SQS has put the message into it before the poll is ended.
    let api = Meddled::new(&world.client, Late(Duration::from_secs(60)));
    let queues = world.builder_over(api).build()?;
    let queue = queues.create(&url, CreateQueue::named("q"))?;
    world.send(queue.url(), "hidden").await;
    drop(tokio::time::timeout(Duration::from_secs(1), queue.receive().send()).await);
    let start = tokio::time::Instant::now();
    queues.shutdown(Duration::from_secs(30)).await;
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(world.messages_visible_on(&url).await, "0");
    pass(Duration::from_secs(30)).await;
    assert_eq!(
        world.messages_visible_on(&url).await,
        "1",
        "the message is late, but not lost"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn without_handles_nothing_is_polled() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.queues();
    let host = queues.host(&url)?;
    let deadline = queues.sqs().clock().now() + Duration::from_secs(600);
    let pending = host.expect_reply(CorrelationId::new(queues.process(), 1), deadline)?;
    pass(Duration::from_secs(1)).await;
    drop((queues, host));
    assert!(matches!(pending.await, Err(PendingError::Closed)));
    let polled = world.calls("ReceiveMessage");
    pass(Duration::from_secs(600)).await;
    assert_eq!(world.calls("ReceiveMessage"), polled);
    Ok(())
}
