//! The tools of a check: a client, its own queues, and functions that report disagreements.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message::SendMessageOutput;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The server under test.
#[derive(Debug)]
pub struct Subject {
    client: Client,
    prefix: String,
    made: Arc<AtomicU32>,
    /// URLs of the queues of one check.
    queues: Mutex<Vec<String>>,
}

/// A behavior that differs from SQS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    seen: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.seen)
    }
}

impl std::error::Error for Disagreement {}

impl<E: ProvideErrorMetadata + fmt::Debug> From<SdkError<E>> for Disagreement {
    fn from(error: SdkError<E>) -> Self {
        match error.as_service_error() {
            Some(error) => disagreement(format!(
                "a call failed with {}: {}",
                error.code().unwrap_or("no code"),
                error.message().unwrap_or_default()
            )),
            None => disagreement(format!("a call failed: {error:?}")),
        }
    }
}

pub(super) fn disagreement(seen: impl Into<String>) -> Disagreement {
    Disagreement { seen: seen.into() }
}

/// The result of a check.
pub(super) type Outcome = Result<(), Disagreement>;

/// Reports a disagreement unless the condition holds.
pub(super) fn ensure(holds: bool, otherwise: impl fmt::Display) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(disagreement(otherwise.to_string()))
    }
}

/// Reports a disagreement unless both values are equal.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers have values, and references would only add noise"
)]
pub(super) fn ensure_eq<T: PartialEq + fmt::Debug>(seen: T, expected: T, what: &str) -> Outcome {
    if seen == expected {
        Ok(())
    } else {
        Err(disagreement(format!("{what}: {seen:?}, not {expected:?}")))
    }
}

/// The call must fail with one of these codes, because servers use the names of either protocol.
pub(super) fn ensure_code<T, E>(answer: Result<T, SdkError<E>>, codes: &[&str]) -> Outcome
where
    E: ProvideErrorMetadata + fmt::Debug,
{
    let Err(error) = answer else {
        return Err(disagreement(format!(
            "a call succeeded instead of failing with {}",
            codes[0]
        )));
    };
    match error.as_service_error().and_then(|error| error.code()) {
        Some(code) if codes.contains(&code) => Ok(()),
        _ => Err(disagreement(format!(
            "{}, instead of failing with {}",
            Disagreement::from(error),
            codes[0]
        ))),
    }
}

pub(super) const NO_SUCH_QUEUE: &[&str] = &[
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
];
pub(super) const INVALID_VALUE: &[&str] =
    &["InvalidParameterValue", "InvalidParameterValueException"];
pub(super) const INVALID_ATTRIBUTE: &[&str] = &["InvalidAttributeValue", "InvalidParameterValue"];
pub(super) const MISSING: &[&str] = &["MissingParameter", "MissingParameterException"];

