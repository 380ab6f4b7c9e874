//! Which calls are made while SQS does not answer, and when it answers again.

use std::time::Duration;

use local_sqs::Behaviour;
use sqs_rpc_protocol::{CorrelationId, HostQueueUrl};
use sqs_rpc_transport::{ClientApi, FaultKind, Sqs};
use sqs_virtual_queues::TemporaryQueues;

use crate::support::{TestResult, World, pass, until};

/// A process walks within 10 s of the creation of its first host.
const FIRST_WALK: Duration = Duration::from_secs(11);

impl World {
    fn serves(&self, serves: bool) {
        let fails = if serves { 0.0 } else { 1.0 };
        self.local
            .set_behaviour(Behaviour::default().unavailable(fails));
    }
}

async fn look(sqs: &Sqs, url: &HostQueueUrl) -> Option<FaultKind> {
    use aws_sdk_sqs::operation::get_queue_attributes::builders::GetQueueAttributesInputBuilder;
    let input = GetQueueAttributesInputBuilder::default().queue_url(url.as_str());
    let result = sqs.get_queue_attributes(input).await;
    result.err().map(|fault| fault.kind())
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_calls_are_not_retried_until_an_answer() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let sqs = Sqs::builder(ClientApi::new(&world.client))
        .clock(world.clock.clone())
        .build();
    let calls = || world.calls("GetQueueAttributes");
    world.serves(false);
    for expected in [3, 4, 5] {
        assert_eq!(look(&sqs, &url).await, Some(FaultKind::Unavailable));
        assert_eq!(calls(), expected);
    }
    world.serves(true);
    assert_eq!((look(&sqs, &url).await, calls()), (None, 6));
    world.serves(false);
    look(&sqs, &url).await;
    assert_eq!(calls(), 9, "the SDK retries after a short failure");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_the_watch_makes_few_calls() -> TestResult {
    let world = World::new();
    let queues = world.queues();
    let period = Duration::from_secs(60);
    let temporary = TemporaryQueues::builder(&queues)
        .watch_period(period)
        .lease_retention(60 * period)
        .build()?;
    let queue = temporary.create("a").await?;
    let lists = || world.calls("ListQueues");
    pass(FIRST_WALK).await;
    let before = lists();
    world.serves(false);
    pass(10 * period).await;
    let during = lists() - before;
    // The first call makes three attempts of the SDK. With waits of 10 s to half a period there would be 25 in all.
    assert!((7..=11).contains(&during), "{during}");
    world.serves(true);
    assert_eq!(look(queues.sqs(), queue.url().host()).await, None);
    pass(period / 2).await;
    assert_eq!(lists() - before, during + 1, "when its own wait has ended");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_a_watch_without_host_is_silent() -> TestResult {
    let world = World::new();
    let queues = world.queues();
    let second = Duration::from_secs(1);
    // The second walk is due at 144 to 216 s, and waits for an answer for 180 s. The host is given up at 230 s.
    let temporary = TemporaryQueues::builder(&queues)
        .watch_period(180 * second)
        .lease_retention(240 * second)
        .build()?;
    let queue = temporary.create("a").await?;
    let lists = || world.calls("ListQueues");
    pass(FIRST_WALK).await;
    let before = lists();
    world.serves(false);
    pass(3600 * second).await;
    assert!(queue.send("in vain").await.is_err());
    assert_eq!(lists(), before);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_waiting_poll_starts_when_another_call_is_answered() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world.queues();
    let host = queues.host(&url)?;
    world.serves(false);
    let deadline = queues.sqs().clock().now() + Duration::from_secs(600);
    let id = CorrelationId::new(queues.process(), 1);
    let pending = host.expect_reply(id, deadline)?;
    let polls = || world.calls("ReceiveMessage");
    until("six polls", || polls() == 6).await;
    pass(Duration::from_secs(1)).await;
    world.serves(true);
    pass(Duration::from_secs(20)).await;
    assert_eq!(polls(), 6, "the poll waits for at least 4/5 of 36 s");
    assert_eq!(look(queues.sqs(), &url).await, None);
    pass(Duration::from_secs(1)).await;
    assert_eq!(polls(), 7, "at once");
    world.send(pending.url(), "reply").await;
    assert_eq!(pending.await?.body(), Some("reply"));
    Ok(())
}
