//! Which calls are made while SQS does not answer, and when it answers again.

use std::time::Duration;

use local_sqs::Behaviour;
use sqs_rpc_protocol::{CorrelationId, HostQueueUrl};
use sqs_rpc_transport::{FaultKind, Sqs};
use sqs_virtual_queues::CreateQueue;

use crate::support::{HalfOpen, Meddled, TestResult, World, pass, until};

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

#[tokio::test(start_paused = true)]
async fn a_poll_on_a_dead_connection_delays_no_message_after_an_outage() -> TestResult {
    let world = World::new();
    let url = world.host("host").await;
    let queues = world
        .builder_over(Meddled::new(&world.client, HalfOpen))
        .build()?;
    let queue = queues.create(&url, CreateQueue::named("q"))?;
    let receive = tokio::spawn({
        let queue = queue.clone();
        async move { queue.receive().wait(Duration::from_secs(20)).await }
    });
    // The poll's connection dies in an outage that other calls notice.
    pass(Duration::from_secs(2)).await;
    world.serves(false);
    for _ in 0..3 {
        queue.send("lost").await.unwrap_err();
    }
    world.serves(true);
    queue.send("x").await?;
    pass(Duration::from_secs(1)).await;
    assert!(receive.is_finished(), "another poll was started");
    assert_eq!(receive.await??[0].body(), Some("x"));
    Ok(())
}
