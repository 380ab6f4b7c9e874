//! The operations on messages.

use std::ops::RangeInclusive;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use sqs_rpc_protocol::VirtualQueueUrl;
use sqs_rpc_protocol::limits::{MAX_DELAY, MAX_POLL_WAIT, MAX_RECEIVED, MAX_VISIBILITY};
use sqs_rpc_transport::md5_of_attributes;

use super::answer_members::{Empty, Sent as SentAnswer};
use super::operations::{Service, virtual_url};
use super::refusal::{Failure, Kind, Refusal};
use super::request_members::{Change, ReceiveMessage, Received, Sent, To};
use crate::{OutgoingMessage, VirtualQueue};

const VISIBILITY: RangeInclusive<u64> = 0..=MAX_VISIBILITY.as_secs();

impl Service {
    pub(super) async fn send(&self, request: To<Sent>) -> Result<SentAnswer, Failure> {
        let url = virtual_url(request.queue_url.as_deref())?;
        self.send_one(&url, request.members).await
    }

    pub(super) async fn receive(&self, request: ReceiveMessage) -> Result<Vec<Message>, Failure> {
        let queue = self.queue(request.queue_url.as_deref())?;
        if let Some(id) = &request.receive_request_attempt_id
            && !queue.url().host().is_fifo()
        {
            let text = format!(
                "Value {id} for parameter ReceiveRequestAttemptId is invalid. Reason: The request include parameter that is \
                 not valid for this queue type."
            );
            return Err(Refusal::new(Kind::InvalidParameterValue, text).into());
        }
        let max = within(
            request.max_number_of_messages,
            "MaxNumberOfMessages",
            1..=MAX_RECEIVED as u64,
        )?;
        let wait = within(
            request.wait_time_seconds,
            "WaitTimeSeconds",
            0..=MAX_POLL_WAIT.as_secs(),
        )?;
        let visibility = within(request.visibility_timeout, "VisibilityTimeout", VISIBILITY)?;
        let system = [
            request.attribute_names,
            request.message_system_attribute_names,
        ];
        let system: Result<Vec<_>, _> = system
            .iter()
            .flatten()
            .flatten()
            .map(|name| system_attribute(name))
            .collect();

        let mut receive = queue
            .receive()
            .max(max.map_or(1, |max| max as usize))
            .attributes(request.message_attribute_names.unwrap_or_default())
            .system_attributes(system?);
        receive = match wait {
            Some(wait) => receive.wait(Duration::from_secs(wait)),
            None => receive.wait_as_host(),
        };
        receive = match visibility {
            Some(visibility) => receive.visibility(Duration::from_secs(visibility)),
            None => receive.visibility_as_host(),
        };
        Ok(receive.send().await?)
    }

    pub(super) async fn delete(&self, request: To<Received>) -> Result<Empty, Failure> {
        let queue = self.queue(request.queue_url.as_deref())?;
        delete_one(&queue, request.members).await
    }

    pub(super) async fn change(&self, request: To<Change>) -> Result<Empty, Failure> {
        let queue = self.queue(request.queue_url.as_deref())?;
        change_one(&queue, request.members).await
    }

    /// Sends to any virtual queue: a queue that does not exist in this process may exist in another.
    pub(super) async fn send_one(
        &self,
        to: &VirtualQueueUrl,
        message: Sent,
    ) -> Result<SentAnswer, Failure> {
        let (message, digest) = outgoing(message)?;
        let sent = self.queues.send(to, message).await?;
        Ok(SentAnswer::new(sent, digest))
    }
}

pub(super) async fn delete_one(queue: &VirtualQueue, received: Received) -> Result<Empty, Failure> {
    let handle = received.receipt_handle;
    queue
        .delete(handle.ok_or(Refusal::missing("ReceiptHandle"))?)
        .await?;
    Ok(Empty {})
}

pub(super) async fn change_one(queue: &VirtualQueue, change: Change) -> Result<Empty, Failure> {
    let timeout = change.visibility_timeout;
    let timeout = timeout.ok_or_else(|| Refusal::missing("VisibilityTimeout"))?;
    let handle = change.receipt_handle;
    let handle = handle.ok_or_else(|| Refusal::missing("ReceiptHandle"))?;
    let timeout = within(Some(timeout), "VisibilityTimeout", VISIBILITY)?.unwrap_or_default();
    queue
        .change_visibility(handle, Duration::from_secs(timeout))
        .await?;
    Ok(Empty {})
}

/// Converts the message. Also returns the digest of the caller's attributes.
fn outgoing(sent: Sent) -> Result<(OutgoingMessage, Option<String>), Refusal> {
    let body = sent.message_body.filter(|body| !body.is_empty());
    let mut message = OutgoingMessage::new(body.ok_or(Refusal::missing("MessageBody"))?);
    if let Some(delay) = within(sent.delay_seconds, "DelaySeconds", 0..=MAX_DELAY.as_secs())? {
        message = message.delay(Duration::from_secs(delay));
    }
    let mut attributes = Vec::new();
    for (name, value) in sent.message_attributes.unwrap_or_default() {
        let value = value.into_sdk(&name)?;
        attributes.push((name, value));
    }
    let digest = md5_of_attributes(attributes.iter().map(|(name, value)| (name, value)));
    for (name, value) in attributes {
        message = message.message_attribute(name, value);
    }
    for (name, value) in sent.message_system_attributes.unwrap_or_default() {
        let Some(header) = value
            .string_value
            .filter(|_| name == MessageSystemAttributeName::AwsTraceHeader.as_str())
        else {
            let text = format!(
                "Message system attribute {name} is invalid: only AWSTraceHeader is allowed, of type String."
            );
            return Err(Refusal::new(Kind::InvalidParameterValue, text));
        };
        message = message.trace_header(header);
    }
    if let Some(group) = sent.message_group_id {
        message = message.group(group);
    }
    if let Some(id) = sent.message_deduplication_id {
        message = message.deduplication(id);
    }
    Ok((message, digest))
}

fn system_attribute(name: &str) -> Result<MessageSystemAttributeName, Refusal> {
    MessageSystemAttributeName::try_parse(name).map_err(|_| {
        Refusal::new(
            Kind::InvalidAttributeName,
            format!("Unknown Attribute {name}."),
        )
    })
}

fn within(
    value: Option<i64>,
    parameter: &str,
    allowed: RangeInclusive<u64>,
) -> Result<Option<u64>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    match u64::try_from(value) {
        Ok(value) if allowed.contains(&value) => Ok(Some(value)),
        _ => {
            let (from, to) = allowed.into_inner();
            let text = format!(
                "Value {value} for parameter {parameter} is invalid. Reason: Must be between {from} and {to}, if provided."
            );
            Err(Refusal::new(Kind::InvalidParameterValue, text))
        }
    }
}
