//! Shared test utilities.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ErrorMetadata, SdkError};
use aws_sdk_sqs::operation::change_message_visibility_batch::builders::ChangeMessageVisibilityBatchInputBuilder;
use aws_sdk_sqs::operation::change_message_visibility_batch::{
    ChangeMessageVisibilityBatchError, ChangeMessageVisibilityBatchOutput,
};
use aws_sdk_sqs::operation::delete_message_batch::builders::DeleteMessageBatchInputBuilder;
use aws_sdk_sqs::operation::delete_message_batch::{
    DeleteMessageBatchError, DeleteMessageBatchOutput,
};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageInputBuilder;
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::operation::send_message_batch::builders::SendMessageBatchInputBuilder;
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName};
use futures::FutureExt;
use local_sqs::LocalSqs;
use sqs_rpc_protocol::{HostQueueUrl, VirtualQueueUrl, names};
use sqs_rpc_transport::{Answer, Call, ClientApi, Clock, Sqs, SqsApi};
use sqs_virtual_queues::{VirtualQueues, VirtualQueuesBuilder};

pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A local SQS, and virtual queues on it, with clocks that advance together.
pub(crate) struct World {
    pub(crate) local: LocalSqs,
    pub(crate) client: aws_sdk_sqs::Client,
    pub(crate) clock: Clock,
}

impl World {
    pub(crate) fn new() -> Self {
        let wall = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let local = LocalSqs::builder().start_time(wall).build();
        let client = local.client();
        Self {
            local,
            client,
            clock: Clock::tokio(wall),
        }
    }

    pub(crate) fn builder(&self) -> VirtualQueuesBuilder {
        self.builder_over(ClientApi::new(&self.client))
    }

    pub(crate) fn builder_over(&self, api: impl SqsApi) -> VirtualQueuesBuilder {
        VirtualQueues::builder(Sqs::builder(api).clock(self.clock.clone()).build())
    }

    pub(crate) fn queues(&self) -> VirtualQueues {
        self.builder().build().expect("the defaults are valid")
    }

    pub(crate) async fn host(&self, name: &str) -> HostQueueUrl {
        self.local
            .create_queue(name)
            .await
            .unwrap()
            .parse()
            .unwrap()
    }

    pub(crate) fn calls(&self, action: &str) -> u64 {
        self.local.calls().of(action)
    }

    /// Sends with a plain SDK client, as another program would.
    pub(crate) async fn send(&self, to: &VirtualQueueUrl, body: &str) {
        let name = text(to.name().as_str());
        let send = self
            .client
            .send_message()
            .queue_url(to.host().as_str())
            .message_body(body);
        send.message_attributes(names::VIRTUAL_QUEUE_NAME, name)
            .send()
            .await
            .unwrap();
    }

    /// The number of messages on a host, visible or not.
    pub(crate) async fn messages_on(&self, host: &HostQueueUrl) -> usize {
        use aws_sdk_sqs::types::QueueAttributeName as Name;
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
        ];
        let get = self
            .client
            .get_queue_attributes()
            .queue_url(host.as_str())
            .set_attribute_names(Some(names.into()));
        let attributes = get.send().await.unwrap().attributes.unwrap();
        attributes
            .values()
            .map(|count| count.parse::<usize>().unwrap())
            .sum()
    }

    pub(crate) async fn messages_visible_on(&self, host: &HostQueueUrl) -> String {
        use aws_sdk_sqs::types::QueueAttributeName as Name;
        let get = self.client.get_queue_attributes().queue_url(host.as_str());
        let got = get
            .attribute_names(Name::ApproximateNumberOfMessages)
            .send()
            .await
            .unwrap();
        got.attributes.unwrap()[&Name::ApproximateNumberOfMessages].clone()
    }
}

pub(crate) fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .unwrap()
}

/// Lets every task run until all wait, and then lets `time` pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Waits for a condition that other tasks fulfill, for at most an hour of virtual time.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..360_000 {
        if condition() {
            return;
        }
        pass(Duration::from_millis(10)).await;
    }
    panic!("an hour passed without: {what}");
}

/// An API in front of the SDK's that lets a test change receives.
#[derive(Debug)]
pub(crate) struct Meddled<M> {
    inner: ClientApi,
    meddle: M,
    receives: Arc<AtomicUsize>,
}

/// Gets the number of the receive, from 0, and the real call. Returns the call to make instead.
pub(crate) trait Meddle: std::fmt::Debug + Send + Sync + 'static {
    fn receive(
        &self,
        number: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError>;
}

impl<M: Meddle> Meddled<M> {
    pub(crate) fn new(client: &aws_sdk_sqs::Client, meddle: M) -> Self {
        Self {
            inner: ClientApi::new(client),
            meddle,
            receives: Arc::default(),
        }
    }
}

impl<M: Meddle> SqsApi for Meddled<M> {
    fn receive_message(
        &self,
        input: ReceiveMessageInputBuilder,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        let number = self.receives.fetch_add(1, Ordering::Relaxed);
        self.meddle
            .receive(number, self.inner.receive_message(input))
    }

    fn send_message_batch(
        &self,
        input: SendMessageBatchInputBuilder,
    ) -> Call<SendMessageBatchOutput, SendMessageBatchError> {
        self.inner.send_message_batch(input)
    }

    fn delete_message_batch(
        &self,
        input: DeleteMessageBatchInputBuilder,
    ) -> Call<DeleteMessageBatchOutput, DeleteMessageBatchError> {
        self.inner.delete_message_batch(input)
    }

