//! Failures that polls survive.

use std::time::Duration;

use sqs_virtual_queues::CreateQueue;

use crate::support::{Changed, HalfOpen, Meddled, Panics, TestResult, World, until};

#[tokio::test(start_paused = true)]
async fn a_half_open_poll_is_given_up_and_replaced() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world
        .builder_over(Meddled::new(&world.client, HalfOpen))
        .build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    queue.send("hello").await?;
    let start = tokio::time::Instant::now();
    assert!(queue.receive().await?.is_empty());
    assert_eq!(queue.receive().await?[0].body(), Some("hello"));
    let took = start.elapsed();
    assert!(
        (25.0..26.0).contains(&took.as_secs_f64()),
        "wait, grace, and a short back-off: {took:?}"
    );
    assert_eq!(queues.stats().polls_failed, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_damaged_message_is_not_received() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world
        .builder_over(Meddled::new(&world.client, Changed))
        .build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    queue.send("hello").await?;
    let mut received = Vec::new();
    while received.is_empty() {
        received = queue.receive().await?;
    }
    assert_eq!(
        received[0].body(),
        Some("hello"),
        "the message was redelivered intact"
    );
    assert_eq!(queues.stats().corrupted, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_a_host_makes_few_calls() -> TestResult {
    let world = World::new();
    let host = world
        .host("made")
        .await
        .as_str()
        .replace("made", "never")
        .parse()?;
    let queues = world.queues();
    let start = queues.sqs().clock().now();
    while queues.sqs().clock().now().since(start) < Duration::from_secs(3600) {
        let queue = queues.create(&host, CreateQueue::named("q"))?;
        assert!(queue.receive().await.is_err());
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    // Polls 56 times, each with two more polls after 1 and 5 s, because the host could be new.
    assert_eq!(world.calls("ReceiveMessage"), 168);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failed_change_of_visibility_is_counted() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let changed = queue.change_visibility("nonsense", Duration::ZERO).await;
    assert!(changed.is_err());
    assert_eq!(queues.stats().changes_failed, 1);
    // A message that is put back, or extended, in the background.
    queues
        .outbox()?
        .change_visibility_later(&host, "nonsense".into(), Duration::ZERO);
    until("the change failed", || queues.stats().changes_failed == 2).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_panics_counts_as_failed() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world
        .builder_over(Meddled::new(&world.client, Panics))
        .build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    queue.send("hello").await?;
    assert_eq!(queue.receive().await?[0].body(), Some("hello"));
    let stats = queues.stats();
    assert_eq!((stats.panics, stats.polls_failed), (1, 1));
    Ok(())
}
