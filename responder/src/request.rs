//! A request as a handler sees it, and how it is made from an SQS message.
//!
//! Owns: which messages can be handled ([`Received::read`]). Does not own: time, calls, or what happens to a message
//! that is not handled. Invariant: a [`Request`] was received whole, its header is valid, and its return address, if it
//! has one, is allowed.

use std::fmt;

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName as System};
use sqs_rpc_protocol::{
    Attribute, ContentType, EnvelopeError, HostQueueUrl, IdempotencyKey, Operation, QueueUrl,
    Refusal, RequestEnvelope, RequestHeader, RequestId, ReturnAddressPolicy, SqsTime, TraceContext,
    names,
};
use sqs_rpc_transport::is_intact;

use crate::Deadline;

/// A request: a message from the request queue that a handler is to handle.
///
/// `Debug` shows neither the body nor the attributes nor the receipt handle.
#[derive(Clone)]
pub struct Request {
    message: Message,
    envelope: RequestEnvelope,
    queue: HostQueueUrl,
    deadline: Deadline,
}

impl Request {
    /// The body. It is not empty, because SQS allows no empty body.
    #[must_use]
    pub fn body(&self) -> &str {
        self.message.body().unwrap_or_default()
    }

    /// The body, without copying it.
    #[must_use]
    pub fn into_body(self) -> String {
        self.message.body.unwrap_or_default()
    }

    /// A message attribute that the requester set; `None` for the protocol's own.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&MessageAttributeValue> {
        if names::is_reserved(name) {
            return None;
        }
        self.message.message_attributes()?.get(name)
    }

    /// All message attributes that the requester set; at most 7 from `sqs-requester`.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &MessageAttributeValue)> {
        let all = self.message.message_attributes().into_iter().flatten();
        all.map(|(name, value)| (name.as_str(), value))
            .filter(|(name, _)| !names::is_reserved(name))
    }

    /// The queue that the request came from.
    #[must_use]
    pub const fn queue(&self) -> &HostQueueUrl {
        &self.queue
    }

    /// Where the reply goes. `None` if the request is one-way.
    #[must_use]
    pub const fn return_address(&self) -> Option<&QueueUrl> {
        self.envelope.return_address.as_ref()
    }

    /// The request's id, the same on every delivery. `None` from a Java requester, which sends no id.
    #[must_use]
    pub fn request_id(&self) -> Option<RequestId> {
        self.envelope.request_id()
    }

    /// The key that marks requests that mean the same, if the requester set it.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.header()?.idempotency_key.as_ref()
    }

    /// The operation of the service that the request is for, if the requester set it.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        self.header()?.operation.as_ref()
    }

    /// The body's content type, if the requester stated it.
    #[must_use]
    pub fn content_type(&self) -> Option<&ContentType> {
        self.header()?.content_type.as_ref()
    }

    /// The trace that the request belongs to, if the requester sent one.
    #[must_use]
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.header()?.trace_context.as_ref()
    }

    /// Until when the requester waits.
    #[must_use]
    pub const fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    /// SQS's id of the message, the same on every delivery.
    #[must_use]
    pub fn message_id(&self) -> &str {
        self.message.message_id().unwrap_or_default()
    }

    /// The sender, as SQS writes it on the message (`SenderId`): the unique id of an IAM user, or of a role and its
    /// session (`AROA..:session`). `None` from a server that does not state it. Nothing else in a request proves who
    /// sent it.
    #[must_use]
    pub fn sender_id(&self) -> Option<&str> {
        system(&self.message, &System::SenderId)
    }

    /// When SQS accepted the message, in SQS's time. `None` from a server that does not state it.
    pub(crate) fn sent(&self) -> Option<SqsTime> {
        sent(&self.message)
    }

    /// How often SQS has delivered the message, approximately; 1 the first time. `None` from a server that does not
    /// state it.
    #[must_use]
    pub fn receive_count(&self) -> Option<u32> {
        receive_count(&self.message)
    }

    /// The message group: an order of handling on a FIFO queue, a tenant on a standard queue.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        system(&self.message, &System::MessageGroupId)
    }

    /// The SDK's message, as it was received.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }

    const fn header(&self) -> Option<&RequestHeader> {
        self.envelope.header.as_ref()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("queue", &self.queue)
            .field("message_id", &self.message_id())
            .field("request_id", &self.request_id())
            .field("return_address", &self.return_address())
            .field("deadline", &self.deadline)
            .field("body_bytes", &self.body().len())
            .finish_non_exhaustive()
    }
}

