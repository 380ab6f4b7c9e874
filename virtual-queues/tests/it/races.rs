//! Two events at the same moment.

use std::time::Duration;

use sqs_virtual_queues::{CreateQueue, QueueError};

use crate::support::{TestResult, World, pass};

#[tokio::test(start_paused = true)]
async fn a_send_at_expiry_is_refused_or_arrives() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let retention = Duration::from_secs(5);
    let (mut refused, mut arrived) = (0, 0);
    for around in 0..40 {
        let name = format!("q{around}");
        let queue = queues.create(&host, CreateQueue::named(name).idle_retention(retention))?;
        pass(retention - Duration::from_millis(10) + Duration::from_micros(500 * around)).await;
        match queue.send("x").await {
            Ok(_) => {
                assert_eq!(queue.receive().await?.len(), 1);
                arrived += 1;
            }
            Err(QueueError::DoesNotExist(_)) => refused += 1,
            Err(error) => return Err(error.into()),
        }
    }
    assert!(refused > 5 && arrived > 5, "{refused}, {arrived}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_queue_created_again_is_a_different_queue() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let old = queues.create(&host, CreateQueue::named("q"))?;
    let remake = async {
        pass(Duration::from_secs(1)).await;
        old.delete_queue()?;
        let new = queues.create(&host, CreateQueue::named("q"))?;
        new.send("for the new one").await?;
        Ok::<_, QueueError>(new)
    };
    let (received, new) = tokio::join!(old.receive().send(), remake);
    assert!(matches!(received, Err(QueueError::DoesNotExist(_))));
    assert_eq!(new?.receive().await?[0].body(), Some("for the new one"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_next_receive_gets_the_message_of_one_that_left() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    let leave = tokio::time::timeout(Duration::from_secs(3), queue.receive().send());
    let (left, ()) = tokio::join!(leave, async {
        pass(Duration::from_secs(3)).await;
        world.send(queue.url(), "x").await;
    });
    let received = match left {
        Ok(received) => received?,
        // Through the poll that the first receive began: no second poll is in flight.
        Err(_) => queue.receive().await?,
    };
    assert_eq!(received.len(), 1);
    assert_eq!(world.calls("ReceiveMessage"), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn many_expiring_queues_do_not_block_other_tasks() -> TestResult {
    const QUEUES: u64 = 5_000;
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    for _ in 0..QUEUES {
        queues.create(
            &host,
            CreateQueue::random().idle_retention(Duration::from_secs(5)),
        )?;
    }
    // This task wakes at the moment of the expiry, too, and checks the queues each time it runs.
    let expired = || queues.stats().queues_expired;
    pass(Duration::from_secs(5)).await;
    let mut seen = std::collections::BTreeSet::new();
    while expired() < QUEUES {
        seen.insert(expired());
        tokio::task::yield_now().await;
    }
    assert!(seen.len() > 3, "{seen:?}");
    Ok(())
}
