//! Virtual queues on a FIFO host: groups keep their order whatever happens to their messages. The checks of all
//! interfaces are in `contract/fifo.rs`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as Name, QueueAttributeName};
use futures::FutureExt;
use local_sqs::Behaviour;
use local_sqs::engine::Action;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{Call, Random};
use sqs_virtual_queues::{CreateQueue, HandlerLimits, OutgoingMessage, VirtualQueue};
use tokio::time::Instant;

use crate::support::{Meddle, Meddled, TestResult, World, pass, until};

const SECOND: Duration = Duration::from_secs(1);

/// Sends numbers from 1 on, all of one group.
async fn send_numbers(queue: &VirtualQueue, count: usize) -> TestResult {
    for sent in queue.send_all((1..=count).map(|n| n.to_string())).await {
        sent?;
    }
    Ok(())
}

fn number(message: &Message) -> usize {
    message.body().unwrap().parse().unwrap()
}

fn handle(message: &Message) -> &str {
    message.receipt_handle().unwrap()
}

fn receives(message: &Message) -> &str {
    &message.attributes().unwrap()[&Name::ApproximateReceiveCount]
}

/// A FIFO host whose messages are moved to a dead-letter queue after `max_receives` receives. Returns both.
async fn redriven(world: &World, max_receives: u32) -> (HostQueueUrl, HostQueueUrl) {
    let dead = world.host("dead.fifo").await;
    let arn = QueueAttributeName::QueueArn;
    let get = world.client.get_queue_attributes().queue_url(dead.as_str());
    let got = get.attribute_names(arn.clone()).send().await.unwrap();
    let arn = &got.attributes.unwrap()[&arn];
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{max_receives}}}"#);
    let create = world.client.create_queue().queue_name("h.fifo");
    let create = create
        .attributes(QueueAttributeName::FifoQueue, "true")
        .attributes(QueueAttributeName::RedrivePolicy, policy);
    let host = create.send().await.unwrap().queue_url.unwrap();
    (host.parse().unwrap(), dead)
}

