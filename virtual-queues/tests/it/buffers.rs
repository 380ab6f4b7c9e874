//! Messages that stay in a buffer because no receiver takes them.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_virtual_queues::CreateQueue;

use crate::support::{TestResult, World, pass};

const MINUTE: Duration = Duration::from_secs(60);

/// A host whose messages are moved to a dead-letter queue after two receives. Returns both.
async fn redriven(world: &World) -> (HostQueueUrl, HostQueueUrl) {
    let dead = world.host("dead").await;
    let arn = QueueAttributeName::QueueArn;
    let get = world.client.get_queue_attributes().queue_url(dead.as_str());
    let got = get.attribute_names(arn.clone()).send().await.unwrap();
    let arn = &got.attributes.unwrap()[&arn];
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":2}}"#);
    let create = world.client.create_queue().queue_name("host");
    let create = create.attributes(QueueAttributeName::RedrivePolicy, policy);
    let host = create.send().await.unwrap().queue_url.unwrap();
    (host.parse().unwrap(), dead)
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_receiver_is_not_dead_lettered() -> TestResult {
    let world = World::new();
    let (host, dead) = redriven(&world).await;
    let queues = world.queues();
    let idle = queues.create(&host, CreateQueue::named("idle"))?;
    let busy = queues.create(&host, CreateQueue::named("busy"))?;
    for n in 0..25 {
        idle.send(n.to_string()).await?;
    }
    for _ in 0..30 {
        assert!(busy.receive().await?.is_empty());
    }
    assert_eq!(world.messages_on(&dead).await, 0);
    let stats = queues.stats();
    assert_eq!((stats.messages_received, stats.buffer_expired), (25, 0));
    // Three batches every 20 s.
    let changes = world.calls("ChangeMessageVisibilityBatch");
    assert!(
        (75..=105).contains(&changes),
        "{changes} calls in 10 minutes"
    );
    let mut received = 0;
    while received < 25 {
        for message in idle.receive().max(10).await? {
            received += 1;
            idle.delete(message.receipt_handle().unwrap()).await?;
        }
    }
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_of_many_queues_are_extended_together() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    for n in 0..20 {
        let queue = queues.create(&host, CreateQueue::named(format!("q{n}")))?;
        queue.send("x").await?;
    }
    let busy = queues.create(&host, CreateQueue::named("busy"))?;
    for _ in 0..15 {
        assert!(busy.receive().await?.is_empty());
    }
    assert_eq!(queues.host(&host)?.buffered().0, 20);
    let changes = world.calls("ChangeMessageVisibilityBatch");
    assert!(
        changes <= 40,
        "{changes} calls in 5 minutes, with 20 messages"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_handed_out_belongs_to_its_receiver() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let other = queues.create(&host, CreateQueue::named("other"))?;
    queue.send("x").await?;
    assert!(other.receive().await?.is_empty());
    assert_eq!(queue.buffered(), Some(1));
    let taken = queue.receive().visibility(10 * MINUTE).await?;
    pass(9 * MINUTE).await;
    assert_eq!(world.messages_visible_on(&host).await, "0");
    pass(MINUTE + Duration::from_secs(1)).await;
    assert_eq!(world.messages_visible_on(&host).await, "1");
    assert_eq!(taken.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_buffer_stops_extending_when_its_queue_is_deleted() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let other = queues.create(&host, CreateQueue::named("other"))?;
    queue.send("x").await?;
    assert!(other.receive().await?.is_empty());
    queue.delete_queue()?;
    pass(MINUTE).await;
    assert_eq!(world.messages_visible_on(&host).await, "1");
    Ok(())
}
