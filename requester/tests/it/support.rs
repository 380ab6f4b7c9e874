//! Shared by the tests: a running SQS, a queue, and responders made of plain SDK calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, QueueAttributeName};
use local_sqs::LocalSqs;
use sqs_requester::protocol::{RequestHeader, names};
use sqs_requester::{Requester, RequesterBuilder};
use sqs_rpc_transport::{ClientApi, Clock, Sqs, SqsApi};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// An SQS with one request queue.
pub(crate) struct Bed {
    pub(crate) local: LocalSqs,
    pub(crate) sqs: Client,
    pub(crate) queue: String,
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with_queue("requests").await
    }

    pub(crate) async fn with_queue(name: &str) -> Self {
        let local = LocalSqs::start();
        let queue = local.create_queue(name).await.expect("made");
        Self {
            sqs: local.client(),
            local,
            queue,
        }
    }

    /// A requester on tokio's clock, which most tests pause.
    pub(crate) fn requester(&self) -> Requester {
        self.builder().build().expect("allowed")
    }

    pub(crate) fn builder(&self) -> RequesterBuilder {
        Requester::builder(on_tokio_time(ClientApi::new(&self.sqs)))
    }

    /// Serves the request queue: `answer` returns the replies to each request.
    pub(crate) fn serve(&self, answer: impl Fn(&Client, &Asked) -> Vec<Answer> + Send + 'static) {
        let (sqs, queue) = (self.sqs.clone(), self.queue.clone());
        tokio::spawn(async move {
            loop {
                for asked in receive(&sqs, &queue).await {
                    for answer in answer(&sqs, &asked) {
                        reply(&sqs, &asked, answer).await;
                    }
                }
            }
        });
    }

    pub(crate) fn echo(&self) {
        tokio::spawn(crate::echo::echo(self.sqs.clone(), self.queue.clone()));
    }

    /// Waits for a request, and deletes its message.
    pub(crate) async fn next_request(&self) -> Asked {
        loop {
            if let Some(asked) = receive(&self.sqs, &self.queue).await.pop() {
                return asked;
            }
        }
    }

    /// The number of messages in the queue, visible and in flight.
    pub(crate) async fn depth(&self, queue: &str) -> u32 {
        let attributes = self
            .sqs
            .get_queue_attributes()
            .queue_url(queue)
            .attribute_names(QueueAttributeName::All);
        let output = attributes.send().await.expect("the queue exists");
        let of = |name| {
            output
                .attributes()
                .expect("some")
                .get(&name)
                .map_or(0, |n| n.parse().expect("a number"))
        };
        of(QueueAttributeName::ApproximateNumberOfMessages)
            + of(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
    }

    /// All queues but the request queue.
    pub(crate) async fn hosts(&self) -> Vec<String> {
        let listed = self.sqs.list_queues().send().await.expect("listed");
        listed
            .queue_urls()
            .iter()
            .filter(|url| **url != self.queue)
            .cloned()
            .collect()
    }
}

pub(crate) fn on_tokio_time(api: impl SqsApi) -> Sqs {
    let wall = std::time::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Sqs::builder(api).clock(Clock::tokio(wall)).build()
}

/// A request as a responder sees it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) message: Message,
}

/// A responder's reply.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) body: String,
    pub(crate) header: Option<String>,
    pub(crate) attributes: HashMap<String, String>,
}

impl Asked {
    pub(crate) fn body(&self) -> &str {
        self.message.body().expect("a body")
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.message.message_attributes()?.get(name)?.string_value()
    }

    pub(crate) fn header(&self) -> RequestHeader {
        RequestHeader::parse(self.attribute(names::HEADER).expect("a header")).expect("a request's")
    }

    /// The return address: host and name.
    pub(crate) fn address(&self) -> (&str, &str) {
        let address = self
            .attribute(names::RESPONSE_QUEUE_URL)
            .expect("an address");
        address.split_once('#').expect("a virtual queue")
    }
}

impl Answer {
    pub(crate) fn body(body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn header(self, header: impl Into<String>) -> Self {
        Self {
            header: Some(header.into()),
            ..self
        }
    }
}

async fn receive(sqs: &Client, queue: &str) -> Vec<Asked> {
    let poll = sqs
        .receive_message()
        .queue_url(queue)
        .wait_time_seconds(20)
        .max_number_of_messages(10);
    let poll = poll
        .message_attribute_names("All")
        .send()
        .await
        .expect("received");
    let messages = poll.messages.unwrap_or_default();
    for message in &messages {
        let handle = message.receipt_handle().expect("a handle");
        sqs.delete_message()
            .queue_url(queue)
            .receipt_handle(handle)
            .send()
            .await
            .expect("deleted");
    }
    messages
        .into_iter()
        .map(|message| Asked { message })
        .collect()
}

pub(crate) async fn reply(sqs: &Client, asked: &Asked, answer: Answer) {
    let (host, name) = asked.address();
    let own = [(names::VIRTUAL_QUEUE_NAME.to_owned(), name.to_owned())];
    let header = answer
        .header
        .map(|header| (names::HEADER.to_owned(), header));
    let attributes = own.into_iter().chain(header).chain(answer.attributes);
    let message = sqs.send_message().queue_url(host).message_body(answer.body);
    let message = attributes.fold(message, |message, (name, value)| {
        message.message_attributes(name, text(&value))
    });
    message.send().await.expect("replied");
}

pub(crate) fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .expect("complete")
}

/// Lets other tasks run until `condition` holds, without letting time pass.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the condition never held");
}

/// Measures tokio's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(tokio::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is the clock of the tests")]
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Collects values from within a closure.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Seen<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Vec::new())))
    }

    pub(crate) fn push(&self, value: T) {
        self.0.lock().expect("not poisoned").push(value);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().expect("not poisoned").clone()
    }
}
