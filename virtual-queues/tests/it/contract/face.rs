//! The interfaces of a virtual queue, in one common form.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use sqs_rpc_protocol::{HostQueueUrl, VirtualQueueUrl};
use sqs_virtual_queues::{
    CreateQueue, InvalidMessage, OutgoingMessage, QueueError, VirtualQueue, VirtualQueues,
};

use super::site::{Site, text};

/// Virtual queues on one host, used through one interface.
pub(crate) struct Subject {
    pub(crate) site: Site,
    pub(crate) queues: VirtualQueues,
    pub(crate) host: HostQueueUrl,
    way: Way,
}

/// An interface of virtual queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// The handle.
    Handle,
    /// The drop-in client.
    DropIn,
}

enum Way {
    Handle,
    Client(Client),
}

/// An error, with SQS's code and its full text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// SQS's answer to a send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) md5_of_body: String,
}

/// A message to send.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letter {
    pub(crate) body: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) delay: Option<u64>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
}

/// The parameters of a receive; `Default` sets none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) max: Option<i32>,
    pub(crate) wait: Option<i32>,
    pub(crate) visibility: Option<i32>,
    pub(crate) attributes: Vec<&'static str>,
    pub(crate) system: Vec<MessageSystemAttributeName>,
}

pub(crate) type Outcome<T> = Result<T, Problem>;

impl Subject {
    pub(crate) async fn new(site: Site, face: Face) -> Self {
        let queues = site.queues();
        let way = match face {
            Face::Handle => Way::Handle,
            Face::DropIn => Way::Client(queues.client(&site.client)),
        };
        Self {
            queues,
            host: site.host("host").await,
            site,
            way,
        }
    }

    pub(crate) async fn create(&self, name: &str) -> VirtualQueueUrl {
        self.create_on(&self.host, name, &[], &[]).await.unwrap()
    }

    pub(crate) async fn create_on(
        &self,
        host: &HostQueueUrl,
        name: &str,
        attributes: &[(&str, &str)],
        tags: &[(&str, &str)],
    ) -> Outcome<VirtualQueueUrl> {
        match &self.way {
            Way::Handle => {
                let mut plan = CreateQueue::named(name);
                for (name, value) in attributes {
                    assert_eq!(*name, "IdleQueueRetentionPeriodSeconds");
                    plan = plan.idle_retention(Duration::from_secs(value.parse().unwrap()));
                }
                for (key, value) in tags {
                    plan = plan.tag(*key, *value);
                }
                Ok(self.queues.create(host, plan)?.url().clone())
            }
            Way::Client(client) => {
                let mut create = client
                    .create_queue()
                    .queue_name(name)
                    .attributes("HostQueueUrl".into(), host.as_str());
                for (name, value) in attributes {
                    create = create.attributes((*name).into(), *value);
                }
                for (key, value) in tags {
                    create = create.tags(*key, *value);
                }
                let url = create.send().await?.queue_url.unwrap();
                Ok(url.parse().unwrap())
            }
        }
    }

    pub(crate) async fn delete_queue(&self, url: &VirtualQueueUrl) -> Outcome<()> {
        match &self.way {
            Way::Handle => Ok(self.queue(url)?.delete_queue()?),
            Way::Client(client) => {
                client.delete_queue().queue_url(url.as_str()).send().await?;
                Ok(())
            }
        }
    }

    pub(crate) async fn send(
        &self,
        url: &VirtualQueueUrl,
        letter: impl Into<Letter>,
    ) -> Outcome<Sent> {
        let letter = letter.into();
        match &self.way {
            Way::Handle => {
                let sent = self.queues.send(url, outgoing(letter)).await?;
                Ok(Sent {
                    id: sent.message_id,
                    md5_of_body: sent.md5_of_message_body,
                })
            }
            Way::Client(client) => {
                let attributes = letter.attributes.iter();
                let attributes = attributes.map(|(name, value)| (name.clone(), text(value)));
                let sent = client
                    .send_message()
                    .queue_url(url.as_str())
                    .message_body(letter.body)
                    .set_message_attributes(Some(attributes.collect()))
                    .set_delay_seconds(letter.delay.map(|delay| delay as i32))
                    .set_message_group_id(letter.group)
                    .set_message_deduplication_id(letter.deduplication)
                    .send()
                    .await?;
                Ok(Sent {
                    id: sent.message_id.unwrap(),
                    md5_of_body: sent.md5_of_message_body.unwrap(),
                })
            }
        }
    }

