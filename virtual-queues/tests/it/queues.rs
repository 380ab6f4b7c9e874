//! Virtual queues behave like SQS queues.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqs_virtual_queues::{CreateQueue, OutgoingMessage, QueueError};

use crate::support::{NoChanges, TestResult, World, pass, until};

#[tokio::test(start_paused = true)]
async fn a_sent_message_is_received_and_deleted() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    let sent = queue.send("hello").await?;
    let received = queue.receive().await?;
    assert_eq!(received[0].message_id(), Some(sent.message_id()));
    queue.delete(received[0].receipt_handle().unwrap()).await?;
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_undeleted_message_is_redelivered() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    queue.send("hello").await?;
    let first = queue.receive().await?;
    let start = tokio::time::Instant::now();
    let mut again = Vec::new();
    while again.is_empty() {
        again = queue.receive().await?;
    }
    assert_eq!(again[0].message_id(), first[0].message_id());
    assert_eq!(
        start.elapsed().as_secs(),
        30,
        "after the visibility timeout"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_redelivered_buffered_message_is_received_once() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.builder_over(NoChanges::new(&world.client)).build()?;
    let (idle, busy) = (
        queues.create(&host, CreateQueue::named("idle"))?,
        queues.create(&host, CreateQueue::named("busy"))?,
    );
    world.send(idle.url(), "waits").await;
    assert!(busy.receive().await?.is_empty());
    assert_eq!(idle.buffered(), Some(1));
    pass(Duration::from_secs(40)).await;
    assert_eq!(
        (idle.buffered(), queues.stats().buffer_expired),
        (Some(0), 1)
    );
    let received = idle.receive().max(10).await?;
    assert_eq!(received.len(), 1);
    idle.delete(received[0].receipt_handle().unwrap()).await?;
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_same_name_on_two_hosts_is_two_queues() -> TestResult {
    let world = World::new();
    let hosts = [world.host("a").await, world.host("b").await];
    let queues = world.queues();
    let [a, b] = hosts
        .each_ref()
        .map(|host| queues.create(host, CreateQueue::named("q")).unwrap());
    a.send("for a").await?;
    b.send("for b").await?;
    assert_eq!(a.receive().await?[0].body(), Some("for a"));
    assert_eq!(b.receive().await?[0].body(), Some("for b"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_passed_to_the_hook_and_deleted() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&seen);
    let queues = world
        .builder()
        .orphan_age(Duration::ZERO)
        .on_orphan(move |name, message| {
            hook.lock().unwrap().push((
                name.map(ToString::to_string),
                message.body().map(str::to_owned),
            ));
        })
        .build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let gone = queues.create(&host, CreateQueue::named("gone"))?;
    gone.send("nobody's").await?;
    gone.delete_queue()?;
    world
        .client
        .send_message()
        .queue_url(host.as_str())
        .message_body("nameless")
        .send()
        .await?;
    assert!(queue.receive().await?.is_empty());
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.sort();
    assert_eq!(
        seen,
        [
            (None, Some("nameless".into())),
            (Some("gone".into()), Some("nobody's".into()))
        ]
    );
    assert_eq!(queues.stats().orphans, 2);
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_put_back_together_are_not_redelivered_together() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.builder().queue_capacity(1).build()?;
    let queue = queues.create(&host, CreateQueue::named("small"))?;
    for n in 0..10 {
        world.send(queue.url(), &n.to_string()).await;
    }
    let begun = queues.sqs().clock().now();
    let mut bodies = std::collections::BTreeSet::new();
    while bodies.len() < 10 {
        for message in queue.receive().await? {
            bodies.insert(message.body().unwrap().to_owned());
            queue.delete(message.receipt_handle().unwrap()).await?;
        }
    }
    let took = queues.sqs().clock().now().since(begun);
    // In step, one message would be received each time, after 2, 4, 8 .. 256 and 300 s.
    assert!(took < Duration::from_secs(150), "{took:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_does_not_delay_other_queues() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.builder().queue_capacity(2).build()?;
    let (full, other) = (
        queues.create(&host, CreateQueue::named("full"))?,
        queues.create(&host, CreateQueue::named("other"))?,
    );
    for n in 0..30 {
        world.send(full.url(), &n.to_string()).await;
    }
    world.send(other.url(), "through").await;
    let through = other.receive().await?;
    assert_eq!(through[0].body(), Some("through"));
    other.delete(through[0].receipt_handle().unwrap()).await?;
    assert_eq!(full.buffered(), Some(2));
    assert!(queues.stats().put_back >= 8);
    let mut bodies = std::collections::BTreeSet::new();
    while bodies.len() < 30 {
        for message in full.receive().max(10).await? {
            bodies.insert(message.body().unwrap().to_owned());
            full.delete(message.receipt_handle().unwrap()).await?;
        }
    }
    assert_eq!(world.messages_on(&host).await, 0, "nothing was lost");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unused_queue_expires() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let minute = Duration::from_secs(60);
    let queue = queues.create(&host, CreateQueue::random().idle_retention(minute))?;
    pass(minute - Duration::from_secs(1)).await;
    queue.send("still there").await?;
    pass(minute - Duration::from_secs(1)).await;
    assert_eq!(queue.receive().await?.len(), 1);
    pass(minute).await;
    until("the queue expires", || queues.stats().queues_expired == 1).await;
    assert!(
        matches!(queue.receive().await, Err(QueueError::DoesNotExist(url)) if url == *queue.url())
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dropped_receive_loses_nothing() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    for round in 0..50 {
        // Dropped at increasingly late moments around the arrival of the message.
        let receive = queue.receive().max(10).send();
        let send = async {
            pass(Duration::from_millis(5)).await;
            world.send(queue.url(), &round.to_string()).await;
            futures::future::pending::<()>().await;
        };
        let limited = tokio::time::timeout(Duration::from_micros(4_000 + round * 50), async {
            tokio::select! { biased; received = receive => Some(received), () = send => None }
        });
        let mut bodies = Vec::new();
        match limited.await {
            Ok(received) => bodies.extend(received.unwrap()?),
            Err(_) => {
                if world.messages_on(&host).await == 0 {
                    world.send(queue.url(), &round.to_string()).await;
                }
                bodies.extend(queue.receive().max(10).await?);
            }
        }
        assert_eq!(
            bodies
                .iter()
                .map(|message| message.body().unwrap())
                .collect::<Vec<_>>(),
            [round.to_string()]
        );
        queue.delete(bodies[0].receipt_handle().unwrap()).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_purge_deletes_buffered_messages() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let (queue, other) = (
        queues.create(&host, CreateQueue::named("q"))?,
        queues.create(&host, CreateQueue::named("o"))?,
    );
    for _ in 0..3 {
        world.send(queue.url(), "x").await;
    }
    assert!(other.receive().await?.is_empty());
    assert_eq!(queue.purge()?, 3);
    pass(Duration::from_secs(1)).await;
    assert_eq!(
        (queue.buffered(), world.messages_on(&host).await),
        (Some(0), 0)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bad_input_is_refused_before_any_call() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let before = world.local.calls();
    let refused = |error: QueueError| format!("{error}");
    assert!(refused(queues.create(&host, CreateQueue::named("a b")).unwrap_err()).contains("a b"));
    let retention = CreateQueue::random().idle_retention(Duration::from_millis(999));
    assert_eq!(
        refused(queues.create(&host, retention).unwrap_err()),
        "idle retention is 0.999 s; allowed is 1 s and more"
    );
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    assert_eq!(
        refused(queue.receive().max(11).await.unwrap_err()),
        "max is 11; allowed is 1 to 10"
    );
    assert_eq!(
        refused(queue.receive().max(0).await.unwrap_err()),
        "max is 0; allowed is 1 to 10"
    );
    let long = queue
        .receive()
        .wait(Duration::from_secs(21))
        .await
        .unwrap_err();
    assert_eq!(refused(long), "wait is 21 s; allowed is 0 to 20 s");
    assert!(matches!(
        queue.send("").await,
        Err(QueueError::InvalidMessage(_))
    ));
    let error = world.builder().queue_capacity(0).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "queue_capacity is 0: 1 and more is allowed"
    );
    let error = world
        .builder()
        .visibility(Duration::from_secs(43_201))
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "visibility is 43201s: 1s to 43200s is allowed"
    );
    assert_eq!(world.local.calls().since(&before).total(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn with_fair_queues_each_virtual_queue_is_a_tenant() -> TestResult {
    use aws_sdk_sqs::types::MessageSystemAttributeName as Name;
    let world = World::new();
    let host = world.host("host").await;
    for (fair, own, expected) in [
        (true, None, Some("q")),
        (true, Some("mine"), Some("mine")),
        (false, None, None),
    ] {
        let queues = world.builder().fair_queues(fair).build()?;
        let queue = queues.create(&host, CreateQueue::named("q"))?;
        let message = OutgoingMessage::new("b");
        queue
            .send(match own {
                Some(group) => message.group(group),
                None => message,
            })
            .await?;
        // As the host's own fair queue sees it.
        let receive = world.client.receive_message().queue_url(host.as_str());
        let receive = receive.message_system_attribute_names(Name::MessageGroupId);
        let received = receive.send().await?.messages.unwrap_or_default().remove(0);
        let group = received
            .attributes()
            .and_then(|all| all.get(&Name::MessageGroupId));
        assert_eq!(group.map(String::as_str), expected);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_host_has_one_driver_for_all_spellings() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let (_, path) = host.as_str().rsplit_once(".com/").unwrap();
    let spellings = [
        format!("https://queue.amazonaws.com/{path}"),
        format!("https://sqs.us-east-1.api.aws/{path}"),
        format!("https://sqs-fips.us-east-1.amazonaws.com:443/{path}"),
        format!("http://sqs.internal.example:1/{path}"),
    ];
    let one = queues.create(&host, CreateQueue::named("one"))?;
    for (number, spelling) in spellings.iter().enumerate() {
        let name = format!("q{number}");
        let queue = queues.create(&spelling.parse()?, CreateQueue::named(name.as_str()))?;
        queue.send("hello").await?;
        let wait = Duration::from_secs(2);
        let (_, received) = tokio::join!(one.receive().wait(wait), queue.receive().wait(wait));
        let received = received?;
        assert_eq!(received.len(), 1, "{spelling}");
        queue.delete(received[0].receipt_handle().unwrap()).await?;
        let found = queues.find(&format!("{host}#{name}").parse()?);
        assert!(found.is_some(), "{spelling}");
    }
    assert_eq!(queues.stats().orphans, 0);
    Ok(())
}
