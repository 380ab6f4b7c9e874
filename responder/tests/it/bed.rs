//! Shared by the tests: a local SQS, a requester made of plain SDK calls, and an `SqsApi` that fails on demand.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_sqs::Client;
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
use aws_sdk_sqs::operation::get_queue_attributes::builders::GetQueueAttributesInputBuilder;
use aws_sdk_sqs::operation::get_queue_attributes::{
    GetQueueAttributesError, GetQueueAttributesOutput,
};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageInputBuilder;
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::operation::send_message_batch::builders::SendMessageBatchInputBuilder;
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::{Message, MessageAttributeValue, QueueAttributeName};
use aws_smithy_types::body::SdkBody;
use local_sqs::LocalSqs;
use sqs_responder::{Drained, Responder, ResponderBuilder, Serve, ServeError, Stats};
use sqs_rpc_protocol::{Deadline, ReplyHeader, RequestHeader, RequestId, SqsTime, names};
use sqs_rpc_transport::{Action, Answer, Call, ClientApi, Clock, Moment, Random, Sqs, SqsApi};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// SQS's time when a bed is made.
pub(crate) const START: Duration = Duration::from_secs(1_800_000_000);

/// A local SQS with a request queue and a temporary reply queue.
pub(crate) struct Bed {
    pub(crate) client: Client,
    pub(crate) sqs: Sqs,
    pub(crate) faults: Faults,
    pub(crate) requests: String,
    pub(crate) replies: String,
    pub(crate) local: LocalSqs,
}

/// A responder at work.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<Drained, ServeError>>,
}

impl Bed {
    pub(crate) async fn start() -> Self {
        Self::with_requests("requests").await
    }

    pub(crate) async fn with_requests(name: &str) -> Self {
        let wall = UNIX_EPOCH + START;
        let local = LocalSqs::builder().start_time(wall).build();
        let client = local.client();
        let requests = local.create_queue(name).await.unwrap();
        let replies = local.create_queue(&temporary_name(0)).await.unwrap();
        let faults = Faults::default();
        let api = Faulty {
            inner: ClientApi::new(&client),
            faults: faults.clone(),
        };
        // The wall clock follows Tokio's paused time.
        let sqs = Sqs::builder(api)
            .clock(Clock::tokio(wall))
            .random(Random::seeded(1))
            .build();
        Self {
            client,
            sqs,
            faults,
            requests,
            replies,
            local,
        }
    }

    pub(crate) fn builder(&self) -> ResponderBuilder {
        Responder::builder(self.sqs.clone())
    }

    pub(crate) fn responder(&self) -> Responder {
        self.builder().build().unwrap()
    }

    pub(crate) fn now(&self) -> Moment {
        self.sqs.clock().now()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.sqs.counters().snapshot()
    }

    /// Sends a message to the request queue.
    pub(crate) async fn send(&self, ask: &Ask) {
        let send = self
            .client
            .send_message()
            .queue_url(&self.requests)
            .message_body(&ask.body);
        let send = send.set_message_group_id(ask.group.clone());
        let send = send.set_message_deduplication_id(
            ask.group
                .as_ref()
                .map(|_| self.sqs.random().uuid().to_string()),
        );
        ask.attributes
            .iter()
            .fold(send, |send, (name, value)| {
                send.message_attributes(name, string(value))
            })
            .send()
            .await
            .unwrap();
    }

    /// A request that waits for its reply in the real reply queue.
    pub(crate) fn ask(&self, body: &str) -> Ask {
        Ask::one_way(body).attribute(names::RESPONSE_QUEUE_URL, &self.replies)
    }

    /// A request as `sqs-requester` sends it, with a header.
    pub(crate) fn ask_with(
        &self,
        body: &str,
        id: u128,
        change: impl FnOnce(&mut RequestHeader),
    ) -> Ask {
        let mut header = RequestHeader::new(RequestId::from_bits(id));
        change(&mut header);
        self.ask(body).attribute(names::HEADER, &header.encode())
    }

    /// Receives and deletes the next reply, within 20 seconds.
    pub(crate) async fn reply(&self) -> Option<Reply> {
        let message = self.receive(&self.replies, 20).await?;
        let delete = self.client.delete_message().queue_url(&self.replies);
        delete
            .receipt_handle(message.receipt_handle().unwrap())
            .send()
            .await
            .unwrap();
        Some(Reply(message))
    }

