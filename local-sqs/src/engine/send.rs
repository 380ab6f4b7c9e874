//! Sending messages.

use super::api::{outputs::Sent, requests};
use super::contents::{self, Attributes};
use super::deduplication::Accepted;
use super::digest::{md5_of, md5_of_attributes};
use super::message::{Message, Number};
use super::name::QueueName;
use super::queue::{Queue, QueueId};
use super::{Caller, Engine, Output, SqsError};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// Sequence numbers have 20 digits.
const FIRST_SEQUENCE_NUMBER: u64 = 10_000_000_000_000_000_000;

/// The sequence number of a message that enters a FIFO queue.
pub(super) const fn sequence_number(number: Number) -> u64 {
    FIRST_SEQUENCE_NUMBER + (number << 8)
}

/// Whether a message is sent alone or in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    Alone,
    InBatch,
}

impl Engine {
    pub(super) fn send(
        &mut self,
        caller: &Caller,
        request: requests::SendMessage,
    ) -> Result<Output, SqsError> {
        let Some(id) = self.find_or_vanishing(caller, request.queue_url.as_deref())? else {
            return Ok(Output::Sent(self.vanish(&request)));
        };
        let sent = self.accept(id, caller, request, Sending::Alone)?;
        self.settle(id);
        Ok(Output::Sent(sent))
    }

    /// The queue to send to; `None` if the queue is being deleted and the send is accepted but lost.
    pub(super) fn find_or_vanishing(
        &self,
        caller: &Caller,
        url: Option<&str>,
    ) -> Result<Option<QueueId>, SqsError> {
        let found = self.find(caller, url);
        let still_deleting = || {
            let name = QueueName::from_url(caller, url.unwrap_or_default()).ok()?;
            let deleted = self.deleted.get(&name)?;
            Some(self.now < deleted.plus(self.behaviour.deletion))
        };
        match found {
            Err(_) if still_deleting() == Some(true) => Ok(None),
            found => found.map(Some),
        }
    }

    /// The answer to a send that is lost.
    pub(super) fn vanish(&mut self, request: &requests::SendMessage) -> Sent {
        Sent {
            message_id: self.new_id(),
            md5_of_message_body: md5_of(
                request
                    .message_body
                    .as_deref()
                    .unwrap_or_default()
                    .as_bytes(),
            ),
            md5_of_message_attributes: request
                .message_attributes
                .as_ref()
                .and_then(md5_of_attributes),
            ..Sent::default()
        }
    }

    /// Puts one message into a queue. Waiting polls are not served yet.
    pub(super) fn accept(
        &mut self,
        id: QueueId,
        caller: &Caller,
        request: requests::SendMessage,
        sending: Sending,
    ) -> Result<Sent, SqsError> {
        let now = self.now;
        let queue = self.queue(id)?;
        let body = request.message_body.filter(|body| !body.is_empty());
        let body = body.ok_or_else(|| SqsError::missing("MessageBody"))?;
        let attributes = request.message_attributes.unwrap_or_default();
        let system_attributes = request.message_system_attributes.unwrap_or_default();
        let trace_header = contents::trace_header(&system_attributes)?;
        check_contents(queue, &body, &attributes, sending)?;
        let mut delay = delay(queue, request.delay_seconds)?;
        let fifo_ids = FifoIds {
            group: request.message_group_id,
            deduplication_id: request.message_deduplication_id,
        };
        let fifo_ids = fifo_ids.checked(queue, &body)?;

        let mut sent = Sent {
            message_id: String::new(),
            md5_of_message_body: md5_of(body.as_bytes()),
            md5_of_message_attributes: md5_of_attributes(&attributes),
            md5_of_message_system_attributes: md5_of_attributes(&system_attributes),
            sequence_number: None,
        };
        let key = fifo_ids
            .deduplication_id
            .clone()
            .map(|id| (fifo_ids.deduplication_group(queue), id));
        let queue = self.queue_mut(id)?;
        if let Some(earlier) = key
            .as_ref()
            .and_then(|key| queue.deduplication.earlier(now, key))
        {
            sent.message_id = earlier.message_id.to_string();
            sent.sequence_number = Some(earlier.sequence_number.to_string());
            return Ok(sent);
        }
        let number = self.next_number();
        let message_id: Arc<str> = self.new_id().into();
        let sequence_number = key.as_ref().map(|_| sequence_number(number));
        sent.message_id = message_id.to_string();
        sent.sequence_number = sequence_number.map(|number| number.to_string());
        let message = Message {
            id: message_id.clone(),
            body,
            md5: sent.md5_of_message_body.as_str().into(),
            md5_of_attributes: sent.md5_of_message_attributes.as_deref().map(Arc::from),
            attributes,
            trace_header,
            sender: caller.principal.clone(),
            sent: now,
            enqueued: now,
            group: fifo_ids.group,
            deduplication_id: fifo_ids.deduplication_id,
            sequence_number,
            dead_letter_source: None,
            receives: 0,
            receives_here: 0,
            first_received: None,
        };
        if sequence_number.is_none() {
            delay += self.chance.sample(self.behaviour.delivery);
        }
        let queue = self.queue_mut(id)?;
        if let (Some(key), Some(sequence_number)) = (key, sequence_number) {
            queue.deduplication.remember(
                now,
                key,
                Accepted {
                    message_id,
                    sequence_number,
                },
            );
        }
        queue.store.insert(number, message, now, delay);
        Ok(sent)
    }
}