    pub(crate) async fn send_batch(
        &self,
        url: &VirtualQueueUrl,
        letters: Vec<Letter>,
    ) -> Vec<Outcome<String>> {
        match &self.way {
            Way::Handle => {
                let queue = self.queue(url).unwrap();
                let sent = queue.send_all(letters.into_iter().map(outgoing)).await;
                let sent = sent.into_iter();
                sent.map(|sent| Ok(sent?.message_id)).collect()
            }
            Way::Client(client) => {
                let entries = letters.into_iter().enumerate().map(|(id, letter)| {
                    let attributes = letter.attributes.iter();
                    let attributes = attributes.map(|(name, value)| (name.clone(), text(value)));
                    SendMessageBatchRequestEntry::builder()
                        .id(id.to_string())
                        .message_body(letter.body)
                        .set_message_attributes(Some(attributes.collect()))
                        .set_message_group_id(letter.group)
                        .build()
                        .unwrap()
                });
                let entries: Vec<_> = entries.collect();
                let count = entries.len();
                let send = client.send_message_batch().queue_url(url.as_str());
                let output = send.set_entries(Some(entries)).send().await.unwrap();
                let done = output.successful.into_iter().map(|e| (e.id, e.message_id));
                by_entry(count, done, output.failed)
            }
        }
    }

    pub(crate) async fn receive(&self, url: &VirtualQueueUrl, ask: Ask) -> Outcome<Vec<Message>> {
        match &self.way {
            Way::Handle => {
                let mut receive = self
                    .queue(url)?
                    .receive()
                    .max(ask.max.unwrap_or(1) as usize);
                receive = match ask.wait {
                    Some(wait) => receive.wait(Duration::from_secs(wait as u64)),
                    None => receive.wait_as_host(),
                };
                if let Some(visibility) = ask.visibility {
                    receive = receive.visibility(Duration::from_secs(visibility as u64));
                }
                let receive = receive
                    .attributes(ask.attributes)
                    .system_attributes(ask.system);
                Ok(receive.await?)
            }
            Way::Client(client) => {
                let mut receive = client.receive_message().queue_url(url.as_str());
                for name in ask.attributes {
                    receive = receive.message_attribute_names(name);
                }
                let received = receive
                    .set_message_system_attribute_names(Some(ask.system))
                    .set_max_number_of_messages(ask.max)
                    .set_wait_time_seconds(ask.wait)
                    .set_visibility_timeout(ask.visibility)
                    .send()
                    .await?;
                Ok(received.messages.unwrap_or_default())
            }
        }
    }

    /// Receives one message with all its attributes, waiting for it.
    pub(crate) async fn receive_one(&self, url: &VirtualQueueUrl) -> Message {
        let ask = Ask {
            wait: Some(20),
            attributes: vec!["All"],
            system: vec![MessageSystemAttributeName::All],
            ..Ask::default()
        };
        let mut received = self.receive(url, ask).await.unwrap();
        assert_eq!(received.len(), 1, "one message within 20 s");
        received.remove(0)
    }

    pub(crate) async fn delete(&self, url: &VirtualQueueUrl, message: &Message) -> Outcome<()> {
        let handle = message.receipt_handle().unwrap();
        match &self.way {
            Way::Handle => Ok(self.queue(url)?.delete(handle).await?),
            Way::Client(client) => {
                let delete = client.delete_message().queue_url(url.as_str());
                delete.receipt_handle(handle).send().await?;
                Ok(())
            }
        }
    }

    pub(crate) async fn delete_batch(
        &self,
        url: &VirtualQueueUrl,
        handles: &[&str],
    ) -> Vec<Outcome<()>> {
        match &self.way {
            Way::Handle => {
                let queue = self.queue(url).unwrap();
                let deleted = queue.delete_all(handles.iter().copied()).await;
                deleted.into_iter().map(|it| Ok(it?)).collect()
            }
            Way::Client(client) => {
                let mut delete = client.delete_message_batch().queue_url(url.as_str());
                for (id, handle) in handles.iter().enumerate() {
                    let entry = DeleteMessageBatchRequestEntry::builder()
                        .id(id.to_string())
                        .receipt_handle(*handle);
                    delete = delete.entries(entry.build().unwrap());
                }
                let output = delete.send().await.unwrap();
                let done = output.successful.into_iter().map(|e| (e.id, ()));
                by_entry(handles.len(), done, output.failed)
            }
        }
    }

