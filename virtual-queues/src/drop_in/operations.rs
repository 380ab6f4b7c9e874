//! The operations on virtual queues: this file has the operations on the queue itself, and dispatches the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::error::ConnectorError;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqs_rpc_protocol::{HostQueueUrl, VirtualQueueUrl, names};

use super::answer_members::{Attributes, Body, Empty, QueueUrl, Received, Tags, respond};
use super::for_virtual_queue::{named, screen};
use super::make_queue::MakeQueue;
use super::refusal::{Failure, Kind, Refusal};
use super::request_members::{
    Addressed, CreateQueue, GetQueueAttributes, GetQueueUrl, SetQueueAttributes, TagQueue,
    UntagQueue,
};
use crate::{CreateQueue as Plan, VirtualQueue, VirtualQueues};

/// Serves calls for virtual queues. It keeps the multiplexer running.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) queues: VirtualQueues,
    /// Creates queues whose request names no host.
    maker: Option<Arc<dyn MakeQueue>>,
}

/// The result of a call that is served here.
pub(super) type Served = Result<Body, Failure>;

impl Service {
    pub(super) const fn new(queues: VirtualQueues) -> Self {
        Self {
            queues,
            maker: None,
        }
    }

    pub(super) const fn making(queues: VirtualQueues, maker: Arc<dyn MakeQueue>) -> Self {
        Self {
            queues,
            maker: Some(maker),
        }
    }

    /// Whether every CreateQueue is served here.
    const fn makes_all(&self) -> bool {
        self.maker.is_some()
    }

    /// The operation, if the request concerns a virtual queue.
    pub(super) fn screen(&self, request: &HttpRequest) -> Option<String> {
        let target = request.headers().get("x-amz-target")?;
        screen(
            &self.queues,
            self.makes_all(),
            target,
            request.body().bytes()?,
        )
    }

    /// Serves a call that was screened. The future is dropped when the SDK's own timeouts end the call. That loses no
    /// messages.
    pub(super) async fn serve(
        &self,
        operation: &str,
        body: &[u8],
    ) -> Result<HttpResponse, ConnectorError> {
        match self.dispatch(operation, body).await {
            Ok(body) => Ok(respond(Ok(body), self.request_id())),
            Err(Failure::Refused(refusal)) => Ok(respond(Err(refusal), self.request_id())),
            Err(Failure::Lost(error)) => Err(error),
        }
    }

    fn request_id(&self) -> String {
        self.queues.sqs().random().uuid().to_string()
    }

    async fn dispatch(&self, operation: &str, body: &[u8]) -> Served {
        match operation {
            "CreateQueue" => self.create(read(body)?).await,
            "GetQueueUrl" => self.find(&read(body)?),
            "DeleteQueue" => {
                self.addressed(body)?.delete_queue()?;
                write(&Empty {})
            }
            "PurgeQueue" => {
                self.addressed(body)?.purge()?;
                write(&Empty {})
            }
            "GetQueueAttributes" => self.attributes(read(body)?).await,
            "SetQueueAttributes" => self.set_attributes(read(body)?),
            "TagQueue" => self.tag(read(body)?),
            "UntagQueue" => self.untag(read(body)?),
            "ListQueueTags" => {
                let tags = self.addressed(body)?.tags()?;
                write(&Tags { tags })
            }
            "SendMessage" => write(&self.send(read(body)?).await?),
            "ReceiveMessage" => write(&Received::from(self.receive(read(body)?).await?)),
            "DeleteMessage" => write(&self.delete(read(body)?).await?),
            "ChangeMessageVisibility" => write(&self.change(read(body)?).await?),
            "SendMessageBatch" => write(&self.send_batch(read(body)?).await?),
            "DeleteMessageBatch" => write(&self.delete_batch(read(body)?).await?),
            "ChangeMessageVisibilityBatch" => write(&self.change_batch(read(body)?).await?),
            _ => {
                let text = format!("{operation} is not supported on a virtual queue.");
                Err(Refusal::new(Kind::UnsupportedOperation, text).into())
            }
        }
    }

    /// The virtual queue that a request addresses, if it exists in this process.
    pub(super) fn queue(&self, url: Option<&str>) -> Result<VirtualQueue, Failure> {
        Ok(self.queues.existing(&virtual_url(url)?)?)
    }

    fn addressed(&self, body: &[u8]) -> Result<VirtualQueue, Failure> {
        let request: Addressed = read(body)?;
        self.queue(request.queue_url.as_deref())
    }

    async fn create(&self, request: CreateQueue) -> Served {
        if let Some(maker) = &self.maker
            && !names_a_host(&request)
        {
            return self.create_without_host(&**maker, request).await;
        }
        self.create_on_host(request)
    }