#[tokio::test(start_paused = true)]
async fn four_receivers_get_a_long_group_in_order() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 1_000).await?;
    let (seen, in_flight) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let client = queues.client(&world.client);
    let work = async |by_handle: bool| {
        while seen.lock().unwrap().len() < 1_000 {
            let received = if by_handle {
                queue.receive().wait(SECOND).await.unwrap()
            } else {
                let receive = client.receive_message().queue_url(queue.url().as_str());
                let output = receive.wait_time_seconds(1).send().await.unwrap();
                output.messages.unwrap_or_default()
            };
            for message in received {
                assert_eq!(in_flight.fetch_add(1, Ordering::Relaxed), 0);
                seen.lock().unwrap().push(number(&message));
                pass(Duration::from_millis(1)).await;
                in_flight.fetch_sub(1, Ordering::Relaxed);
                if by_handle {
                    queue.delete(handle(&message)).await.unwrap();
                } else {
                    let delete = client.delete_message().queue_url(queue.url().as_str());
                    let delete = delete.receipt_handle(handle(&message));
                    delete.send().await.unwrap();
                }
            }
        }
    };
    tokio::join!(work(true), work(false), work(true), work(false));
    let all: Vec<_> = (1..=1_000).collect();
    assert_eq!(seen.into_inner()?, all);
    assert_eq!(queues.stats().messages_received, 1_000, "each message once");
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn many_messages_sent_at_once_keep_their_order() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 2_000).await?;
    let mut seen = Vec::new();
    while seen.len() < 2_000 {
        let received = queue.receive().max(10).await?;
        seen.extend(received.iter().map(number));
        queue.delete_all(received.iter().map(handle)).await;
    }
    assert!(seen.is_sorted(), "{seen:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_undeleted_message_is_redelivered_before_later_ones() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 3).await?;
    let start = Instant::now();
    assert_eq!(number(&queue.receive().await?[0]), 1);
    assert_eq!(queue.receive().await?.len(), 0);
    let again = queue.receive().await?.pop().unwrap();
    assert_eq!((number(&again), receives(&again)), (1, "2"));
    assert_eq!(start.elapsed().as_secs(), 30);
    queue.delete(handle(&again)).await?;
    for n in [2, 3] {
        let next = queue.receive().wait(Duration::ZERO).await?.pop().unwrap();
        // The message stayed in the buffer.
        assert_eq!((number(&next), receives(&next)), (n, "1"));
        queue.delete(handle(&next)).await?;
    }
    assert_eq!(queues.stats().buffer_expired, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_behind_a_dead_letter_are_received_soon() -> TestResult {
    let world = World::new();
    let (host, dead) = redriven(&world, 2).await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 3).await?;
    for _ in 0..2 {
        let receive = queue.receive().visibility(10 * SECOND);
        assert_eq!(number(&receive.await?[0]), 1);
    }
    let start = Instant::now();
    for n in [2, 3] {
        let next = queue.receive().await?.pop().unwrap();
        assert_eq!((number(&next), receives(&next)), (n, "2"));
        queue.delete(handle(&next)).await?;
    }
    assert_eq!(start.elapsed().as_secs(), 15, "10 s, plus 5 s of patience");
    assert_eq!(world.messages_on(&dead).await, 1);
    assert_eq!(queues.stats().buffer_expired, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn held_up_messages_are_given_back_without_a_receiver() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 3).await?;
    let first = queue.receive().await?.pop().unwrap();
    queue.change_visibility(handle(&first), 2 * SECOND).await?;
    pass(6 * SECOND).await;
    assert_eq!(queue.buffered(), Some(2));
    pass(2 * SECOND).await;
    assert_eq!(queue.buffered(), Some(0));
    assert_eq!(world.messages_visible_on(&host).await, "3");
    assert_eq!(queues.stats().buffer_expired, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_delete_by_another_process_is_detected() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 2).await?;
    let delete = async |message: &Message| {
        let delete = world.client.delete_message().queue_url(host.as_str());
        delete
            .receipt_handle(handle(message))
            .send()
            .await
            .map(drop)
    };
    let start = Instant::now();
    let first = queue.receive().await?.pop().unwrap();
    delete(&first).await?;
    // The second message was received together with the first. It is held up until the first would be visible, plus
    // 5 s.
    let mut second = Vec::new();
    while second.is_empty() {
        second = queue.receive().await?;
    }
    assert_eq!(start.elapsed().as_secs(), 35);
    delete(&second[0]).await?;
    pass(Duration::from_millis(1)).await;
    queue.send("3").await?;
    // The poll that returns the third message shows that the second is gone.
    let third = queue.receive().wait(SECOND).await?.pop().unwrap();
    assert_eq!(number(&third), 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_frees_nothing() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 2).await?;
    let first = queue.receive().await?.pop().unwrap();
    let failing = Behaviour::default().failed_entries(1.0);
    let failing = failing.only([Action::DeleteMessageBatch]);
    world.local.set_behaviour(failing);
    assert!(queue.delete(handle(&first)).await.is_err());
    assert_eq!(queue.receive().wait(SECOND).await?.len(), 0);
    world.local.set_behaviour(Behaviour::default());
    queue.delete(handle(&first)).await?;
    assert_eq!(number(&queue.receive().wait(SECOND).await?[0]), 2);
    Ok(())
}

/// Handles three messages of a group, the second of which fails the first time, with a handler of one queue or of
/// all.
async fn handles_in_order(of_all: bool) -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 4).await?;
    let other = OutgoingMessage::new("0").group("other");
    queue.send(other).await?;
    let seen = Mutex::new(Vec::new());
    let start = Instant::now();
    let handler = async |message: Message| {
        let n = number(&message);
        let fails = n == 2 && !seen.lock().unwrap().contains(&(2, 0));
        seen.lock().unwrap().push((n, start.elapsed().as_secs()));
        if fails { Err(()) } else { Ok(()) }
    };
    let handling = async {
        if of_all {
            let limits = HandlerLimits::default();
            queues.for_each(limits, |_, message| handler(message)).await
        } else {
            queue.for_each(10, handler).await
        }
    };
    tokio::select! {
        ended = handling => return Err(ended.into()),
        () = until("six are handled", || seen.lock().unwrap().len() == 6) => {}
    }
    let seen = seen.into_inner()?;
    let group: Vec<_> = seen.iter().filter(|(n, _)| *n > 0).copied().collect();
    assert_eq!(group, [(1, 0), (2, 0), (2, 30), (3, 30), (4, 30)]);
    assert!(
        seen.contains(&(0, 0)),
        "the other group continues: {seen:?}"
    );
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failed_message_is_handled_before_later_ones() -> TestResult {
    handles_in_order(false).await
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_handler_of_all_failed_comes_first() -> TestResult {
    handles_in_order(true).await
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_deleted_is_handled_again_first() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 2).await?;
    let failing = Behaviour::default().failed_entries(1.0);
    let failing = failing.only([Action::DeleteMessageBatch]);
    world.local.set_behaviour(failing);
    let seen = Mutex::new(Vec::new());
    let handling = queue.for_each(1, async |message| {
        seen.lock().unwrap().push(number(&message));
        Ok::<_, ()>(())
    });
    let mend = async {
        pass(10 * SECOND).await;
        world.local.set_behaviour(Behaviour::default());
        until("three are handled", || seen.lock().unwrap().len() == 3).await;
    };
    tokio::select! {
        ended = handling => return Err(ended.into()),
        () = mend => {}
    }
    assert_eq!(seen.into_inner()?, [1, 1, 2]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handled_message_is_deleted_although_the_handler_is_dropped() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 1).await?;
    let handled = tokio::sync::Notify::new();
    let handling = queue.for_each(1, async |_| {
        handled.notify_one();
        Ok::<_, ()>(())
    });
    tokio::select! {
        biased;
        // In the same poll in which the delete was requested.
        () = handled.notified() => {}
        ended = handling => return Err(ended.into()),
    }
    pass(SECOND).await;
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_put_back_for_lack_of_room_keep_their_order() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queues = world.builder().queue_capacity(2).build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let idle = queues.create(&host, CreateQueue::named("idle"))?;
    send_numbers(&queue, 30).await?;
    // Another receiver fills the buffer.
    assert_eq!(idle.receive().await?.len(), 0);
    assert!(queues.stats().put_back > 0);
    for n in 1..=30 {
        let mut received = Vec::new();
        while received.is_empty() {
            received = queue.receive().await?;
        }
        assert_eq!(number(&received[0]), n);
        queue.delete(handle(&received[0])).await?;
    }
    Ok(())
}