    pub(crate) async fn change_visibility(
        &self,
        url: &VirtualQueueUrl,
        message: &Message,
        seconds: i32,
    ) -> Outcome<()> {
        let handle = message.receipt_handle().unwrap();
        match &self.way {
            Way::Handle => {
                let to = Duration::from_secs(seconds as u64);
                Ok(self.queue(url)?.change_visibility(handle, to).await?)
            }
            Way::Client(client) => {
                let change = client
                    .change_message_visibility()
                    .queue_url(url.as_str())
                    .receipt_handle(handle);
                change.visibility_timeout(seconds).send().await?;
                Ok(())
            }
        }
    }

    pub(crate) async fn change_visibility_batch(
        &self,
        url: &VirtualQueueUrl,
        changes: &[(&str, i32)],
    ) -> Vec<Outcome<()>> {
        match &self.way {
            Way::Handle => {
                let changes = changes.iter();
                let changes = changes.map(|(handle, s)| (*handle, Duration::from_secs(*s as u64)));
                let queue = self.queue(url).unwrap();
                let changed = queue.change_visibility_all(changes).await;
                changed.into_iter().map(|it| Ok(it?)).collect()
            }
            Way::Client(client) => {
                let mut change = client
                    .change_message_visibility_batch()
                    .queue_url(url.as_str());
                for (id, (handle, seconds)) in changes.iter().enumerate() {
                    let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(id.to_string())
                        .receipt_handle(*handle)
                        .visibility_timeout(*seconds);
                    change = change.entries(entry.build().unwrap());
                }
                let output = change.send().await.unwrap();
                let done = output.successful.into_iter().map(|e| (e.id, ()));
                by_entry(changes.len(), done, output.failed)
            }
        }
    }

    pub(crate) async fn purge(&self, url: &VirtualQueueUrl) -> Outcome<()> {
        match &self.way {
            Way::Handle => Ok(self.queue(url)?.purge().map(drop)?),
            Way::Client(client) => {
                client.purge_queue().queue_url(url.as_str()).send().await?;
                Ok(())
            }
        }
    }

    pub(crate) async fn attributes(
        &self,
        url: &VirtualQueueUrl,
        names: &[QueueAttributeName],
    ) -> Outcome<BTreeMap<String, String>> {
        let attributes = match &self.way {
            Way::Handle => self.queue(url)?.attributes(names.iter().cloned()).await?,
            Way::Client(client) => {
                let get = client.get_queue_attributes().queue_url(url.as_str());
                let output = get.set_attribute_names(Some(names.to_vec())).send().await?;
                output.attributes.unwrap_or_default()
            }
        };
        let attributes = attributes.into_iter();
        Ok(attributes
            .map(|(name, value)| (name.as_str().to_owned(), value))
            .collect())
    }

    pub(crate) async fn set_retention(&self, url: &VirtualQueueUrl, seconds: u64) -> Outcome<()> {
        match &self.way {
            Way::Handle => {
                let retention = Some(Duration::from_secs(seconds));
                Ok(self.queue(url)?.set_idle_retention(retention)?)
            }
            Way::Client(client) => {
                let set = client.set_queue_attributes().queue_url(url.as_str());
                let name = QueueAttributeName::from("IdleQueueRetentionPeriodSeconds");
                set.attributes(name, seconds.to_string()).send().await?;
                Ok(())
            }
        }
    }

    pub(crate) async fn tag(&self, url: &VirtualQueueUrl, tags: &[(&str, &str)]) -> Outcome<()> {
        match &self.way {
            Way::Handle => Ok(self.queue(url)?.tag(tags.iter().copied())?),
            Way::Client(client) => {
                let mut tag = client.tag_queue().queue_url(url.as_str());
                for (key, value) in tags {
                    tag = tag.tags(*key, *value);
                }
                tag.send().await?;
                Ok(())
            }
        }
    }