    pub(crate) async fn receive(&self, queue: &str, wait: i32) -> Option<Message> {
        let receive = self
            .client
            .receive_message()
            .queue_url(queue)
            .wait_time_seconds(wait);
        let received = receive.message_attribute_names("All").send().await.unwrap();
        received.messages.unwrap_or_default().pop()
    }

    /// The numbers of messages in the request queue: visible, and in flight.
    pub(crate) async fn left(&self) -> (u32, u32) {
        use QueueAttributeName::{
            ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible,
        };
        let asked = self
            .client
            .get_queue_attributes()
            .queue_url(&self.requests)
            .attribute_names(QueueAttributeName::All);
        let attributes = asked.send().await.unwrap().attributes.unwrap();
        let number = |name| attributes[&name].parse().unwrap();
        (
            number(ApproximateNumberOfMessages),
            number(ApproximateNumberOfMessagesNotVisible),
        )
    }

    /// Waits until the condition on the counters holds, for at most an hour.
    pub(crate) async fn until(&self, what: &str, so: impl Fn(&Stats) -> bool) {
        for _ in 0..36_000 {
            if so(&self.stats()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("waited in vain until {what}: {:?}", self.stats());
    }

    /// Waits until the request queue is empty.
    pub(crate) async fn until_deleted(&self) {
        for _ in 0..36_000 {
            if self.left().await == (0, 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("requests are left: {:?}", self.left().await);
    }
}

/// A name of a temporary queue, which the default policy of return addresses allows.
pub(crate) fn temporary_name(n: u32) -> String {
    format!("sqs-rpc-0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a-{n}")
}

pub(crate) fn deadline(after: Duration) -> Deadline {
    Deadline::after(after)
}

pub(crate) fn deadline_and_expiry(after: Duration, expiry: Duration) -> Deadline {
    Deadline::after(after).with_expiry(SqsTime::from_millis(expiry.as_millis() as u64))
}

pub(crate) async fn sleep(secs: u64) {
    tokio::time::sleep(Duration::from_secs(secs)).await;
}

pub(crate) fn string(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .unwrap()
}

/// A message to the request queue.
#[derive(Clone)]
pub(crate) struct Ask {
    body: String,
    attributes: Vec<(String, String)>,
    group: Option<String>,
}

impl Ask {
    pub(crate) fn one_way(body: &str) -> Self {
        Self {
            body: body.to_owned(),
            attributes: Vec::new(),
            group: None,
        }
    }

    pub(crate) fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.retain(|(other, _)| other != name);
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn group(mut self, group: &str) -> Self {
        self.group = Some(group.to_owned());
        self
    }
}

/// A message in the reply queue.
#[derive(Debug)]
pub(crate) struct Reply(pub(crate) Message);

impl Reply {
    pub(crate) fn body(&self) -> &str {
        self.0.body().unwrap()
    }

    pub(crate) fn header(&self) -> ReplyHeader {
        ReplyHeader::from_attribute(self.attribute(names::HEADER)).unwrap()
    }

    pub(crate) fn code(&self) -> Option<String> {
        self.header().error_code().map(ToString::to_string)
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.0.message_attributes()?.get(name)?.string_value()
    }
}

impl Running {
    pub(crate) fn start(serve: Serve) -> Self {
        let stop = CancellationToken::new();
        let signal = stop.clone().cancelled_owned();
        Self {
            stop,
            task: tokio::spawn(serve.with_graceful_shutdown(signal).into_future()),
        }
    }

    pub(crate) async fn stop(self) -> Drained {
        self.stop.cancel();
        self.task.await.unwrap().unwrap()
    }

    /// Drops the future that serves.
    pub(crate) async fn drop_it(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Which calls fail, and how. Shared with [`Faulty`].
#[derive(Clone, Default)]
pub(crate) struct Faults(
    Arc<Mutex<Option<Decide>>>,
    Arc<Mutex<Option<Action>>>,
    Arc<Mutex<Duration>>,
);

type Decide = Box<dyn FnMut(Action) -> Option<Failure> + Send>;

#[derive(Clone, Copy)]
pub(crate) enum Failure {
    /// SQS answers with this error code and status, and the call has no effect.
    Code(&'static str, u16),
    /// The call never has an answer, nor an effect.
    Hang,
    /// The client panics.
    Panic,
    /// A receive whose messages have bodies that differ from those that SQS sent.
    Damage,
}

pub(crate) const THROTTLED: Failure = Failure::Code("RequestThrottled", 400);
pub(crate) const DENIED: Failure = Failure::Code("AccessDeniedException", 403);

impl Faults {
    pub(crate) fn set(&self, decide: impl FnMut(Action) -> Option<Failure> + Send + 'static) {
        *self.0.lock().unwrap() = Some(Box::new(decide));
    }

    pub(crate) fn of(&self, action: Action, failure: Failure) {
        self.set(move |called| (called == action).then_some(failure));
    }

    /// The calls of this action, also those in flight, take effect, and their answers do not arrive.
    pub(crate) fn hold(&self, action: Action) {
        *self.1.lock().unwrap() = Some(action);
    }

    /// A proxy replaces the `Date` of all answers by a time that is ahead.
    pub(crate) fn dates_ahead(&self, by: Duration) {
        *self.2.lock().unwrap() = by;
    }

    fn holds(&self, action: Action) -> bool {
        *self.1.lock().unwrap() == Some(action)
    }

    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap() = None;
        *self.1.lock().unwrap() = None;
    }

    fn next(&self, action: Action) -> Option<Failure> {
        self.0
            .lock()
            .unwrap()
            .as_mut()
            .and_then(|decide| decide(action))
    }
}

/// Makes the real calls, except those that [`Faults`] make fail.
struct Faulty {
    inner: ClientApi,
    faults: Faults,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

macro_rules! faulty {
    ($($method:ident $action:ident $input:ident $output:ident $error:ident;)*) => {
        impl SqsApi for Faulty {
            $(fn $method(&self, input: $input) -> Call<$output, $error> {
                match self.faults.next(Action::$action) {
                    None => {
                        let (call, faults) = (self.inner.$method(input), self.faults.clone());
                        Box::pin(async move {
                            let mut answer = call.await;
                            answer.date = answer.date.map(|date| date + *faults.2.lock().unwrap());
                            if faults.holds(Action::$action) {
                                std::future::pending::<()>().await;
                            }
                            answer
                        })
                    }
                    Some(Failure::Damage) => {
                        let call = self.inner.$method(input);
                        Box::pin(async move {
                            let mut answer = call.await;
                            if let Ok(output) = &mut answer.result {
                                output.damage();
                            }
                            answer
                        })
                    }
                    Some(Failure::Panic) => panic!("a bug in an interceptor"),
                    Some(Failure::Hang) => Box::pin(std::future::pending()),
                    Some(Failure::Code(code, status)) => {
                        let error = $error::generic(ErrorMetadata::builder().code(code).build());
                        let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
                        let result = Err(SdkError::service_error(error, response));
                        Box::pin(std::future::ready(Answer { date: None, result }))
                    }
                }
            })*
        }
    };
}

faulty! {
    get_queue_attributes GetQueueAttributes GetQueueAttributesInputBuilder GetQueueAttributesOutput GetQueueAttributesError;
    receive_message ReceiveMessage ReceiveMessageInputBuilder ReceiveMessageOutput ReceiveMessageError;
    send_message_batch SendMessageBatch SendMessageBatchInputBuilder SendMessageBatchOutput SendMessageBatchError;
    delete_message_batch DeleteMessageBatch DeleteMessageBatchInputBuilder DeleteMessageBatchOutput
        DeleteMessageBatchError;
    change_message_visibility_batch ChangeMessageVisibilityBatch ChangeMessageVisibilityBatchInputBuilder
        ChangeMessageVisibilityBatchOutput ChangeMessageVisibilityBatchError;
}

/// Damages an output, like a faulty network.
trait Damage {
    fn damage(&mut self) {}
}

impl Damage for GetQueueAttributesOutput {}
impl Damage for SendMessageBatchOutput {}
impl Damage for DeleteMessageBatchOutput {}
impl Damage for ChangeMessageVisibilityBatchOutput {}

impl Damage for ReceiveMessageOutput {
    fn damage(&mut self) {
        for message in self.messages.iter_mut().flatten() {
            message.body = Some("damaged".to_owned());
        }
    }
}
