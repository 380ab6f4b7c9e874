//! The end.

use std::time::Duration;

use sqs_rpc_protocol::CorrelationId;
use sqs_virtual_queues::{CreateQueue, PendingError, QueueError};

use crate::support::{TestResult, World, pass, until};

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_what_waits_and_gives_back_what_is_buffered() -> TestResult {
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
        start.elapsed() <= Duration::from_secs(20),
        "no longer than the poll that was out: {:?}",
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
async fn a_shutdown_ends_in_its_time_and_says_what_it_left() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&url, CreateQueue::named("q"))?;
    drop(tokio::time::timeout(Duration::from_secs(1), queue.receive().send()).await);
    let start = tokio::time::Instant::now();
    let report = queues.shutdown(Duration::from_secs(5)).await;
    assert_eq!(report.abandoned_polls, 1);
    assert!(start.elapsed() <= Duration::from_secs(5));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn without_its_last_handle_nothing_is_polled_any_more() -> TestResult {
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
