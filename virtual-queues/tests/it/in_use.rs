//! A virtual queue that is in use does not expire.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use local_sqs::{Behaviour, Latency};
use sqs_virtual_queues::{CreateQueue, HandlerLimits, VirtualQueue, VirtualQueues};

use crate::support::{TestResult, World, pass};

const RETENTION: Duration = Duration::from_secs(5);
/// Longer than the retention, shorter than the visibility timeout.
const WORK: Duration = Duration::from_secs(20);

/// A queue with a retention, and another queue that is polled, so that orphans are noticed.
async fn queues(world: &World) -> (VirtualQueues, VirtualQueue, VirtualQueue) {
    let host = world.host("host").await;
    let queues = world.queues();
    let plan = CreateQueue::named("q").idle_retention(RETENTION);
    let queue = queues.create(&host, plan).unwrap();
    let other = queues.create(&host, CreateQueue::named("other")).unwrap();
    (queues, queue, other)
}

async fn poll(other: &VirtualQueue) {
    loop {
        drop(other.receive().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_whose_handler_is_busy_does_not_expire() -> TestResult {
    for of_all in [false, true] {
        let world = World::new();
        let (queues, queue, other) = queues(&world).await;
        for body in ["a", "b", "c"] {
            queue.send(body).await?;
        }
        let (handled, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let work = async |message: aws_sdk_sqs::types::Message| {
            pass(WORK).await;
            handled.send(message.body)
        };
        let handling = async {
            if of_all {
                let limits = HandlerLimits::default();
                queues
                    .for_each(limits, async |_, message| work(message).await)
                    .await
            } else {
                queue.for_each(1, async |message| work(message).await).await
            }
        };
        tokio::select! {
            biased;
            ended = handling => panic!("{ended}"),
            () = poll(&other) => {}
            () = pass(5 * WORK) => {}
        }
        let mut bodies = Vec::new();
        while let Ok(body) = seen.try_recv() {
            bodies.extend(body);
        }
        bodies.sort();
        assert_eq!(bodies, ["a", "b", "c"], "of all: {of_all}");
        let stats = queues.stats();
        assert_eq!((stats.orphans, stats.queues_expired), (0, 0));
        pass(2 * RETENTION).await;
        assert_eq!(
            queues.stats().queues_expired,
            1,
            "no handler uses the queue now"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_queue_with_a_message_in_hand_does_not_expire() -> TestResult {
    let world = World::new();
    let (queues, queue, _) = queues(&world).await;
    queue.send("x").await?;
    let received = queue.receive().await?;
    pass(WORK).await;
    queue.delete(received[0].receipt_handle().unwrap()).await?;
    pass(RETENTION - Duration::from_secs(1)).await;
    assert_eq!(queues.stats().queues_expired, 0);
    pass(Duration::from_secs(2)).await;
    assert_eq!(queues.stats().queues_expired, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_undeleted_message_keeps_its_queue_until_redelivery() -> TestResult {
    let world = World::new();
    let (queues, queue, other) = queues(&world).await;
    queue.send("x").await?;
    let receive = queue.receive().visibility(3 * WORK);
    let first = receive.await?;
    let handle = first[0].receipt_handle().unwrap();
    pass(2 * WORK).await;
    queue.change_visibility(handle, 3 * WORK).await?;
    pass(3 * WORK - Duration::from_secs(1)).await;
    assert_eq!(queues.stats().queues_expired, 0);
    let again = tokio::select! {
        biased;
        () = poll(&other) => panic!("it polls for ever"),
        again = queue.receive() => again?,
    };
    assert_eq!(again[0].message_id(), first[0].message_id());
    // Given back, and no longer awaited.
    let handle = again[0].receipt_handle().unwrap();
    queue.change_visibility(handle, Duration::ZERO).await?;
    pass(RETENTION + Duration::from_secs(1)).await;
    assert_eq!(queues.stats().queues_expired, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_in_progress_is_a_use() -> TestResult {
    let world = World::new();
    let (queues, queue, _) = queues(&world).await;
    // Each call takes longer than the retention.
    let slow = Behaviour::default().latency(Latency::Fixed(3 * RETENTION));
    world.local.set_behaviour(slow);
    queue.send("x").await?;
    queues.send(queue.url(), "y").await?;
    queue.attributes([QueueAttributeName::All]).await?;
    assert!(queue.buffered().is_some());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failed_handlers_message_keeps_its_queue_until_redelivery() -> TestResult {
    let world = World::new();
    let (queues, queue, other) = queues(&world).await;
    queue.send("x").await?;
    let failing = queue.for_each(1, async |_| Err::<(), _>("on purpose"));
    assert!(
        tokio::time::timeout(Duration::from_secs(1), failing)
            .await
            .is_err()
    );
    assert_eq!(queues.stats().handler_errors, 1);
    pass(WORK).await;
    let received = tokio::select! {
        biased;
        () = poll(&other) => panic!("it polls for ever"),
        received = queue.receive() => received?,
    };
    assert_eq!((received.len(), queues.stats().orphans), (1, 0));
    Ok(())
}