    fn create_on_host(&self, request: CreateQueue) -> Served {
        let name = request.queue_name.ok_or(Refusal::missing("QueueName"))?;
        let mut attributes = request.attributes.unwrap_or_default();
        let host = attributes.remove(names::HOST_QUEUE_URL).unwrap_or_default();
        let retention = attributes.remove(names::IDLE_RETENTION);
        if let Some(other) = attributes.keys().next() {
            let text = format!(
                "Attribute {other} cannot be set on a virtual queue: only {} and {} can.",
                names::HOST_QUEUE_URL,
                names::IDLE_RETENTION
            );
            return Err(Refusal::new(Kind::InvalidAttributeName, text).into());
        }
        let host = HostQueueUrl::parse(&host).map_err(|error| {
            let text = format!("Attribute {} is invalid: {error}.", names::HOST_QUEUE_URL);
            Refusal::new(Kind::InvalidAttributeValue, text)
        })?;
        let mut plan = Plan::named(name);
        if let Some(retention) = retention {
            plan = plan.idle_retention(retention_of(&retention)?);
        }
        for (key, value) in request.tags.unwrap_or_default() {
            plan = plan.tag(key, value);
        }
        let queue = self.queues.create(&host, plan)?;
        write_url(&queue)
    }

    fn find(&self, request: &GetQueueUrl) -> Served {
        let name = request.queue_name.as_deref().unwrap_or_default();
        // The screening found the queue, but it may have been deleted since.
        let queue = named(&self.queues, self.makes_all(), name).ok_or_else(|| {
            let text = format!("The virtual queue {name} does not exist.");
            Refusal::new(Kind::QueueDoesNotExist, text)
        })?;
        write_url(&queue)
    }

    async fn attributes(&self, request: GetQueueAttributes) -> Served {
        let queue = self.queue(request.queue_url.as_deref())?;
        let wanted = request.attribute_names.unwrap_or_default();
        let wanted = wanted
            .iter()
            .map(|name| QueueAttributeName::from(name.as_str()));
        let attributes = queue.attributes(wanted).await?.into_iter();
        let attributes = attributes.map(|(name, value)| (name.as_str().to_owned(), value));
        write(&Attributes {
            attributes: attributes.collect(),
        })
    }

    fn set_attributes(&self, request: SetQueueAttributes) -> Served {
        let queue = self.queue(request.queue_url.as_deref())?;
        let mut attributes = request.attributes.unwrap_or_default();
        let retention = attributes.remove(names::IDLE_RETENTION);
        if let Some(other) = attributes.keys().next() {
            let text = format!(
                "Attribute {other} of a virtual queue cannot be changed: only {} can.",
                names::IDLE_RETENTION
            );
            return Err(Refusal::new(Kind::UnsupportedOperation, text).into());
        }
        let retention = retention.ok_or(Refusal::missing("Attributes"))?;
        queue.set_idle_retention(Some(retention_of(&retention)?))?;
        write(&Empty {})
    }

    fn tag(&self, request: TagQueue) -> Served {
        let queue = self.queue(request.queue_url.as_deref())?;
        let tags: BTreeMap<_, _> = request.tags.ok_or(Refusal::missing("Tags"))?;
        queue.tag(tags)?;
        write(&Empty {})
    }

    fn untag(&self, request: UntagQueue) -> Served {
        let queue = self.queue(request.queue_url.as_deref())?;
        queue.untag(request.tag_keys.ok_or(Refusal::missing("TagKeys"))?)?;
        write(&Empty {})
    }
}

fn names_a_host(request: &CreateQueue) -> bool {
    let attributes = request.attributes.as_ref();
    attributes.is_some_and(|given| given.contains_key(names::HOST_QUEUE_URL))
}

/// Reads the members of a request.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        // The error's own text may quote the input.
        let text = format!(
            "The request is malformed at line {}, column {}.",
            error.line(),
            error.column()
        );
        Refusal::new(Kind::MalformedInput, text)
    })
}

/// Writes the members of an answer.
fn write(answer: &impl Serialize) -> Served {
    serde_json::to_value(answer)
        .map_err(|error| Failure::Lost(ConnectorError::other(error.into(), None)))
}

pub(super) fn write_url(queue: &VirtualQueue) -> Served {
    write(&QueueUrl {
        queue_url: queue.url().to_string(),
    })
}

/// Reads the URL of a virtual queue.
pub(super) fn virtual_url(url: Option<&str>) -> Result<VirtualQueueUrl, Refusal> {
    VirtualQueueUrl::parse(url.unwrap_or_default())
        .map_err(|error| Refusal::new(Kind::InvalidAddress, format!("{error}.")))
}

pub(super) fn retention_of(seconds: &str) -> Result<Duration, Refusal> {
    match seconds.parse() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => {
            let text = format!(
                "Attribute {} is invalid: allowed are whole seconds, 1 and more.",
                names::IDLE_RETENTION
            );
            Err(Refusal::new(Kind::InvalidAttributeValue, text))
        }
    }
}
