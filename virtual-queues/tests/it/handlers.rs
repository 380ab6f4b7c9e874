//! A virtual queue with a handler.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqs_virtual_queues::{CreateQueue, QueueError};
use tokio::sync::mpsc;

use crate::support::{TestResult, World, pass, until};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_handled_message_is_deleted_and_a_failed_one_comes_again() -> TestResult {
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
async fn slow_handlers_stop_neither_other_queues_nor_each_other_below_the_limit() -> TestResult {
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
    assert_eq!(running.load(Ordering::Relaxed), 3, "the limit");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fifo_host_keeps_the_order_whatever_the_limit() -> TestResult {
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
        // The earlier, the slower.
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