impl Subject {
    /// The server behind a client. The names of the queues begin with `prefix`, which has at most 40 characters. Use a
    /// different prefix for each run, and a prefix that no queue on the server has yet.
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self {
            client,
            prefix: prefix.into(),
            made: Arc::default(),
            queues: Mutex::default(),
        }
    }

    /// The same server, for one check.
    pub(super) fn part(&self) -> Self {
        let (client, prefix, made) = (self.client.clone(), self.prefix.clone(), self.made.clone());
        Self {
            client,
            prefix,
            made,
            queues: Mutex::default(),
        }
    }

    /// Deletes the check's queues. A queue that cannot be deleted remains.
    pub(super) async fn clean_up(&self) {
        let queues =
            std::mem::take(&mut *self.queues.lock().unwrap_or_else(PoisonError::into_inner));
        for url in queues {
            let _ = self.client.delete_queue().queue_url(url).send().await;
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A name that no queue has yet.
    pub(super) fn new_name(&self) -> String {
        format!(
            "{}-{}",
            self.prefix,
            self.made.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// Creates a queue that is deleted after the check.
    pub(super) async fn queue(&self) -> Result<String, Disagreement> {
        self.queue_with([]).await
    }

    pub(super) async fn queue_with<const N: usize>(
        &self,
        attributes: [(QueueAttributeName, &str); N],
    ) -> Result<String, Disagreement> {
        self.named_queue(&self.new_name(), attributes).await
    }

    /// Creates a FIFO queue that is deleted after the check.
    pub(super) async fn fifo<const N: usize>(
        &self,
        attributes: [(QueueAttributeName, &str); N],
    ) -> Result<String, Disagreement> {
        let name = format!("{}.fifo", self.new_name());
        let mut create = self
            .client
            .create_queue()
            .queue_name(name)
            .attributes(QueueAttributeName::FifoQueue, "true");
        for (name, value) in attributes {
            create = create.attributes(name, value);
        }
        self.keep(create.send().await?.queue_url())
    }

    pub(super) async fn named_queue<const N: usize>(
        &self,
        name: &str,
        attributes: [(QueueAttributeName, &str); N],
    ) -> Result<String, Disagreement> {
        let mut create = self.client.create_queue().queue_name(name);
        for (name, value) in attributes {
            create = create.attributes(name, value);
        }
        self.keep(create.send().await?.queue_url())
    }

    fn keep(&self, url: Option<&str>) -> Result<String, Disagreement> {
        let url = url
            .ok_or_else(|| disagreement("CreateQueue answered no URL"))?
            .to_owned();
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(url.clone());
        Ok(url)
    }

    pub(super) async fn send(
        &self,
        url: &str,
        body: &str,
    ) -> Result<SendMessageOutput, Disagreement> {
        Ok(self
            .client
            .send_message()
            .queue_url(url)
            .message_body(body)
            .send()
            .await?)
    }

    /// Sends to a FIFO queue; the body is also the de-duplication id.
    pub(super) async fn send_in(
        &self,
        url: &str,
        group: &str,
        body: &str,
    ) -> Result<SendMessageOutput, Disagreement> {
        let send = self
            .client
            .send_message()
            .queue_url(url)
            .message_body(body)
            .message_group_id(group);
        Ok(send.message_deduplication_id(body).send().await?)
    }

    /// Receives up to ten messages with a short poll.
    pub(super) async fn receive(&self, url: &str) -> Result<Vec<Message>, Disagreement> {
        let receive = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10);
        Ok(receive.send().await?.messages.unwrap_or_default())
    }

    /// The bodies of up to ten messages, received with a short poll.
    pub(super) async fn receive_bodies(&self, url: &str) -> Result<Vec<String>, Disagreement> {
        Ok(self
            .receive(url)
            .await?
            .into_iter()
            .filter_map(|message| message.body)
            .collect())
    }

    /// Waits for one message.
    pub(super) async fn receive_one(&self, url: &str) -> Result<Message, Disagreement> {
        let receive = self
            .client
            .receive_message()
            .queue_url(url)
            .wait_time_seconds(5);
        let messages = receive.send().await?.messages.unwrap_or_default();
        messages
            .into_iter()
            .next()
            .ok_or_else(|| disagreement("expected a message within 5 s, found none"))
    }

    pub(super) async fn delete(&self, url: &str, handle: &str) -> Outcome {
        self.client
            .delete_message()
            .queue_url(url)
            .receipt_handle(handle)
            .send()
            .await?;
        Ok(())
    }

    pub(super) async fn hide(&self, url: &str, handle: &str, seconds: i32) -> Outcome {
        let change = self
            .client
            .change_message_visibility()
            .queue_url(url)
            .receipt_handle(handle);
        change.visibility_timeout(seconds).send().await?;
        Ok(())
    }

    pub(super) async fn attribute(
        &self,
        url: &str,
        name: QueueAttributeName,
    ) -> Result<Option<String>, Disagreement> {
        let attributes = self
            .client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(name.clone())
            .send()
            .await?;
        Ok(attributes
            .attributes()
            .and_then(|attributes| attributes.get(&name))
            .cloned())
    }

    pub(super) async fn arn(&self, url: &str) -> Result<String, Disagreement> {
        let arn = self.attribute(url, QueueAttributeName::QueueArn).await?;
        arn.ok_or_else(|| disagreement("a queue has no ARN"))
    }

    /// Waits until the server's clock has moved: paused Tokio time for local-sqs, real time for other servers.
    pub(super) async fn wait(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The handle of a received message.
pub(super) fn handle(message: &Message) -> Result<&str, Disagreement> {
    message
        .receipt_handle()
        .ok_or_else(|| disagreement("a received message has no receipt handle"))
}

/// Exactly one message.
pub(super) fn only(messages: Vec<Message>) -> Result<Message, Disagreement> {
    let count = messages.len();
    let mut messages = messages.into_iter();
    match (messages.next(), messages.next()) {
        (Some(message), None) => Ok(message),
        _ => Err(disagreement(format!("{count} messages, not 1"))),
    }
}