/// The result of reading a message.
#[derive(Debug)]
pub(crate) enum Received {
    /// A request.
    Request(Box<Request>),
    /// The message was damaged on its way, or lacks its id or receipt handle. It is treated as not received.
    Corrupted,
    /// The header or the return address cannot be decoded. `address` is set if it could be read and is allowed.
    Undecodable {
        error: EnvelopeError,
        address: Option<QueueUrl>,
    },
    /// The return address is not allowed.
    Refused(Refusal),
}

impl Received {
    /// Reads a message from `queue`. `deadline` computes the deadline from the envelope and the time when SQS accepted
    /// the message.
    pub(crate) fn read(
        message: Message,
        queue: &HostQueueUrl,
        policy: &ReturnAddressPolicy,
        deadline: impl FnOnce(&RequestEnvelope, Option<SqsTime>) -> Deadline,
    ) -> Self {
        if message.message_id().is_none()
            || message.receipt_handle().is_none()
            || !is_intact(&message)
        {
            return Self::Corrupted;
        }
        let envelope = match envelope(&message) {
            Ok(envelope) => envelope,
            Err(error) => {
                let address =
                    return_address(&message).filter(|address| policy.check(queue, address).is_ok());
                return Self::Undecodable { error, address };
            }
        };
        if let Some(Err(refusal)) = envelope
            .return_address
            .as_ref()
            .map(|address| policy.check(queue, address))
        {
            return Self::Refused(refusal);
        }
        let deadline = deadline(&envelope, sent(&message));
        Self::Request(Box::new(Request {
            message,
            envelope,
            queue: queue.clone(),
            deadline,
        }))
    }
}

/// Decodes the protocol's attributes of a message.
pub(crate) fn envelope(message: &Message) -> Result<RequestEnvelope, EnvelopeError> {
    RequestEnvelope::decode(|name| attribute(message, name))
}

/// Decodes the return address alone, for an envelope that cannot be decoded as a whole.
fn return_address(message: &Message) -> Option<QueueUrl> {
    let lookup =
        |name: &str| attribute(message, name).filter(|_| name == names::RESPONSE_QUEUE_URL);
    RequestEnvelope::decode(lookup).ok()?.return_address
}

/// When SQS accepted the message.
pub(crate) fn sent(message: &Message) -> Option<SqsTime> {
    system(message, &System::SentTimestamp).and_then(SqsTime::parse_millis)
}

/// How often SQS has delivered the message.
pub(crate) fn receive_count(message: &Message) -> Option<u32> {
    system(message, &System::ApproximateReceiveCount)?
        .parse()
        .ok()
}

/// SQS's time when it delivered the message, if this is the first delivery.
///
/// `SentTimestamp` is earlier than this by the time that the message waited or was delayed (`DelaySeconds`), so it
/// cannot be used instead. `None` if the server claims that the message was received before it was sent.
pub(crate) fn first_received_now(message: &Message) -> Option<SqsTime> {
    if receive_count(message) != Some(1) {
        return None;
    }
    let received = system(message, &System::ApproximateFirstReceiveTimestamp)
        .and_then(SqsTime::parse_millis)?;
    (received >= sent(message)?).then_some(received)
}

fn attribute<'a>(message: &'a Message, name: &str) -> Option<Attribute<'a>> {
    let value = message.message_attributes()?.get(name)?;
    Some(Attribute {
        data_type: value.data_type(),
        string_value: value.string_value(),
    })
}

