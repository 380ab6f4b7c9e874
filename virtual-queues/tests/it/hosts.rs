//! Hosts: the errors of a host that cannot be received from, and when a host is removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::BoxFuture;
use sqs_rpc_protocol::CorrelationId;
use sqs_rpc_transport::{Clock, Moment, Sqs, SqsApi, TimeSource};
use sqs_virtual_queues::{
    CreateQueue, HandlerLimits, PendingError, QueueError, VirtualQueue, VirtualQueues,
};

use crate::support::{Meddled, Refusing, TestResult, World, pass, until};

/// An SQS that supports no calls.
#[derive(Debug)]
struct Nothing;

impl SqsApi for Nothing {}

/// Virtual queues whose tasks are counted.
fn counted(alive: &Arc<AtomicUsize>) -> VirtualQueues {
    let alive = Arc::clone(alive);
    let sqs = Sqs::builder(Nothing).on_spawn(move |task| {
        let alive = Arc::clone(&alive);
        alive.fetch_add(1, Ordering::Relaxed);
        task.map(move |()| {
            alive.fetch_sub(1, Ordering::Relaxed);
        })
        .boxed()
    });
    VirtualQueues::builder(sqs.build()).build().unwrap()
}

fn numbered(number: usize) -> sqs_rpc_protocol::HostQueueUrl {
    let url = format!("https://sqs.eu-west-1.amazonaws.com/123456789012/h{number}");
    url.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_hosts_used_once_leave_nothing_behind() -> TestResult {
    let alive = Arc::new(AtomicUsize::new(0));
    let queues = counted(&alive);
    // One handler of all virtual queues knows all hosts, but keeps none of them.
    let handling = queues.for_each(HandlerLimits::default(), async |_, _| Ok::<_, ()>(()));
    let use_and_leave = async {
        for number in 0..10_000 {
            let queue = queues.create(&numbered(number), CreateQueue::named("q"))?;
            queue.delete_queue()?;
        }
        pass(Duration::from_millis(1)).await;
        assert_eq!(alive.load(Ordering::Relaxed), 10_000);
        pass(Duration::from_secs(61)).await;
        assert_eq!(alive.load(Ordering::Relaxed), 0);
        assert_eq!(format!("{queues:?}"), "VirtualQueues { hosts: 0, .. }");
        Ok::<_, QueueError>(())
    };
    tokio::select! {
        ended = handling => return Err(ended.into()),
        done = use_and_leave => done?,
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_host_is_kept_while_anything_uses_it() -> TestResult {
    let alive = Arc::new(AtomicUsize::new(0));
    let queues = counted(&alive);
    let with_queue = queues.create(&numbered(1), CreateQueue::named("q"))?;
    let url = with_queue.url().clone();
    drop(with_queue);
    let with_handle = queues.host(&numbered(2))?;
    queues.host(&numbered(3))?;
    pass(Duration::from_secs(3_600)).await;
    assert_eq!(alive.load(Ordering::Relaxed), 2);
    // It is the same host, even after a long idle time.
    let deadline = queues.sqs().clock().now() + Duration::from_secs(5);
    let pending = with_handle.expect_reply(CorrelationId::new(queues.process(), 1), deadline)?;
    assert!(matches!(pending.await, Err(PendingError::TimedOut)));
    queues.find(&url).ok_or("it is gone")?.delete_queue()?;
    drop(with_handle);
    // The holders of an idle host are checked once a minute.
    pass(Duration::from_secs(121)).await;
    assert_eq!(alive.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_removed_host_can_be_used_again() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let (handled, mut seen) = tokio::sync::mpsc::channel(1);
    let handling = queues.for_each(HandlerLimits::default(), |_, message| {
        let handled = handled.clone();
        async move { handled.send(message.body.unwrap_or_default()).await }
    });
    let uses = async {
        for body in ["one", "two", "three"] {
            let queue = queues.create(&host, CreateQueue::named("q"))?;
            queue.send(body).await?;
            assert_eq!(seen.recv().await.as_deref(), Some(body));
            queue.delete_queue()?;
            drop(queue);
            until("the host is removed", || {
                format!("{queues:?}") == "VirtualQueues { hosts: 0, .. }"
            })
            .await;
        }
        Ok::<_, QueueError>(())
    };
    tokio::select! {
        ended = handling => return Err(ended.into()),
        done = uses => done?,
    }
    Ok(())
}

/// A queue on a host that answers receives with this code while the switch is on.
async fn refused(
    world: &World,
    code: &'static str,
    status: u16,
) -> (VirtualQueues, VirtualQueue, Arc<AtomicBool>) {
    let host = world.host("host").await;
    let on = Arc::new(AtomicBool::new(true));
    let refusing = Refusing {
        code,
        status,
        on: Arc::clone(&on),
    };
    let queues = world
        .builder_over(Meddled::new(&world.client, refusing))
        .build()
        .unwrap();
    let queue = queues.create(&host, CreateQueue::named("q")).unwrap();
    (queues, queue, on)
}

#[tokio::test(start_paused = true)]
async fn a_receive_ends_with_the_refusal_of_its_host() -> TestResult {
    let codes = ["AccessDenied", "KMS.DisabledException", "InvalidAddress"];
    for code in codes {
        let world = World::new();
        let (queues, queue, on) = refused(&world, code, 400).await;
        let start = tokio::time::Instant::now();
        for wait in [20, 20, 0, 1, 0, 20] {
            let received = queue.receive().wait(Duration::from_secs(wait)).await;
            let Err(QueueError::Call(fault)) = received else {
                panic!("{code}, {wait} s: {received:?}");
            };
            assert_eq!(fault.code(), Some(code));
        }
        let took = start.elapsed();
        assert!(took < Duration::from_secs(60), "{code}: {took:?}");
        on.store(false, Ordering::Relaxed);
        queue.send("served again").await?;
        // The next poll may start after the first wait ends.
        let mut received = queue.receive().await.unwrap_or_default();
        if received.is_empty() {
            received = queue.receive().await?;
        }
        assert_eq!(received[0].body(), Some("served again"));
        drop(queues);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_receive_waits_during_temporary_failures_until_its_end() -> TestResult {
    let world = World::new();
    let (_queues, queue, on) = refused(&world, "RequestThrottled", 400).await;
    let start = tokio::time::Instant::now();
    let received = queue.receive().wait(Duration::from_secs(10)).await;
    assert!(matches!(received, Err(QueueError::Call(_))), "{received:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    let send = async {
        on.store(false, Ordering::Relaxed);
        queue.send("served again").await
    };
    let (received, sent) = futures::join!(queue.receive().send(), send);
    sent?;
    assert_eq!(received?[0].body(), Some("served again"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_waits_until_its_host_can_be_received_from() -> TestResult {
    let world = World::new();
    let (queues, queue, on) = refused(&world, "AccessDenied", 403).await;
    let (handled, mut seen) = tokio::sync::mpsc::channel(1);
    let handling = queue.for_each(1, |message| {
        let handled = handled.clone();
        async move { handled.send(message.body.unwrap_or_default()).await }
    });
    let repair = async {
        pass(Duration::from_secs(600)).await;
        let failed = queues.stats().polls_failed;
        assert!((10..40).contains(&failed), "{failed} polls in 600 s");
        on.store(false, Ordering::Relaxed);
        queue.send("served again").await?;
        assert_eq!(seen.recv().await.as_deref(), Some("served again"));
        Ok::<_, QueueError>(())
    };
    tokio::select! {
        ended = handling => return Err(ended.into()),
        done = repair => done?,
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_missing_host_is_confirmed_to_be_gone_first() -> TestResult {
    let world = World::new();
    let (queues, queue, on) = refused(&world, "AWS.SimpleQueueService.NonExistentQueue", 400).await;
    let host = queues.host(queue.url().host())?;
    let deadline = queues.sqs().clock().now() + Duration::from_secs(30);
    let pending = host.expect_reply(CorrelationId::new(queues.process(), 1), deadline)?;
    let reply_to = pending.url().clone();
    let appears = async {
        pass(Duration::from_secs(3)).await;
        on.store(false, Ordering::Relaxed);
        world.send(&reply_to, "reply").await;
        queue.send("message").await
    };
    let (received, sent) = futures::join!(queue.receive().send(), appears);
    sent?;
    assert_eq!(received?[0].body(), Some("message"));
    assert_eq!(pending.await?.body(), Some("reply"));
    assert_eq!(queues.stats().hosts_lost, 0);
    Ok(())
}

/// A Tokio clock that counts its calls.
#[derive(Debug)]
struct Asked(Clock, Arc<AtomicUsize>);

impl TimeSource for Asked {
    fn now(&self) -> Moment {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.now()
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at)
    }
}

#[tokio::test(start_paused = true)]
async fn a_driver_sleeps_when_crowded_and_when_stopping() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let asked = Arc::new(AtomicUsize::new(0));
    let clock = Clock::from_source(Asked(world.clock.clone(), Arc::clone(&asked)));
    let sqs = Sqs::builder(sqs_rpc_transport::ClientApi::new(&world.client));
    let queues = VirtualQueues::builder(sqs.clock(clock).build())
        .queue_capacity(1)
        .end_idle_polls(false)
        .build()?;
    let full = queues.create(&url, CreateQueue::named("full"))?;
    let other = queues.create(&url, CreateQueue::named("other"))?;
    for n in 0..10 {
        world.send(full.url(), &n.to_string()).await;
    }
    let receive = other.receive().send();
    drop(tokio::time::timeout(Duration::from_secs(10), receive).await);
    // Each turn calls the clock once, and so do its calls and messages. A driver that spins calls it millions of
    // times.
    let crowded = asked.swap(0, Ordering::Relaxed);
    assert!(crowded < 2_000, "{crowded} in 10 s");
    queues.shutdown(Duration::from_secs(30)).await;
    let stopping = asked.load(Ordering::Relaxed);
    assert!(stopping < 100, "{stopping} while a poll was in flight");
    Ok(())
}
