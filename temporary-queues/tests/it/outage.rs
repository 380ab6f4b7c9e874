//! Which calls the watch makes while SQS does not answer, and when SQS answers again.

use std::time::Duration;

use local_sqs::Behaviour;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{FaultKind, Sqs};
use sqs_temporary_queues::TemporaryQueues;

use crate::support::{TestResult, World, pass};

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
