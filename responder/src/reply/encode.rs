//! Encodes a reply as an SQS message.
//!
//! Owns: the message's attributes, and the check that SQS will take it. Does not send. Invariant: an encoded reply
//! keeps every rule of SQS, except a lower `MaximumMessageSize` of the queue, which only SQS knows.

use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use sqs_rpc_protocol::limits::{self, AttributeNameError, BodyError, MAX_FIFO_ID};
use sqs_rpc_protocol::{ErrorCode, HostQueueUrl, QueueUrl, ReplyEnvelope, ReplyHeader, RequestId};
use sqs_rpc_transport::{Counter, Random};

use super::Reply;

/// A reply that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The real queue that it is sent to.
    pub(crate) queue: HostQueueUrl,
    pub(crate) entry: SendMessageBatchRequestEntryBuilder,
    /// The message's size, as SQS counts it against its limit.
    pub(crate) bytes: usize,
}

/// A reply that SQS would refuse. The error's text never shows the reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodeError {
    #[error(
        "the reply has {bytes} bytes with its attributes: 1 to {} are allowed",
        limits::MAX_MESSAGE_BYTES
    )]
    TooLarge { bytes: usize },
    #[error("the body of the reply cannot be sent")]
    Body(#[source] BodyError),
    #[error("an attribute of the reply cannot be sent")]
    AttributeName(#[from] AttributeNameError),
    #[error("the value of a reply's attribute cannot be sent")]
    AttributeValue(#[source] BodyError),
    #[error(
        "the reply has {found} attributes: 0 to {} are allowed",
        limits::MAX_USER_ATTRIBUTES
    )]
    TooManyAttributes { found: usize },
}

impl EncodeError {
    /// The counter for this error.
    pub(crate) const fn counter(&self) -> Counter {
        match self {
            Self::TooLarge { .. } => Counter::RepliesTooLarge,
            _ => Counter::RepliesUnsendable,
        }
    }

    /// The error reply that is sent instead of `reply`. If `reply` is an error, its code stays.
    pub(crate) fn instead_of(&self, reply: &Reply) -> Reply {
        if let Some(error) = reply.bare_error() {
            return error;
        }
        match self {
            Self::TooLarge { .. } => Reply::error(ErrorCode::REPLY_TOO_LARGE, self.to_string()),
            _ => Reply::error(ErrorCode::INTERNAL, "the reply could not be sent"),
        }
    }
}

/// Whether SQS takes `reply` at `address`.
pub(crate) fn check(
    address: &QueueUrl,
    request_id: Option<RequestId>,
    reply: &Reply,
) -> Result<(), EncodeError> {
    envelope_and_size(address, request_id, reply).map(drop)
}

/// The protocol's attributes: name and value.
type Envelope = Vec<(&'static str, String)>;

/// The protocol's attributes, and the size of the message. Fails if SQS would refuse the message.
fn envelope_and_size(
    address: &QueueUrl,
    request_id: Option<RequestId>,
    reply: &Reply,
) -> Result<(Envelope, usize), EncodeError> {
    limits::check_body(reply.body()).map_err(EncodeError::Body)?;
    let found = reply.attributes().count();
    if found > limits::MAX_USER_ATTRIBUTES {
        return Err(EncodeError::TooManyAttributes { found });
    }
    for (name, value) in reply.attributes() {
        limits::check_user_attribute_name(name)?;
        limits::check_attribute_value(value).map_err(EncodeError::AttributeValue)?;
    }

    let mut header = match reply.error_code() {
        None => ReplyHeader::ok(request_id),
        Some(code) => ReplyHeader::error(request_id, code.clone()),
    };
    // If the code is retryable by itself, the field is not needed.
    header.retryable = (reply.is_retryable() && !header.is_retryable()).then_some(true);
    header.content_type = reply.content_type().cloned();
    let envelope = ReplyEnvelope::to(address, header).encode();
    let counted = attributes(&envelope, reply).map(|(name, value)| (name, "String", value.len()));
    let bytes = limits::message_size(reply.body(), counted);
    if bytes > limits::MAX_MESSAGE_BYTES {
        return Err(EncodeError::TooLarge { bytes });
    }
    Ok((envelope, bytes))
}

/// All attributes of the message: the protocol's and the user's.
fn attributes<'a>(
    envelope: &'a [(&'static str, String)],
    reply: &'a Reply,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let ours = envelope.iter().map(|(name, value)| (*name, value.as_str()));
    ours.chain(reply.attributes())
}