/// Changes the body of the second message of the first receive.
#[derive(Debug)]
struct SecondChanged;

impl Meddle for SecondChanged {
    fn receive(
        &self,
        number: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        if number > 0 {
            return call;
        }
        call.map(|mut answer| {
            let output = answer.result.as_mut().ok();
            let messages = output.and_then(|output| output.messages.as_mut());
            if let Some(second) = messages.and_then(|messages| messages.get_mut(1)) {
                second.body = Some("another".into());
            }
            answer
        })
        .boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn messages_behind_a_damaged_one_keep_their_order() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let api = Meddled::new(&world.client, SecondChanged);
    let queues = world.builder_over(api).build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    send_numbers(&queue, 5).await?;
    for n in 1..=5 {
        let mut received = Vec::new();
        while received.is_empty() {
            received = queue.receive().await?;
        }
        assert_eq!(number(&received[0]), n);
        queue.delete(handle(&received[0])).await?;
    }
    assert_eq!(queues.stats().corrupted, 1);
    Ok(())
}

/// Receivers handle messages of several groups in random ways. A receiver must not get a message while an earlier
/// message of its group is not deleted, unless it receives both together.
async fn every_group_keeps_its_order(seed: u64) -> TestResult {
    const GROUPS: usize = 5;
    const LENGTH: usize = 15;
    let world = World::new();
    let host = world.host("h.fifo").await;
    let latency = local_sqs::Latency::aws_call();
    world
        .local
        .set_behaviour(Behaviour::default().latency(latency));
    let queues = world.builder().queue_capacity(20).build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let random = Random::seeded(seed);
    let deleted: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let send = async {
        for n in 1..=LENGTH {
            for group in 0..GROUPS {
                let message = OutgoingMessage::new(n.to_string());
                queue.send(message.group(group.to_string())).await.unwrap();
            }
        }
    };
    let work = async || {
        while deleted.lock().unwrap().values().sum::<usize>() < GROUPS * LENGTH {
            let max = 1 + random.bits64() as usize % 3;
            let receive = queue.receive().max(max);
            let received = receive.wait(SECOND * (random.bits64() % 3) as u32);
            let received = received.visibility(SECOND * (5 + random.bits64() % 10) as u32);
            let mut expected: BTreeMap<String, usize> = BTreeMap::new();
            let received = received.await.unwrap();
            for message in &received {
                let group = &message.attributes().unwrap()[&Name::MessageGroupId];
                let done = deleted.lock().unwrap().get(group).copied();
                let next = expected
                    .entry(group.clone())
                    .or_insert(done.unwrap_or(0) + 1);
                assert_eq!(number(message), *next, "group {group}, seed {seed}");
                *next += 1;
            }
            for message in &received {
                let group = &message.attributes().unwrap()[&Name::MessageGroupId];
                pass(Duration::from_millis(random.bits64() % 300)).await;
                match random.bits64() % 10 {
                    0 => pass(3 * SECOND).await,
                    1 => drop(
                        queue
                            .change_visibility(handle(message), Duration::ZERO)
                            .await,
                    ),
                    2 => drop(queue.change_visibility(handle(message), 20 * SECOND).await),
                    _ => {
                        // Deleted only after the earlier messages, so that the count identifies the next message.
                        let done = deleted.lock().unwrap().get(group).copied().unwrap_or(0);
                        if number(message) != done + 1 {
                            continue;
                        }
                        // The answer may come after the next message.
                        deleted.lock().unwrap().insert(group.clone(), done + 1);
                        if queue.delete(handle(message)).await.is_err() {
                            deleted.lock().unwrap().insert(group.clone(), done);
                        }
                    }
                }
            }
        }
    };
    tokio::join!(send, work(), work(), work(), work());
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_group_keeps_its_order_under_random_operations() -> TestResult {
    for seed in 0..5 {
        every_group_keeps_its_order(seed).await?;
    }
    Ok(())
}