    pub(crate) async fn untag(&self, url: &VirtualQueueUrl, key: &str) -> Outcome<()> {
        match &self.way {
            Way::Handle => Ok(self.queue(url)?.untag([key])?),
            Way::Client(client) => {
                let untag = client.untag_queue().queue_url(url.as_str());
                untag.tag_keys(key).send().await?;
                Ok(())
            }
        }
    }

    pub(crate) async fn tags(&self, url: &VirtualQueueUrl) -> Outcome<BTreeMap<String, String>> {
        match &self.way {
            Way::Handle => Ok(self.queue(url)?.tags()?),
            Way::Client(client) => {
                let list = client.list_queue_tags().queue_url(url.as_str());
                let tags = list.send().await?.tags.unwrap_or_default();
                Ok(tags.into_iter().collect())
            }
        }
    }

    pub(crate) async fn url_of(&self, name: &str) -> Outcome<String> {
        match &self.way {
            Way::Handle => {
                let name = name.parse().map_err(QueueError::from)?;
                let found = self.queues.find_by_name(&name);
                found.map(|queue| queue.url().to_string()).ok_or(Problem {
                    code: "AWS.SimpleQueueService.NonExistentQueue".into(),
                    text: String::new(),
                })
            }
            Way::Client(client) => {
                let found = client.get_queue_url().queue_name(name).send().await?;
                Ok(found.queue_url.unwrap())
            }
        }
    }

    fn queue(&self, url: &VirtualQueueUrl) -> Result<VirtualQueue, QueueError> {
        self.queues
            .find(url)
            .ok_or_else(|| QueueError::DoesNotExist(url.clone()))
    }
}

fn outgoing(letter: Letter) -> OutgoingMessage {
    let mut message = OutgoingMessage::new(letter.body);
    for (name, value) in letter.attributes {
        message = message.attribute(name, value);
    }
    if let Some(delay) = letter.delay {
        message = message.delay(Duration::from_secs(delay));
    }
    if let Some(group) = letter.group {
        message = message.group(group);
    }
    if let Some(id) = letter.deduplication {
        message = message.deduplication(id);
    }
    message
}

fn by_entry<T>(
    count: usize,
    done: impl Iterator<Item = (String, T)>,
    failed: Vec<aws_sdk_sqs::types::BatchResultErrorEntry>,
) -> Vec<Outcome<T>> {
    let mut results: BTreeMap<String, Outcome<T>> = done.map(|(id, it)| (id, Ok(it))).collect();
    for entry in failed {
        let problem = Problem {
            code: entry.code,
            text: entry.message.unwrap_or_default(),
        };
        results.insert(entry.id, Err(problem));
    }
    (0..count)
        .map(|id| {
            results
                .remove(&id.to_string())
                .expect("every entry has an answer")
        })
        .collect()
}

impl From<&str> for Letter {
    fn from(body: &str) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }
}

impl Letter {
    pub(crate) fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        let code = match &error {
            QueueError::DoesNotExist(_) => "AWS.SimpleQueueService.NonExistentQueue",
            QueueError::InvalidMessage(InvalidMessage::Body(_)) => "InvalidMessageContents",
            QueueError::Call(fault) => fault.code().unwrap_or("none"),
            QueueError::Closed => "closed",
            QueueError::InvalidMessage(_)
            | QueueError::InvalidName(_)
            | QueueError::InvalidTag(_)
            | QueueError::OutOfRange { .. } => "InvalidParameterValue",
            other => panic!("no check expects {other:?}"),
        };
        Self {
            code: code.into(),
            text: with_causes(&error),
        }
    }
}

impl<E: ProvideErrorMetadata + Error + 'static> From<SdkError<E>> for Problem {
    fn from(error: SdkError<E>) -> Self {
        let code = error.code().unwrap_or("none").to_owned();
        let text = match error.message() {
            Some(message) => message.to_owned(),
            None => with_causes(&error),
        };
        Self { code, text }
    }
}

impl Problem {
    /// Whether the queue does not exist. Servers that support only JSON have their own code for this.
    pub(crate) fn is_gone(&self) -> bool {
        let code = self.code.as_str();
        code == "AWS.SimpleQueueService.NonExistentQueue" || code == "QueueDoesNotExist"
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

impl Error for Problem {}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
