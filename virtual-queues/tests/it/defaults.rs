//! The settings that a receive takes from its host: the wait and the visibility timeout.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ErrorMetadata, SdkError};
use aws_sdk_sqs::operation::change_message_visibility_batch::builders::ChangeMessageVisibilityBatchInputBuilder;
use aws_sdk_sqs::operation::change_message_visibility_batch::{
    ChangeMessageVisibilityBatchError, ChangeMessageVisibilityBatchOutput,
};
use aws_sdk_sqs::operation::get_queue_attributes::builders::GetQueueAttributesInputBuilder;
use aws_sdk_sqs::operation::get_queue_attributes::{
    GetQueueAttributesError, GetQueueAttributesOutput,
};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageInputBuilder;
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::operation::send_message_batch::builders::SendMessageBatchInputBuilder;
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::QueueAttributeName;
use futures::FutureExt;
use futures::future::join_all;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{Answer, Call, ClientApi, SqsApi};
use sqs_virtual_queues::{CreateQueue, VirtualQueue};

use crate::support::{TestResult, World, pass};

/// An API whose first reads of a queue's attributes fail.
#[derive(Debug)]
struct Reads {
    inner: ClientApi,
    made: Arc<AtomicUsize>,
    failing: usize,
    /// The error code of these reads; `None`: they are never answered.
    code: Option<&'static str>,
}

impl Reads {
    fn new(world: &World, failing: usize, code: Option<&'static str>) -> Self {
        Self {
            inner: ClientApi::new(&world.client),
            made: Arc::default(),
            failing,
            code,
        }
    }
}

impl SqsApi for Reads {
    fn get_queue_attributes(
        &self,
        input: GetQueueAttributesInputBuilder,
    ) -> Call<GetQueueAttributesOutput, GetQueueAttributesError> {
        if self.made.fetch_add(1, Ordering::Relaxed) >= self.failing {
            return self.inner.get_queue_attributes(input);
        }
        let Some(code) = self.code else {
            return futures::future::pending().boxed();
        };
        let metadata = ErrorMetadata::builder().code(code).build();
        let raw = HttpResponse::new(400.try_into().unwrap(), "".into());
        let error = SdkError::service_error(GetQueueAttributesError::generic(metadata), raw);
        let answer = Answer {
            date: None,
            result: Err(error),
        };
        futures::future::ready(answer).boxed()
    }

    fn receive_message(
        &self,
        input: ReceiveMessageInputBuilder,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        self.inner.receive_message(input)
    }

    fn send_message_batch(
        &self,
        input: SendMessageBatchInputBuilder,
    ) -> Call<SendMessageBatchOutput, SendMessageBatchError> {
        self.inner.send_message_batch(input)
    }

    fn change_message_visibility_batch(
        &self,
        input: ChangeMessageVisibilityBatchInputBuilder,
    ) -> Call<ChangeMessageVisibilityBatchOutput, ChangeMessageVisibilityBatchError> {
        self.inner.change_message_visibility_batch(input)
    }
}

/// A host with a wait and a visibility timeout.
async fn host(world: &World, wait: u32, visibility: u32) -> HostQueueUrl {
    let [wait_name, visibility_name] = [
        QueueAttributeName::ReceiveMessageWaitTimeSeconds,
        QueueAttributeName::VisibilityTimeout,
    ];
    let create = world.client.create_queue().queue_name("host");
    let create = create.attributes(wait_name, wait.to_string());
    let create = create.attributes(visibility_name, visibility.to_string());
    let url = create.send().await.unwrap().queue_url.unwrap();
    url.parse().unwrap()
}