fn system<'a>(message: &'a Message, name: &System) -> Option<&'a str> {
    message.attributes()?.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use sqs_rpc_transport::Clock;

    use super::*;
    use aws_sdk_sqs::types::builders::MessageBuilder;

    const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/login";
    const ADDRESS: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/sqs-rpc-0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a-1#r";

    fn message(attributes: &[(&str, &str)]) -> MessageBuilder {
        let message = Message::builder()
            .message_id("m")
            .receipt_handle("receipt")
            .body("secret body");
        attributes.iter().fold(message, |message, (name, value)| {
            message.message_attributes(*name, string(value))
        })
    }

    fn string(value: &str) -> MessageAttributeValue {
        MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build()
            .unwrap()
    }

    fn read(message: MessageBuilder) -> Received {
        let queue = HostQueueUrl::parse(QUEUE).unwrap();
        Received::read(
            message.build(),
            &queue,
            &ReturnAddressPolicy::default(),
            |_, _| Deadline::new(None, Clock::system()),
        )
    }

    fn request(message: MessageBuilder) -> Request {
        match read(message) {
            Received::Request(request) => *request,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_request_shows_the_requesters_attributes_and_not_the_protocols() {
        let id = RequestId::from_bits(5);
        let header = RequestHeader::new(id).encode();
        let all = [
            ("ResponseQueueUrl", ADDRESS),
            ("SqsRpc", header.as_str()),
            ("tenant", "a"),
        ];
        let request = request(message(&all));
        assert_eq!(
            request
                .attributes()
                .map(|(name, _)| name)
                .collect::<Vec<_>>(),
            ["tenant"]
        );
        assert!(request.attribute("tenant").is_some() && request.attribute("SqsRpc").is_none());
        assert_eq!(request.request_id(), Some(id));
        assert_eq!(request.return_address().unwrap().as_str(), ADDRESS);
    }

    #[tokio::test]
    async fn debug_shows_neither_body_nor_attributes_nor_receipt() {
        let request =
            request(message(&[("tenant", "secret tenant")]).receipt_handle("secret receipt"));
        let text = format!("{request:?}");
        assert!(
            text.contains("body_bytes: 11") && !text.contains("secret"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_damaged_message_is_corrupted() {
        assert!(matches!(
            read(message(&[]).md5_of_body("00000000000000000000000000000000")),
            Received::Corrupted
        ));
        assert!(matches!(
            read(message(&[]).set_receipt_handle(None)),
            Received::Corrupted
        ));
        assert!(matches!(
            read(message(&[]).set_message_id(None)),
            Received::Corrupted
        ));
        // Java's requester sends no header, and some servers send no MD5.
        assert!(matches!(read(message(&[])), Received::Request(_)));
    }

    #[tokio::test]
    async fn a_bad_header_keeps_only_an_allowed_return_address() {
        let address = |attributes: &[(&str, &str)]| match read(message(attributes)) {
            Received::Undecodable { address, .. } => address.map(|url| url.as_str().to_owned()),
            other => panic!("{other:?}"),
        };
        let bad = ("SqsRpc", "2;req");
        assert_eq!(
            address(&[("ResponseQueueUrl", ADDRESS), bad]).as_deref(),
            Some(ADDRESS)
        );
        let other_account = "https://sqs.eu-west-1.amazonaws.com/210987654321/x#r";
        assert_eq!(address(&[("ResponseQueueUrl", other_account), bad]), None);
        assert_eq!(address(&[bad]), None);
        for hostile in [
            "",
            "not a url",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/q#\u{202e}",
        ] {
            assert_eq!(address(&[("ResponseQueueUrl", hostile)]), None, "{hostile}");
        }
    }

    #[tokio::test]
    async fn attributes_of_other_types_are_undecodable() {
        let number = MessageAttributeValue::builder()
            .data_type("Number")
            .string_value("1")
            .build()
            .unwrap();
        for name in ["ResponseQueueUrl", "SqsRpc"] {
            assert!(matches!(
                read(message(&[]).message_attributes(name, number.clone())),
                Received::Undecodable { .. }
            ));
        }
    }

    #[tokio::test]
    async fn a_foreign_return_address_is_refused() {
        for foreign in [
            QUEUE,
            "https://sqs.us-east-1.amazonaws.com/123456789012/sqs-rpc-x#r",
        ] {
            assert!(
                matches!(
                    read(message(&[("ResponseQueueUrl", foreign)])),
                    Received::Refused(_)
                ),
                "{foreign}"
            );
        }
    }
}
