//! When a host is polled.

use std::time::Duration;

use sqs_rpc_transport::Action;
use sqs_virtual_queues::CreateQueue;

use crate::support::{
    AnswersAtOnce, Meddled, Repeats, RoundTrip, Slow, TestResult, World, pass, until,
};

#[tokio::test(start_paused = true)]
async fn no_call_is_made_while_nobody_waits() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let before = world.local.calls();
    let queues = world.queues();
    for n in 0..100 {
        queues.create(&host, CreateQueue::named(format!("q{n}")))?;
    }
    pass(Duration::from_secs(3600)).await;
    assert_eq!(world.local.calls().since(&before).total(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_poll_outlives_its_waiter_and_serves_the_next() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    {
        let receive = queue.receive().send();
        assert!(
            tokio::time::timeout(Duration::from_secs(1), receive)
                .await
                .is_err()
        );
    }
    assert_eq!(world.calls("ReceiveMessage"), 1);
    world.send(queue.url(), "late").await;
    let received = queue.receive().await?;
    assert_eq!((received.len(), received[0].body()), (1, Some("late")));
    pass(Duration::from_secs(60)).await;
    assert_eq!(
        world.calls("ReceiveMessage"),
        1,
        "the poll in flight, and none since"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_long_receive_polls_again_until_its_wait_ends() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    // The first receive is dropped in the middle of a poll, so the second receive needs two polls.
    drop(tokio::time::timeout(Duration::from_secs(10), queue.receive().send()).await);
    let start = tokio::time::Instant::now();
    assert!(queue.receive().await?.is_empty());
    assert_eq!(start.elapsed(), Duration::from_secs(20));
    assert_eq!(world.calls("ReceiveMessage"), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn receives_with_wait_0_share_short_polls() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let receives = (0..50).map(|n| {
        let queue = queues
            .create(&host, CreateQueue::named(format!("q{n}")))
            .unwrap();
        queue.receive().wait(Duration::ZERO).send()
    });
    for received in futures::future::join_all(receives).await {
        assert!(received?.is_empty());
    }
    assert!(
        world.calls("ReceiveMessage") <= 2,
        "{}",
        world.local.calls()
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn full_polls_add_polls() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    for n in 0..500 {
        world.send(queue.url(), &n.to_string()).await;
    }
    let mut got = 0;
    while got < 500 {
        got += queue.receive().max(10).await?.len();
    }
    assert_eq!(queues.stats().messages_received, 500);
    let receives = world.calls("ReceiveMessage");
    assert!(
        receives < 70,
        "expected 50 full polls and a few empty polls, found {receives}"
    );
    until("the last polls have ended", || {
        world.calls("ReceiveMessage") == receives
    })
    .await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn short_receives_during_a_poll_share_the_next_poll() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world
        .builder_over(Meddled::new(&world.client, Slow))
        .build()?;
    let receives = (0..10).map(|n| {
        let queue = queues
            .create(&host, CreateQueue::named(format!("q{n}")))
            .unwrap();
        async move {
            pass(Duration::from_millis(n * 50)).await;
            queue.receive().wait(Duration::ZERO).await
        }
    });
    for received in futures::future::join_all(receives).await {
        assert!(received?.is_empty());
    }
    assert_eq!(world.calls("ReceiveMessage"), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_does_not_cause_a_busy_loop() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.builder().queue_capacity(1).build()?;
    let full = queues.create(&host, CreateQueue::named("full"))?;
    let other = queues.create(&host, CreateQueue::named("other"))?;
    for n in 0..2_000 {
        world.send(full.url(), &n.to_string()).await;
    }
    assert!(other.receive().await?.is_empty());
    let polls = world.calls("ReceiveMessage");
    // Each of 2,000 messages is received four or five times in 20 s, ten at a time.
    assert!(
        (100..1_200).contains(&polls),
        "20 s of waiting cost {polls} polls"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_waits_is_polled_twice_a_second() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world
        .builder_over(Meddled::new(&world.client, AnswersAtOnce))
        .build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let wait = Duration::from_secs(10);
    assert!(queue.receive().wait(wait).await?.is_empty());
    let polls = queues.stats().calls.of(Action::ReceiveMessage);
    assert!((19..=21).contains(&polls), "{polls} polls in 10 s");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_repeats_messages_is_polled_twice_a_second() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world
        .builder_over(Meddled::new(&world.client, Repeats::default()))
        .build()?;
    let unread = queues.create(&host, CreateQueue::named("unread"))?;
    world.send(unread.url(), "x").await;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let wait = Duration::from_secs(10);
    assert!(queue.receive().wait(wait).await?.is_empty());
    let polls = queues.stats().calls.of(Action::ReceiveMessage);
    // The first poll, ten repeats without a pause, and two polls a second.
    assert!((20..=32).contains(&polls), "{polls} polls in 10 s");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_delays_others_by_at_most_a_second() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world
        .builder_over(Meddled::new(&world.client, RoundTrip))
        .queue_capacity(1)
        .build()?;
    let full = queues.create(&host, CreateQueue::named("full"))?;
    let other = queues.create(&host, CreateQueue::named("other"))?;
    for n in 0..1_000 {
        world.send(full.url(), &n.to_string()).await;
    }
    for n in 0..60 {
        let start = tokio::time::Instant::now();
        world.send(other.url(), "x").await;
        let received = other.receive().await?;
        let waited = start.elapsed();
        assert!(waited <= Duration::from_secs(1), "message {n}: {waited:?}");
        other.delete(received[0].receipt_handle().unwrap()).await?;
        // A waiting receiver, so that the host is polled.
        assert!(
            other
                .receive()
                .wait(Duration::from_secs(1))
                .await?
                .is_empty()
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn put_back_messages_cause_no_busy_loop() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.builder().queue_capacity(1).build()?;
    let full = queues.create(&host, CreateQueue::named("full"))?;
    let other = queues.create(&host, CreateQueue::named("other"))?;
    for n in 0..31 {
        world.send(full.url(), &n.to_string()).await;
    }
    for _ in 0..180 {
        assert!(other.receive().await?.is_empty());
    }
    let polls = world.calls("ReceiveMessage");
    // 180 long polls. Each of 30 messages is put back 8 times in the first minutes, and then every 150 to 300 s.
    assert!((180..900).contains(&polls), "an hour cost {polls} polls");
    Ok(())
}
