//! Temporary queues: the creation, the renewal and the deletion of hosts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::QueueAttributeName;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use local_sqs::Behaviour;
use local_sqs::engine::Action as LocalAction;
use sqs_rpc_transport::{Action, ClientApi, Clock, Moment, Random, Sqs, TimeSource};
use sqs_temporary_queues::{
    CreateTemporary, TemporaryError, TemporaryQueues, TemporaryQueuesBuilder,
};
use sqs_virtual_queues::{QueueError, VirtualQueues};

use crate::support::{TestResult, World, pass, until};

const MINUTE: Duration = Duration::from_secs(60);

fn builder(world: &World) -> TemporaryQueuesBuilder {
    TemporaryQueues::builder(&world.queues())
}

fn temporary(world: &World) -> TemporaryQueues {
    builder(world).build().expect("the defaults are valid")
}

/// The queues that exist in SQS.
async fn hosts(world: &World) -> Vec<String> {
    let listed = world.client.list_queues().send().await.expect("listed");
    listed.queue_urls.unwrap_or_default()
}

fn tagging_fails(world: &World) {
    let only = Behaviour::default()
        .throttled(1.0)
        .only([LocalAction::TagQueue]);
    world.local.set_behaviour(only);
}

#[tokio::test(start_paused = true)]
async fn queues_with_the_same_attributes_share_a_host() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let a = temporary.create("a").await?;
    let b = temporary.create("b").await?;
    let slow = || CreateTemporary::random().attribute(QueueAttributeName::DelaySeconds, "3");
    let (c, d) = (
        temporary.create(slow()).await?,
        temporary.create(slow()).await?,
    );
    assert_eq!(a.url().host(), b.url().host());
    assert_eq!(c.url().host(), d.url().host());
    assert_ne!(a.url().host(), c.url().host());
    assert_eq!(hosts(&world).await.len(), 2);
    assert_eq!(
        temporary.create("a").await?.url(),
        a.url(),
        "the same name is the same queue"
    );
    let other = CreateTemporary::named("a").attribute(QueueAttributeName::DelaySeconds, "3");
    assert!(
        matches!(temporary.create(other).await, Err(TemporaryError::Exists(name)) if name == "a")
    );

    a.send("hello").await?;
    assert_eq!(a.receive().wait(MINUTE / 3).await?[0].body(), Some("hello"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invalid_attribute_is_refused_by_name_before_any_call() {
    let world = World::new();
    let temporary = temporary(&world);
    let odd = CreateTemporary::named("a").attribute(QueueAttributeName::RedrivePolicy, "{}");
    let error = temporary.create(odd).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("attribute RedrivePolicy cannot be set"),
        "{error}"
    );
    assert_eq!(world.local.calls().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_host_has_its_attributes_tags_and_lease() -> TestResult {
    let world = World::new();
    let temporary = builder(&world)
        .prefix("front-")
        .tag("team", "identity")
        .message_retention(5 * MINUTE)
        .build()?;
    temporary.ready().await?;
    let url = temporary.current_host().expect("there is one");
    assert!(url.queue_name().starts_with("front-"));
    assert_eq!(
        world.calls("TagQueue"),
        0,
        "no call after the creation is needed"
    );
    let tags = world
        .client
        .list_queue_tags()
        .queue_url(url.as_str())
        .send()
        .await?;
    let tags = tags.tags().expect("some");
    assert_eq!(tags["team"], "identity");
    assert!(tags["SqsRpcLease"].starts_with("1:s17900000"), "{tags:?}");
    assert!(tags["SqsRpcLease"].ends_with(":300:w"), "{tags:?}");
    assert_eq!(tags["__IdleQueueRetentionPeriodSeconds"], "300");
    let all = world.client.get_queue_attributes().queue_url(url.as_str());
    let all = all.attribute_names(QueueAttributeName::All).send().await?;
    let all = all.attributes().expect("some");
    assert_eq!(all[&QueueAttributeName::SqsManagedSseEnabled], "true");
    assert_eq!(all[&QueueAttributeName::MessageRetentionPeriod], "300");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_gets_a_fifo_host() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let fifo = CreateTemporary::random().attribute(QueueAttributeName::FifoQueue, "true");
    let queue = temporary.create(fifo).await?;
    assert!(queue.url().host().is_fifo());
    queue.send("hello").await?;
    assert_eq!(
        queue.receive().wait(MINUTE / 3).await?[0].body(),
        Some("hello")
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_idle_host_is_deleted_and_all_calls_end() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let queue = temporary.create("a").await?;
    let first = queue.url().host().clone();
    pass(60 * MINUTE).await;
    assert_eq!(
        temporary.hosts(),
        std::slice::from_ref(&first),
        "a host with a queue is not idle"
    );
    queue.delete_queue()?;
    pass(20 * MINUTE).await;
    assert!(temporary.hosts().is_empty() && temporary.current_host().is_none());
    let stats = temporary.queues().stats();
    assert_eq!((stats.hosts_made, stats.hosts_idle), (1, 1));
    let before = world.local.calls().total();
    pass(24 * 60 * MINUTE).await;
    assert_eq!(
        world.local.calls().total(),
        before,
        "an idle process costs nothing"
    );

    let second = temporary.create("a").await?;
    assert_ne!(second.url().host(), &first, "names are never used again");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_the_hosts_of_dead_processes_are_deleted() -> TestResult {
    let world = World::new();
    let survivor = temporary(&world);
    let kept = survivor.create("kept").await?;
    let dead: Vec<_> = (0..20).map(|_| temporary(&world)).collect();
    for process in &dead {
        process.create("a").await?.send("an orphan").await?;
    }
    let foreign = [
        "sqs-rpc-orders",
        "sqs-rpc-0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a-0",
    ];
    for name in foreign {
        world.client.create_queue().queue_name(name).send().await?;
    }
    pass(10 * MINUTE).await;
    assert_eq!(hosts(&world).await.len(), 23, "all processes are alive");
    drop(dead);
    // R + 180 s + 1.2 P.
    pass(14 * MINUTE).await;
    let mut left = hosts(&world).await;
    left.retain(|url| !foreign.iter().any(|name| url.ends_with(name)));
    assert_eq!(left, [kept.url().host().as_str()]);
    assert_eq!(survivor.queues().stats().hosts_swept, 20);
    assert_eq!(hosts(&world).await.len(), 3);
    kept.send("still there").await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn throttled_tagging_moves_new_queues_to_a_new_host() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let old = temporary.create("old").await?;
    pass(5 * MINUTE).await;
    tagging_fails(&world);
    pass(3 * MINUTE).await;
    // More than half of the lease has passed, but it has not expired.
    let first = temporary.create("b").await?;
    until("another host is ready", || temporary.hosts().len() == 2).await;
    pass(Duration::from_secs(2)).await;
    let second = temporary.create("c").await?;
    assert_eq!(
        first.url().host(),
        old.url().host(),
        "the old host is used until the new one is ready"
    );
    assert_ne!(second.url().host(), old.url().host());
    old.send("it still works").await?;

    pass(2 * MINUTE).await;
    assert!(matches!(
        old.send("too late").await,
        Err(QueueError::DoesNotExist(_))
    ));
    let stats = temporary.queues().stats();
    assert!(
        stats.hosts_given_up == 1 && stats.retention_grown > 0,
        "{stats:?}"
    );
    assert!(
        !hosts(&world).await.contains(&old.url().host().to_string()),
        "its owner deletes it"
    );

    world.local.set_behaviour(Behaviour::default());
    pass(60 * MINUTE).await;
    second.send("renewed again").await?;
    let tags = world
        .client
        .list_queue_tags()
        .queue_url(second.url().host().as_str())
        .send()
        .await?;
    let lease = &tags.tags().expect("some")["SqsRpcLease"];
    assert!(
        lease.contains(":600:") || lease.contains(":1200:"),
        "{lease}"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deleted_host_is_noticed_by_its_renewal_and_replaced() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let queue = temporary.create("a").await?;
    pass(MINUTE).await;
    let host = queue.url().host().clone();
    world
        .client
        .delete_queue()
        .queue_url(host.as_str())
        .send()
        .await?;
    pass(2 * MINUTE).await;
    assert!(matches!(
        queue.send("x").await,
        Err(QueueError::DoesNotExist(_))
    ));
    assert_eq!(temporary.queues().stats().hosts_lost, 1);
    let again = temporary.create("a").await?;
    assert_ne!(again.url().host(), &host);
    again.send("x").await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_deletes_all_hosts_and_refuses_new_queues() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let queue = temporary.create("a").await?;
    let slow = CreateTemporary::random().attribute(QueueAttributeName::DelaySeconds, "3");
    temporary.create(slow).await?;
    let report = temporary.shutdown(MINUTE).await;
    assert!(report.is_clean(), "{report:?}");
    assert!(hosts(&world).await.is_empty());
    assert!(queue.send("x").await.is_err());
    assert!(matches!(
        temporary.create("b").await,
        Err(TemporaryError::Closed)
    ));
    let odd = CreateTemporary::random().attribute(QueueAttributeName::DelaySeconds, "4");
    assert!(matches!(
        temporary.create(odd).await,
        Err(TemporaryError::Closed)
    ));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_in_time_even_if_deletes_fail() -> TestResult {
    let world = World::new();
    let (other, temporary) = (temporary(&world), temporary(&world));
    other.create("kept").await?;
    temporary.create("a").await?;
    pass(MINUTE).await;
    // Only deletes fail. If renewals failed, too, the other process would give up its host.
    let down = Behaviour::default().unavailable(1.0);
    world
        .local
        .set_behaviour(down.only([local_sqs::engine::Action::DeleteQueue]));
    let start = world.clock.now();
    let report = temporary.shutdown(Duration::from_secs(5)).await;
    assert!(world.clock.now().since(start) <= Duration::from_secs(5));
    assert_eq!(report.left_behind.len(), 1, "{report:?}");
    world.local.set_behaviour(Behaviour::default());
    pass(15 * MINUTE).await;
    assert_eq!(hosts(&world).await.len(), 1);
    Ok(())
}

/// Applies the behavior to one action only.
fn only(world: &World, behaviour: Behaviour, action: LocalAction) {
    world.local.set_behaviour(behaviour.only([action]));
}

#[tokio::test(start_paused = true)]
async fn a_tenth_of_renewals_without_answer_costs_no_host() -> TestResult {
    let world = World::new();
    let temporary = builder(&world).idle_time(60 * MINUTE).build()?;
    let queue = temporary.create("orders").await?;
    let lost = Behaviour::default().lost_answers(0.1);
    only(&world, lost, LocalAction::TagQueue);
    for _ in 0..48 {
        pass(30 * MINUTE).await;
        queue.send("x").await?;
        assert_eq!(queue.receive().wait(MINUTE / 3).await?.len(), 1);
    }
    let stats = temporary.queues().stats();
    assert!(stats.renewals_failed > 90, "{}", stats.renewals_failed);
    assert_eq!((stats.hosts_made, stats.hosts_given_up), (1, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_shutdown_reports_given_up_hosts_until_they_are_deleted() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let host = temporary.create("a").await?.url().host().clone();
    let down = Behaviour::default().unavailable(1.0);
    let actions = [LocalAction::TagQueue, LocalAction::DeleteQueue];
    world.local.set_behaviour(down.only(actions));
    pass(10 * MINUTE).await;
    assert_eq!(temporary.queues().stats().hosts_given_up, 1);
    assert!(temporary.hosts().is_empty());
    let report = temporary.shutdown(MINUTE).await;
    let left: Vec<_> = report.left_behind.iter().map(|(url, _)| url).collect();
    assert_eq!(left, [&host]);
    world.local.set_behaviour(Behaviour::default());
    assert!(temporary.shutdown(MINUTE).await.is_clean());
    assert!(hosts(&world).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_deletes_a_host_that_was_just_given_up() -> TestResult {
    let world = World::new();
    let (machine, queues) = on_a_machine(&world);
    let temporary = TemporaryQueues::builder(&queues).build()?;
    temporary.create("a").await?;
    pass(MINUTE / 2).await;
    machine.missed[0].fetch_add(3_600, Ordering::Relaxed);
    tokio::time::advance(60 * MINUTE).await;
    // This call notices that the lease has expired. The task of the host has not run since.
    assert!(temporary.create("b").now_or_never().is_none());
    let report = temporary.shutdown(MINUTE).await;
    assert!(report.is_clean(), "{report:?}");
    assert!(hosts(&world).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_deletes_hosts_whose_creation_had_no_answer() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let lost = Behaviour::default().lost_answers(1.0);
    only(&world, lost, LocalAction::CreateQueue);
    assert!(temporary.create("a").await.is_err());
    assert!(!hosts(&world).await.is_empty());
    world.local.set_behaviour(Behaviour::default());
    let report = temporary.shutdown(MINUTE).await;
    assert!(report.is_clean(), "{report:?}");
    assert!(hosts(&world).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_process_without_watching_reads_no_tags_and_declares_it() -> TestResult {
    let world = World::new();
    let temporary = builder(&world).watch(false).build()?;
    temporary.create("a").await?;
    pass(60 * MINUTE).await;
    let calls = temporary.queues().stats().calls;
    assert_eq!(
        (
            calls.of(Action::ListQueueTags),
            calls.of(Action::DeleteQueue)
        ),
        (0, 0)
    );
    let host = temporary.current_host().expect("there is one");
    let tags = world
        .client
        .list_queue_tags()
        .queue_url(host.as_str())
        .send()
        .await?;
    assert!(tags.tags().expect("some")["SqsRpcLease"].ends_with(":n"));
    Ok(())
}

/// A machine whose clocks can be stopped.
#[derive(Debug, Clone)]
struct Machine {
    clock: Clock,
    /// How far the monotonic clock and the wall clock are behind, in seconds.
    missed: Arc<[AtomicU64; 2]>,
}

/// The initial value of the monotonic clock, so that a clock that has stopped is not before its start.
const UPTIME: Duration = Duration::from_secs(1_000_000);

impl Machine {
    /// Lets time pass that the monotonic clock, or both clocks, do not show.
    async fn sleeps(&self, time: Duration, both: bool) {
        self.missed[0].fetch_add(time.as_secs(), Ordering::Relaxed);
        self.missed[1].fetch_add(time.as_secs() * u64::from(both), Ordering::Relaxed);
        tokio::time::advance(time).await;
    }

    fn missed(&self, clock: usize) -> Duration {
        Duration::from_secs(self.missed[clock].load(Ordering::Relaxed))
    }
}

impl TimeSource for Machine {
    fn now(&self) -> Moment {
        self.clock.now() + UPTIME - self.missed(0)
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall() - self.missed(1)
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        self.clock.sleep_until(at + self.missed(0) - UPTIME)
    }
}

fn on_a_machine(world: &World) -> (Machine, VirtualQueues) {
    let machine = Machine {
        clock: world.clock.clone(),
        missed: Arc::default(),
    };
    let sqs = Sqs::builder(ClientApi::new(&world.client))
        .clock(Clock::from_source(machine.clone()))
        .random(Random::seeded(1));
    let queues = VirtualQueues::builder(sqs.build()).build();
    (machine, queues.expect("the defaults are valid"))
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_the_host_is_not_used_again() -> TestResult {
    let world = World::new();
    let (machine, queues) = on_a_machine(&world);
    let temporary = TemporaryQueues::builder(&queues).build()?;
    let host = temporary.create("a").await?.url().host().clone();
    pass(MINUTE / 2).await;
    let calls = world.local.calls().total();
    machine.sleeps(60 * MINUTE, false).await;
    let next = temporary.create("b").await?;
    assert_ne!(next.url().host(), &host);
    assert!(world.local.calls().total() > calls);
    assert!(temporary.queues().stats().hosts_given_up <= 1);
    pass(MINUTE).await;
    assert_eq!(temporary.queues().stats().hosts_given_up, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_host_is_not_returned_after_its_lease_has_expired() -> TestResult {
    let world = World::new();
    let (machine, queues) = on_a_machine(&world);
    machine.missed[1].store(3_600, Ordering::Relaxed);
    let temporary = TemporaryQueues::builder(&queues).build()?;
    let host = temporary.create("a").await?.url().host().clone();
    assert_eq!(temporary.hosts(), std::slice::from_ref(&host));
    assert_eq!(temporary.current_host(), Some(host.clone()));
    // The wall clock jumps by an hour, and no task has run since.
    machine.missed[1].store(0, Ordering::Relaxed);
    assert_eq!(
        (temporary.hosts(), temporary.current_host()),
        (vec![], None)
    );
    assert_eq!(temporary.undeleted(), [host]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_after_a_clock_pause_ends_the_host() -> TestResult {
    let world = World::new();
    let (machine, queues) = on_a_machine(&world);
    let temporary = TemporaryQueues::builder(&queues).build()?;
    let host = temporary.create("a").await?.url().host().clone();
    pass(MINUTE / 2).await;
    machine.sleeps(60 * MINUTE, true).await;
    let other = temporary.create("b").await?;
    assert_eq!(other.url().host(), &host, "the pause cannot be noticed yet");
    let sent = other.send("the first call").await;
    drop(sent);
    let next = temporary.create("c").await?;
    assert_ne!(next.url().host(), &host);
    let tags = world
        .client
        .list_queue_tags()
        .queue_url(next.url().host().as_str())
        .send()
        .await?;
    let lease = tags.tags().expect("some")["SqsRpcLease"].clone();
    let stamp: u64 = lease
        .split([':', 's'])
        .nth(2)
        .and_then(|ms| ms.parse().ok())
        .expect(&lease);
    let now = world
        .clock
        .wall()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_millis() as u64;
    assert!(now - stamp < 5_000, "{lease} at {now}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_lease_without_sqs_time_is_renewed() -> TestResult {
    let world = World::new();
    world
        .local
        .set_behaviour(Behaviour::default().date(local_sqs::Date::Absent));
    let temporary = temporary(&world);
    let queue = temporary.create("a").await?;
    pass(60 * MINUTE).await;
    queue.send("it works").await?;
    let tags = world
        .client
        .list_queue_tags()
        .queue_url(queue.url().host().as_str())
        .send()
        .await?;
    let lease = tags.tags().expect("some")["SqsRpcLease"].clone();
    assert!(lease.starts_with("1:b"), "{lease}");
    assert_eq!(temporary.queues().stats().hosts_given_up, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_queues_and_tasks() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let queue = temporary.create("a").await?;
    drop(temporary);
    assert!(queue.send("x").await.is_err());
    let before = world.local.calls().total();
    pass(60 * MINUTE).await;
    assert_eq!(world.local.calls().total(), before);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stock_client_creates_temporary_queues() -> TestResult {
    let world = World::new();
    let temporary = temporary(&world);
    let client = temporary.client(&world.client);
    let make = |name: &str| client.create_queue().queue_name(name);
    let plain = make("a").attributes(
        QueueAttributeName::from("IdleQueueRetentionPeriodSeconds"),
        "60",
    );
    let a = plain.send().await?.queue_url.expect("a URL");
    assert_eq!(
        make("a").send().await?.queue_url(),
        Some(&*a),
        "the same queue"
    );
    let fifo = make("f.fifo")
        .attributes(QueueAttributeName::FifoQueue, "true")
        .send()
        .await?;
    assert!(
        fifo.queue_url().is_some_and(|url| url.ends_with(".fifo#f")),
        "{fifo:?}"
    );
    for (name, expected) in [
        ("a", Some(&*a)),
        ("f.fifo", fifo.queue_url()),
        ("a.fifo", None),
    ] {
        let found = client.get_queue_url().queue_name(name).send().await;
        assert_eq!(
            found.ok().and_then(|found| found.queue_url).as_deref(),
            expected
        );
    }
    client
        .send_message()
        .queue_url(&a)
        .message_body("hello")
        .send()
        .await?;
    let received = client
        .receive_message()
        .queue_url(&a)
        .wait_time_seconds(20)
        .send()
        .await?;
    assert_eq!(received.messages()[0].body(), Some("hello"));
    assert_eq!(hosts(&world).await.len(), 2);

    let odd = make("b")
        .attributes(QueueAttributeName::RedrivePolicy, "{}")
        .send()
        .await;
    let error = odd.unwrap_err();
    assert_eq!(error.code(), Some("InvalidAttributeName"), "{error:?}");
    assert!(
        error
            .message()
            .is_some_and(|text| text.contains("RedrivePolicy"))
    );
    let other = make("a")
        .attributes(QueueAttributeName::DelaySeconds, "3")
        .send()
        .await;
    assert_eq!(other.unwrap_err().code(), Some("QueueAlreadyExists"));

    pass(2 * MINUTE).await;
    let gone = client.receive_message().queue_url(&a).send().await;
    assert_eq!(
        gone.unwrap_err().code(),
        Some("AWS.SimpleQueueService.NonExistentQueue"),
        "the queue has expired"
    );
    assert!(temporary.shutdown(MINUTE).await.is_clean());
    assert!(make("c").send().await.is_err());
    Ok(())
}