    fn change_message_visibility_batch(
        &self,
        input: ChangeMessageVisibilityBatchInputBuilder,
    ) -> Call<ChangeMessageVisibilityBatchOutput, ChangeMessageVisibilityBatchError> {
        self.inner.change_message_visibility_batch(input)
    }
}

/// The first receive never gets an answer.
#[derive(Debug)]
pub(crate) struct HalfOpen;

impl Meddle for HalfOpen {
    fn receive(
        &self,
        number: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        if number == 0 {
            futures::future::pending().boxed()
        } else {
            call
        }
    }
}

/// Changes the body of the first message received.
#[derive(Debug)]
pub(crate) struct Changed;

impl Meddle for Changed {
    fn receive(
        &self,
        number: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        if number > 0 {
            return call;
        }
        call.map(|mut answer| {
            if let Ok(Some(messages)) = answer
                .result
                .as_mut()
                .map(|output| output.messages.as_mut())
            {
                messages
                    .iter_mut()
                    .for_each(|message| message.body = Some("another".into()));
            }
            answer
        })
        .boxed()
    }
}

/// Every receive takes a second longer.
#[derive(Debug)]
pub(crate) struct Slow;

impl Meddle for Slow {
    fn receive(
        &self,
        _: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        async move {
            pass(Duration::from_secs(1)).await;
            call.await
        }
        .boxed()
    }
}

/// Every receive takes 20 ms longer.
#[derive(Debug)]
pub(crate) struct RoundTrip;

impl Meddle for RoundTrip {
    fn receive(
        &self,
        _: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        async move {
            pass(Duration::from_millis(20)).await;
            call.await
        }
        .boxed()
    }
}

/// A server that does not hold polls: each poll is answered at once, without messages.
#[derive(Debug)]
pub(crate) struct AnswersAtOnce;

impl Meddle for AnswersAtOnce {
    fn receive(
        &self,
        _: usize,
        _: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        async {
            pass(Duration::from_millis(2)).await;
            Answer {
                date: None,
                result: Ok(ReceiveMessageOutput::builder().build()),
            }
        }
        .boxed()
    }
}

/// A broken server: it answers each poll at once with the messages of the first poll that returned any, as redelivered.
#[derive(Debug, Default)]
pub(crate) struct Repeats(Arc<OnceLock<ReceiveMessageOutput>>);

impl Meddle for Repeats {
    fn receive(
        &self,
        _: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        let kept = Arc::clone(&self.0);
        async move {
            if let Some(output) = kept.get().cloned() {
                pass(Duration::from_millis(2)).await;
                let (date, result) = (None, Ok(output));
                return Answer { date, result };
            }
            let answer = call.await;
            if let Ok(output) = &answer.result
                && !output.messages().is_empty()
            {
                let mut again = output.clone();
                for message in again.messages.iter_mut().flatten() {
                    let attributes = message.attributes.get_or_insert_default();
                    let count = MessageSystemAttributeName::ApproximateReceiveCount;
                    attributes.insert(count, "2".to_owned());
                }
                kept.get_or_init(|| again);
            }
            answer
        }
        .boxed()
    }
}

/// The first receive panics inside the call.
#[derive(Debug)]
pub(crate) struct Panics;

impl Meddle for Panics {
    fn receive(
        &self,
        number: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        if number == 0 {
            async { panic!("an interceptor, on purpose") }.boxed()
        } else {
            call
        }
    }
}

/// Delays the answer of every receive by this time.
#[derive(Debug)]
pub(crate) struct Late(pub(crate) Duration);

impl Meddle for Late {
    fn receive(
        &self,
        _: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        let late = self.0;
        async move {
            let answer = call.await;
            pass(late).await;
            answer
        }
        .boxed()
    }
}

/// Receives are answered with this code and status while the switch is on.
#[derive(Debug)]
pub(crate) struct Refusing {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) on: Arc<AtomicBool>,
}

impl Meddle for Refusing {
    fn receive(
        &self,
        _: usize,
        call: Call<ReceiveMessageOutput, ReceiveMessageError>,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        if !self.on.load(Ordering::Relaxed) {
            return call;
        }
        let meta = ErrorMetadata::builder().code(self.code).build();
        let error = ReceiveMessageError::generic(meta);
        let response = HttpResponse::new(self.status.try_into().unwrap(), "".into());
        async move {
            Answer {
                date: None,
                result: Err(SdkError::service_error(error, response)),
            }
        }
        .boxed()
    }
}

/// Changes of visibility are never answered.
#[derive(Debug)]
pub(crate) struct NoChanges(ClientApi);

impl NoChanges {
    pub(crate) fn new(client: &aws_sdk_sqs::Client) -> Self {
        Self(ClientApi::new(client))
    }
}

impl SqsApi for NoChanges {
    fn receive_message(
        &self,
        input: ReceiveMessageInputBuilder,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        self.0.receive_message(input)
    }

    fn send_message_batch(
        &self,
        input: SendMessageBatchInputBuilder,
    ) -> Call<SendMessageBatchOutput, SendMessageBatchError> {
        self.0.send_message_batch(input)
    }

    fn delete_message_batch(
        &self,
        input: DeleteMessageBatchInputBuilder,
    ) -> Call<DeleteMessageBatchOutput, DeleteMessageBatchError> {
        self.0.delete_message_batch(input)
    }

    fn change_message_visibility_batch(
        &self,
        _: ChangeMessageVisibilityBatchInputBuilder,
    ) -> Call<ChangeMessageVisibilityBatchOutput, ChangeMessageVisibilityBatchError> {
        futures::future::pending().boxed()
    }
}