/// Group and de-duplication id of a send. On a standard queue the group is only a tenant's key.
struct FifoIds {
    group: Option<Arc<str>>,
    deduplication_id: Option<Arc<str>>,
}

impl FifoIds {
    /// Checks the ids for this queue, and fills in the de-duplication id from the content.
    fn checked(self, queue: &Queue, body: &str) -> Result<Self, SqsError> {
        let Self {
            group,
            deduplication_id,
        } = self;
        if let Some(group) = &group {
            contents::check_id(group, "MessageGroupId")?;
        }
        if let Some(id) = &deduplication_id {
            contents::check_id(id, "MessageDeduplicationId")?;
        }
        if !queue.settings.fifo {
            return match deduplication_id {
                Some(id) => Err(SqsError::invalid_value(
                    id,
                    "MessageDeduplicationId",
                    "The request includes a parameter that is not valid for this queue type.",
                )),
                None => Ok(Self {
                    group,
                    deduplication_id: None,
                }),
            };
        }
        check_order(queue, group.is_some(), deduplication_id.is_some())?;
        let of_content = || super::digest::hex(&Sha256::digest(body.as_bytes())).into();
        Ok(Self {
            group,
            deduplication_id: Some(deduplication_id.unwrap_or_else(of_content)),
        })
    }

    /// The group, if the de-duplication scope is the group.
    fn deduplication_group(&self, queue: &Queue) -> Option<Arc<str>> {
        self.group
            .clone()
            .filter(|_| queue.settings.deduplicates_by_group)
    }
}

/// Checks that a send to a FIFO queue has the required ids.
pub(super) fn check_order(
    queue: &Queue,
    has_group: bool,
    has_deduplication_id: bool,
) -> Result<(), SqsError> {
    if !has_group {
        return Err(SqsError::missing("MessageGroupId"));
    }
    if !has_deduplication_id && !queue.settings.content_based_deduplication {
        return Err(SqsError::invalid(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
             explicitly",
        ));
    }
    Ok(())
}

fn check_contents(
    queue: &Queue,
    body: &str,
    attributes: &Attributes,
    sending: Sending,
) -> Result<(), SqsError> {
    contents::check_attributes(attributes)?;
    contents::check_body(body)?;
    let most = queue.settings.maximum_message_size;
    if contents::length(body, attributes) > most as usize {
        // The text for an entry of a batch differs, as recorded on Amazon.
        let invalid = match sending {
            Sending::Alone => "are invalid",
            Sending::InBatch => "cannot be validated",
        };
        return Err(SqsError::invalid(format!(
            "One or more parameters {invalid}. Reason: Message must be shorter than {most} bytes."
        )));
    }
    Ok(())
}

fn delay(queue: &Queue, asked: Option<i64>) -> Result<Duration, SqsError> {
    if let (true, Some(seconds)) = (queue.settings.fifo, asked.filter(|&seconds| seconds != 0)) {
        let reason = "The request include parameter that is not valid for this queue type.";
        return Err(SqsError::invalid_value(seconds, "DelaySeconds", reason));
    }
    let seconds = match asked {
        Some(seconds) if !queue.settings.fifo => seconds,
        _ => queue.settings.delay_seconds.into(),
    };
    match u64::try_from(seconds) {
        Ok(seconds @ 0..=900) => Ok(Duration::from_secs(seconds)),
        _ => Err(SqsError::invalid_value(
            seconds,
            "DelaySeconds",
            "DelaySeconds must be >= 0 and <= 900.",
        )),
    }
}