/// Makes the message that carries `reply` to `address`.
pub(crate) fn encode(
    address: &QueueUrl,
    request_id: Option<RequestId>,
    reply: &Reply,
    random: &Random,
) -> Result<Outgoing, EncodeError> {
    let (envelope, bytes) = envelope_and_size(address, request_id, reply)?;
    let mut entry = SendMessageBatchRequestEntry::builder().message_body(reply.body());
    for (name, value) in attributes(&envelope, reply) {
        entry = entry.message_attributes(name, string(value));
    }
    let queue = address.host().clone();
    if queue.is_fifo() {
        // One group per virtual queue, so that replies to different requests do not wait for each other. Content-based
        // deduplication compares only bodies, and would drop one of two equal replies to two requesters.
        let group = address
            .as_virtual()
            .map_or("replies", |url| url.name().as_str());
        let group: String = group.chars().take(MAX_FIFO_ID).collect();
        entry = entry
            .message_group_id(group)
            .message_deduplication_id(random.uuid().to_string());
    }
    Ok(Outgoing {
        queue,
        entry,
        bytes,
    })
}

fn string(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .expect("the data type is set, and nothing else is required")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqs_rpc_protocol::{ContentType, ReplyStatus, names};

    const HOST: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/h";

    fn send(address: &str, reply: &Reply) -> Result<Outgoing, EncodeError> {
        let id = RequestId::from_bits(7);
        encode(
            &QueueUrl::parse(address).unwrap(),
            Some(id),
            reply,
            &Random::seeded(1),
        )
    }

    fn attribute(outgoing: &Outgoing, name: &str) -> Option<String> {
        let attributes = outgoing.entry.get_message_attributes().as_ref()?;
        attributes.get(name)?.string_value().map(str::to_owned)
    }

    #[test]
    fn a_reply_to_a_virtual_queue_carries_its_name() {
        let reply = Reply::new("42")
            .with_content_type(ContentType::json())
            .with_attribute("unit", "kg");
        let outgoing = send(&format!("{HOST}#r-1"), &reply).unwrap();
        assert_eq!(outgoing.queue.as_str(), HOST);
        assert_eq!(
            attribute(&outgoing, names::VIRTUAL_QUEUE_NAME).as_deref(),
            Some("r-1")
        );
        assert_eq!(attribute(&outgoing, "unit").as_deref(), Some("kg"));
        assert_eq!(outgoing.entry.get_message_group_id(), &None);
        let header =
            ReplyHeader::from_attribute(attribute(&outgoing, names::HEADER).as_deref()).unwrap();
        assert_eq!(header.status, ReplyStatus::Ok);
        assert_eq!(header.request_id, Some(RequestId::from_bits(7)));
        assert!(header.content_type.unwrap().is_json());
    }

    #[test]
    fn a_reply_to_a_real_queue_names_no_virtual_one() {
        let outgoing = send(HOST, &Reply::error(ErrorCode::OVERLOADED, "later")).unwrap();
        assert_eq!(attribute(&outgoing, names::VIRTUAL_QUEUE_NAME), None);
        let header =
            ReplyHeader::from_attribute(attribute(&outgoing, names::HEADER).as_deref()).unwrap();
        assert_eq!(header.error_code(), Some(&ErrorCode::OVERLOADED));
    }

    #[test]
    fn a_reply_to_a_fifo_host_has_its_own_group() {
        let address = format!("{HOST}.fifo#r-1");
        let random = Random::seeded(1);
        let ids = [(); 2].map(|()| {
            let sent = encode(
                &QueueUrl::parse(&address).unwrap(),
                None,
                &Reply::new("same"),
                &random,
            )
            .unwrap();
            assert_eq!(sent.entry.get_message_group_id().as_deref(), Some("r-1"));
            sent.entry.get_message_deduplication_id().clone().unwrap()
        });
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn an_unsendable_reply_becomes_an_error_reply() {
        let full = "x".repeat(limits::MAX_MESSAGE_BYTES);
        let too_large = send(HOST, &Reply::new(full)).unwrap_err();
        assert!(
            matches!(too_large, EncodeError::TooLarge { bytes } if bytes > limits::MAX_MESSAGE_BYTES)
        );
        assert_eq!(
            too_large.instead_of(&Reply::new("x")).error_code(),
            Some(&ErrorCode::REPLY_TOO_LARGE)
        );

        let eight = (0..8).fold(Reply::new("x"), |reply, i| {
            reply.with_attribute(format!("a{i}"), "x")
        });
        for (reply, expected) in [
            (Reply::new(""), EncodeError::Body(BodyError::Empty)),
            (eight, EncodeError::TooManyAttributes { found: 8 }),
            (
                Reply::new("x").with_attribute("a", ""),
                EncodeError::AttributeValue(BodyError::Empty),
            ),
        ] {
            let error = send(HOST, &reply).unwrap_err();
            assert_eq!(error, expected);
            assert_eq!(
                error.instead_of(&reply).error_code(),
                Some(&ErrorCode::INTERNAL)
            );
        }
        let reserved = send(
            HOST,
            &Reply::new("x").with_attribute(names::HEADER, "1;rep"),
        )
        .unwrap_err();
        assert!(matches!(
            reserved,
            EncodeError::AttributeName(AttributeNameError::Reserved(_))
        ));
    }

    #[test]
    fn an_error_reply_keeps_its_code_whatever_its_text() {
        let code = ErrorCode::from_static("users.unknown");
        let long = "x".repeat(2 * limits::MAX_MESSAGE_BYTES);
        for text in [
            "",
            "no user\u{1b}[0m",
            "\u{0}",
            &long,
            &"\u{7f}€".repeat(9_999),
        ] {
            let outgoing = send(HOST, &Reply::error(code.clone(), text)).unwrap();
            let header =
                ReplyHeader::from_attribute(attribute(&outgoing, names::HEADER).as_deref())
                    .unwrap();
            assert_eq!(header.error_code(), Some(&code));
        }
        let eight = (0..8).fold(Reply::error(code.clone(), "x"), |reply, i| {
            reply.with_attribute(format!("a{i}"), "x")
        });
        for reply in [
            eight,
            Reply::error(code.clone(), "x").with_attribute("a", ""),
            Reply::error(code.clone(), "x").with_attribute("SqsRpc", "x"),
            Reply::error(code.clone(), "x").with_attribute("a", long.clone()),
        ] {
            let error = send(HOST, &reply.clone().retryable()).unwrap_err();
            let instead = error.instead_of(&reply.retryable());
            assert_eq!(instead.error_code(), Some(&code));
            assert!(instead.is_retryable() && send(HOST, &instead).is_ok());
        }
    }

    #[test]
    fn the_header_states_retryable_unless_the_code_implies_it() {
        let header = |reply: &Reply| attribute(&send(HOST, reply).unwrap(), names::HEADER).unwrap();
        let busy = Reply::error(ErrorCode::from_static("db.busy"), "x");
        assert!(!header(&busy).contains("retry"));
        assert!(header(&busy.retryable()).contains(";code=db.busy;retry=1;"));
        let overloaded = Reply::error(ErrorCode::OVERLOADED, "x").retryable();
        assert!(!header(&overloaded).contains("retry"));
        assert!(!header(&Reply::new("x").retryable()).contains("retry"));
    }

    #[test]
    fn a_reply_of_exactly_the_limit_is_allowed() {
        let address = format!("{HOST}#r");
        let overhead = send(&address, &Reply::new("x")).unwrap().bytes - 1;
        let fits = Reply::new("x".repeat(limits::MAX_MESSAGE_BYTES - overhead));
        assert_eq!(
            send(&address, &fits).unwrap().bytes,
            limits::MAX_MESSAGE_BYTES
        );
        let over = Reply::new(format!("{}x", fits.body()));
        assert!(matches!(
            send(&address, &over),
            Err(EncodeError::TooLarge { .. })
        ));
    }
}