/// The waits of receives with the host's wait, one after the other, in whole seconds.
async fn waits(queue: &VirtualQueue, receives: usize) -> Vec<u64> {
    let mut waits = Vec::new();
    for _ in 0..receives {
        let start = tokio::time::Instant::now();
        assert!(queue.receive().wait_as_host().await.unwrap().is_empty());
        waits.push(start.elapsed().as_secs());
    }
    waits
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_is_repeated_by_the_next_receive() -> TestResult {
    for code in [
        "RequestThrottled",
        "AccessDeniedException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "ExpiredToken",
    ] {
        let world = World::new();
        let host = host(&world, 7, 30).await;
        let api = Reads::new(&world, 1, Some(code));
        let reads = Arc::clone(&api.made);
        let queue = world
            .builder_over(api)
            .build()?
            .create(&host, CreateQueue::named("q"))?;
        assert_eq!(waits(&queue, 4).await, [0, 7, 7, 7], "{code}");
        assert_eq!(reads.load(Ordering::Relaxed), 2, "{code}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn denied_reads_are_repeated_every_5_s_only() -> TestResult {
    let world = World::new();
    let host = host(&world, 7, 30).await;
    let api = Reads::new(&world, 4, Some("AccessDeniedException"));
    let reads = Arc::clone(&api.made);
    let queues = world.builder_over(api).build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    for second in 0..10 {
        let receives = (0..10).map(|_| queue.receive().wait_as_host().send());
        assert!(
            join_all(receives).await.iter().all(Result::is_ok),
            "{second}"
        );
        pass(Duration::from_secs(1)).await;
    }
    // Two reads at once, and one after 5 s.
    assert_eq!(reads.load(Ordering::Relaxed), 3);
    pass(Duration::from_secs(10)).await;
    assert_eq!(waits(&queue, 1).await, [0], "the last read that is denied");
    pass(Duration::from_secs(5)).await;
    assert_eq!(waits(&queue, 2).await, [7, 7]);
    assert_eq!(reads.load(Ordering::Relaxed), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_read_delays_a_receive_by_5_s() -> TestResult {
    let world = World::new();
    let host = host(&world, 7, 30).await;
    let api = Reads::new(&world, 1, None);
    let queues = world.builder_over(api).build()?;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    assert_eq!(waits(&queue, 2).await, [5, 7]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn concurrent_receives_share_one_read_of_both_settings() -> TestResult {
    let world = World::new();
    let host = host(&world, 7, 45).await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let receives = (0..20).map(|n| {
        let receive = queue.receive();
        if n % 2 == 0 {
            receive.wait_as_host().send()
        } else {
            receive.visibility_as_host().send()
        }
    });
    join_all(receives).await;
    assert_eq!(world.calls("GetQueueAttributes"), 1);
    Ok(())
}

/// The number of seconds after which a received message is visible again.
async fn hidden_for(world: &World, host: &HostQueueUrl, since: tokio::time::Instant) -> u64 {
    while world.messages_visible_on(host).await == "0" {
        pass(Duration::from_millis(100)).await;
    }
    since.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_receive_gets_the_visibility_of_the_host() -> TestResult {
    for (of_host, changes) in [(5, 1), (30, 0), (90, 1)] {
        let world = World::new();
        let host = host(&world, 0, of_host).await;
        let queue = world.queues().create(&host, CreateQueue::named("q"))?;
        queue.send("x").await?;
        let received = queue.receive().visibility_as_host().await?;
        let start = tokio::time::Instant::now();
        assert_eq!(received.len(), 1);
        let hidden = hidden_for(&world, &host, start).await;
        assert_eq!(hidden, u64::from(of_host));
        assert_eq!(world.calls("ChangeMessageVisibilityBatch"), changes);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_visibility_equal_to_the_polls_costs_no_call() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queue = world.queues().create(&host, CreateQueue::named("q"))?;
    for (visibility, calls) in [(29, 0), (30, 0), (31, 0), (32, 1), (28, 2)] {
        queue.send("x").await?;
        let receive = queue.receive().visibility(Duration::from_secs(visibility));
        let received = receive.await?;
        pass(Duration::from_secs(1)).await;
        assert_eq!(world.calls("ChangeMessageVisibilityBatch"), calls);
        queue.delete(received[0].receipt_handle().unwrap()).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_drop_in_client_gets_the_visibility_of_the_host() -> TestResult {
    let world = World::new();
    let host = host(&world, 20, 5).await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let client = queues.client(&world.client);
    queue.send("x").await?;
    let url = queue.url().to_string();
    client.receive_message().queue_url(&url).send().await?;
    let start = tokio::time::Instant::now();
    assert_eq!(hidden_for(&world, &host, start).await, 5);
    Ok(())
}
