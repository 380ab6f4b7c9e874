//! Virtual queues with handlers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_virtual_queues::{CreateQueue, HandlerLimits, QueueError, VirtualQueue, VirtualQueues};
use tokio::sync::mpsc;

use crate::support::{TestResult, World, pass, until};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_handled_message_is_deleted_and_a_failed_one_redelivered() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    for body in ["fine", "fails once", "panics once"] {
        queue.send(body).await?;
    }
    let (seen, mut handled) = mpsc::unbounded_channel();
    let again = AtomicUsize::new(0);
    let handling = queue.for_each(1, async |message| {
        let body = message.body.unwrap_or_default();
        seen.send(body.clone()).map_err(drop)?;
        let failures = again.load(Ordering::Relaxed);
        match body.as_str() {
            "fails once" if failures & 1 == 0 => {
                again.fetch_or(1, Ordering::Relaxed);
                Err(())
            }
            "panics once" if failures & 2 == 0 => {
                again.fetch_or(2, Ordering::Relaxed);
                panic!("on purpose")
            }
            _ => Ok(()),
        }
    });
    let close = async {
        for _ in 0..5 {
            handled.recv().await;
        }
        pass(Duration::from_secs(1)).await;
        queue.delete_queue()
    };
    let (ended, closed) = tokio::join!(handling, close);
    closed?;
    assert!(matches!(ended, QueueError::DoesNotExist(_)));
    let stats = queues.stats();
    assert_eq!((stats.handler_errors, stats.panics), (1, 1));
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn slow_handlers_do_not_stop_other_queues_below_the_limit() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let slow = queues.create(&host, CreateQueue::named("slow"))?;
    let quick = queues.create(&host, CreateQueue::named("quick"))?;
    for n in 0..5 {
        slow.send(n.to_string()).await?;
    }
    let running = AtomicUsize::new(0);
    let stuck = slow.for_each(3, async |_| {
        running.fetch_add(1, Ordering::Relaxed);
        pass(HOUR).await;
        Err::<(), ()>(())
    });
    let (seen, mut handled) = mpsc::unbounded_channel();
    let moving = quick.for_each(1, async |message| seen.send(message.body));
    let drive = async {
        until("three are stuck", || running.load(Ordering::Relaxed) == 3).await;
        for _ in 0..10 {
            quick.send("x").await?;
            handled.recv().await;
        }
        Ok::<_, QueueError>(())
    };
    tokio::select! {
        biased;
        result = drive => result?,
        _ = stuck => panic!("the queue is there"),
        _ = moving => panic!("the queue is there"),
    }
    assert_eq!(running.load(Ordering::Relaxed), 3, "the limit is reached");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fifo_host_keeps_the_order_for_any_limit() -> TestResult {
    let world = World::new();
    let host = world.host("h.fifo").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    let sent: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    for result in queue.send_all(sent.clone()).await {
        result?;
    }
    let (seen, mut handled) = mpsc::unbounded_channel();
    let handling = queue.for_each(10, async |message| {
        let body = message.body.unwrap_or_default();
        // Earlier messages take longer.
        let n = body.parse().unwrap_or(0);
        pass(Duration::from_millis(100 - 10 * n)).await;
        seen.send(body)
    });
    let collect = async {
        let mut bodies = Vec::new();
        while bodies.len() < sent.len() {
            bodies.extend(handled.recv().await);
        }
        bodies
    };
    tokio::select! {
        bodies = collect => assert_eq!(bodies, sent),
        _ = handling => panic!("the queue is there"),
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn handling_can_be_spawned() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    let (seen, mut handled) = mpsc::unbounded_channel();
    let handling = tokio::spawn({
        let queue = queue.clone();
        async move { queue.for_each(2, async |it| seen.send(it.body)).await }
    });
    queue.send("x").await?;
    assert_eq!(handled.recv().await.flatten().as_deref(), Some("x"));
    queue.delete_queue()?;
    assert!(matches!(handling.await?, QueueError::DoesNotExist(_)));
    Ok(())
}

/// Handles all messages with a function that sends the queue's name and the body, after `work`.
async fn tell_all<W: Future<Output = ()>>(
    queues: &VirtualQueues,
    limits: HandlerLimits,
    tell: &mpsc::UnboundedSender<(String, String)>,
    work: impl Fn(&str) -> W,
) -> QueueError {
    let handler = |queue: VirtualQueue, message: Message| {
        let name = queue.url().name().to_string();
        let work = work(&name);
        async move {
            work.await;
            tell.send((name, message.body.unwrap_or_default()))
        }
    };
    queues.for_each(limits, handler).await
}

fn no_work(_: &str) -> std::future::Ready<()> {
    std::future::ready(())
}

#[tokio::test(start_paused = true)]
async fn one_handler_serves_all_current_and_later_queues() -> TestResult {
    let world = World::new();
    let (first, second) = (world.host("first").await, world.host("second").await);
    let queues = world.queues();
    let (tell, mut told) = mpsc::unbounded_channel();
    let early = queues.create(&first, CreateQueue::named("early"))?;
    early.send("1").await?;
    let work = async {
        // A handler without messages polls forever, so each wait for a message has a timeout.
        let mut next = async || tokio::time::timeout(HOUR, told.recv()).await.ok().flatten();
        assert_eq!(next().await, Some(("early".into(), "1".into())));
        for (host, name) in [(&first, "later"), (&second, "elsewhere")] {
            let queue = queues.create(host, CreateQueue::named(name))?;
            pass(Duration::from_secs(1)).await;
            queue.send("2").await?;
            assert_eq!(next().await, Some((name.into(), "2".into())));
        }
        early.send("3").await?;
        assert_eq!(next().await, Some(("early".into(), "3".into())));
        let second = queues
            .for_each(HandlerLimits::default(), async |_, _| Ok::<_, ()>(()))
            .await;
        assert!(matches!(second, QueueError::Handled));
        pass(Duration::from_secs(1)).await;
        assert_eq!(world.messages_on(&first).await, 0);
        queues.shutdown(Duration::from_secs(30)).await;
        Ok::<_, QueueError>(())
    };
    let limits = HandlerLimits::default();
    let (ended, worked) = tokio::join!(tell_all(&queues, limits, &tell, no_work), work);
    worked?;
    assert!(matches!(ended, QueueError::Closed));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_slow_queue_uses_only_its_share_of_the_handlers() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let slow = queues.create(&host, CreateQueue::named("slow"))?;
    for n in 0..5 {
        slow.send(n.to_string()).await?;
    }
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut limits = HandlerLimits::default();
    (limits.per_queue, limits.per_host) = (2, 3);
    let started = AtomicUsize::new(0);
    let work = |name: &str| {
        let slow = name == "slow";
        started.fetch_add(usize::from(slow), Ordering::Relaxed);
        async move {
            if slow {
                pass(HOUR).await;
            }
        }
    };
    let handling = tell_all(&queues, limits, &tell, work);
    let drive = async {
        until("two are stuck", || started.load(Ordering::Relaxed) == 2).await;
        for n in 0..20 {
            let quick = queues.create(&host, CreateQueue::named(format!("quick-{n}")))?;
            quick.send("x").await?;
            assert_eq!(told.recv().await, Some((format!("quick-{n}"), "x".into())));
        }
        assert_eq!(started.load(Ordering::Relaxed), 2, "the limit is reached");
        Ok::<_, QueueError>(())
    };
    tokio::select! {
        biased;
        result = drive => result?,
        ended = handling => return Err(ended.into()),
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receive_takes_precedence_over_the_handler() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    queues.host(&host)?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let limits = HandlerLimits::default();
    let handling = tell_all(&queues, limits, &tell, no_work);
    let drive = async {
        pass(HOUR).await;
        assert_eq!(
            world.calls("ReceiveMessage"),
            0,
            "there is no virtual queue"
        );
        let queue = queues.create(&host, CreateQueue::named("q"))?;
        let send = async {
            pass(Duration::from_secs(1)).await;
            queue.send("x").await
        };
        let (received, sent) = tokio::join!(queue.receive().send(), send);
        sent?;
        assert_eq!(received?.len(), 1);
        queue.send("y").await?;
        assert_eq!(told.recv().await, Some(("q".into(), "y".into())));
        Ok::<_, QueueError>(())
    };
    tokio::select! {
        biased;
        result = drive => result?,
        ended = handling => return Err(ended.into()),
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_being_handled_are_extended_together() -> TestResult {
    const MESSAGES: usize = 8;
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    for result in queue.send_all((0..MESSAGES).map(|n| n.to_string())).await {
        result?;
    }
    let (handled, mut seen) = mpsc::unbounded_channel();
    let handling = queue.for_each(MESSAGES, async |message| {
        // The visibility timeout is 30 s.
        pass(Duration::from_secs(200)).await;
        handled.send(message.body)
    });
    let drive = async {
        for _ in 0..MESSAGES {
            seen.recv().await;
        }
        pass(HOUR).await;
        assert!(seen.try_recv().is_err(), "each was handled once");
        queue.delete_queue()
    };
    let (_, done) = tokio::join!(handling, drive);
    done?;
    assert_eq!(world.messages_on(&host).await, 0);
    let extensions = world.calls("ChangeMessageVisibilityBatch");
    assert!(
        (6..=20).contains(&extensions),
        "{extensions} calls for {MESSAGES} x 19 extensions"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_buffered_for_long_is_extended_when_taken() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let other = queues.create(&host, CreateQueue::named("other"))?;
    queue.send("x").await?;
    let poll = other.receive().wait(Duration::from_secs(1));
    assert!(poll.await?.is_empty());
    assert_eq!(queue.buffered(), Some(1));
    pass(Duration::from_secs(11)).await;
    let first = queue.receive().await?;
    let taken = tokio::time::Instant::now();
    let mut again = Vec::new();
    while again.is_empty() {
        again = queue.receive().await?;
    }
    assert_eq!(again[0].message_id(), first[0].message_id());
    // 18 s of the 30 s were left, and the next extension was due soon.
    assert_eq!(taken.elapsed().as_secs(), 30);
    Ok(())
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop, on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panicking_orphan_hook_stops_nothing() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let builder = world
        .builder()
        .orphan_age(Duration::ZERO)
        .on_orphan(|_, message| {
            let _number: u32 = message.body().unwrap().parse().unwrap();
        });
    let queues = builder.build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let send = world.client.send_message().queue_url(host.as_str());
    send.message_body("no number").send().await?;
    assert!(queue.receive().await?.is_empty());
    queue.send("x").await?;
    assert_eq!(queue.receive().await?.len(), 1);
    let stats = queues.stats();
    assert_eq!((stats.panics, stats.orphans), (1, 1));
    assert_eq!(world.messages_on(&host).await, 1, "the orphan is deleted");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_in_drop_stops_no_other() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    for body in ["bomb", "fine", "fine"] {
        queue.send(body).await?;
    }
    let bombs = AtomicUsize::new(0);
    let (seen, mut handled) = mpsc::unbounded_channel();
    let handler = |message: Message| {
        let first = message.body() == Some("bomb") && bombs.fetch_add(1, Ordering::Relaxed) == 0;
        // A future that is called and dropped in the middle, and a future that ends.
        let bomb = first.then(|| Bomb);
        let seen = &seen;
        async move {
            pass(Duration::from_millis(10)).await;
            drop(bomb);
            seen.send(message.body)
        }
    };
    let collect = async {
        let mut bodies = Vec::new();
        while bodies.len() < 3 {
            bodies.extend(handled.recv().await.flatten());
        }
        bodies
    };
    tokio::select! {
        biased;
        bodies = collect => assert_eq!(bodies, ["fine", "fine", "bomb"]),
        _ = queue.for_each(2, handler) => panic!("the queue is there"),
    }
    assert_eq!(queues.stats().panics, 1);

    // Dropped while it waits: the panic is contained.
    queue.send("waits").await?;
    let waiting = queue.for_each(1, async |_| {
        let _bomb = Bomb;
        pass(HOUR).await;
        Ok::<_, ()>(())
    });
    assert!(
        tokio::time::timeout(Duration::from_secs(1), waiting)
            .await
            .is_err()
    );
    assert_eq!(queues.stats().panics, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_error_that_panics_in_drop_stops_no_handler() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    queue.send("x").await?;
    queue.send("y").await?;
    let calls = AtomicUsize::new(0);
    let handling = queues.for_each(HandlerLimits::default(), async |_, _| {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            Err(Bomb)
        } else {
            Ok(())
        }
    });
    let all = until("all are handled", || {
        queues.stats().panics == 1 && calls.load(Ordering::Relaxed) == 3
    });
    tokio::select! {
        biased;
        () = all => {}
        _ = handling => panic!("the shutdown was not called"),
    }
    Ok(())
}
