//! Checks a request in full, and adds the protocol's attributes.
//!
//! Invariant: SQS takes every message that [`Outgoing::new`] accepts, whatever its return address will be.

use std::time::Duration;

use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use sqs_rpc_protocol::limits::MAX_USER_ATTRIBUTES;
use sqs_rpc_protocol::{
    Deadline, QueueUrl, RequestEnvelope, RequestHeader, RequestId, SqsTime, VirtualQueueUrl, names,
};
use sqs_virtual_queues::InvalidMessage;

use crate::options::TIMEOUT;
use crate::request::Target;
use crate::{InvalidOption, Request, RequestError};

/// The number of bytes that is counted for the return address before the address is known. Addresses on Amazon's SQS are
/// shorter. With a longer address, SQS may refuse a message that is nearly as large as the limit.
const ADDRESS_BYTES: usize = 256;

/// A request that was checked and waits for its return address.
#[derive(Debug)]
pub(super) struct Outgoing {
    queue: QueueUrl,
    timeout: Duration,
    header: RequestHeader,
    entry: SendMessageBatchRequestEntryBuilder,
}

impl Outgoing {
    /// Checks the whole request.
    pub(super) fn new(
        request: Request,
        id: RequestId,
        default_timeout: Duration,
    ) -> Result<Self, RequestError> {
        let Target {
            queue,
            message,
            content_type,
            attributes,
            group,
        } = request.target?;
        let timeout = request.timeout.unwrap_or(default_timeout);
        if !TIMEOUT.contains(&timeout) {
            let allowed = format_args!("{:?} to {:?}", TIMEOUT.start(), TIMEOUT.end()).to_string();
            return Err(RequestError::invalid(InvalidOption::new(
                "timeout",
                format_args!("{timeout:?}"),
                allowed,
            )));
        }
        if attributes > MAX_USER_ATTRIBUTES {
            let (given, allowed) = (attributes, MAX_USER_ATTRIBUTES);
            return Err(InvalidMessage::TooManyAttributes { given, allowed }.into());
        }
        let message = match group {
            Some(group) => message.group(group),
            // SQS demands a group on a FIFO queue. A request in a group of its own does not wait for others.
            None if queue.host().is_fifo() => message.group(id.to_string()),
            None => message,
        };
        // Content-based deduplication compares only bodies, and two requests may have equal bodies.
        let message = if queue.host().is_fifo() {
            message.deduplication(id.to_string())
        } else {
            message
        };

        let mut header = RequestHeader::new(id);
        header.deadline = Deadline::after(timeout).with_expiry(SqsTime::from_millis(u64::MAX));
        header.idempotency_key = request.idempotency_key;
        header.content_type = content_type;
        header.trace_context = request.trace_context;
        let name = queue
            .as_virtual()
            .map(|url| (names::VIRTUAL_QUEUE_NAME, url.name().to_string()));
        // Placeholders, at least as long as the real values that replace them.
        let own = [
            (names::RESPONSE_QUEUE_URL, "x".repeat(ADDRESS_BYTES)),
            (names::HEADER, header.encode()),
        ];
        let entry = message.into_entry(own.into_iter().chain(name))?;
        Ok(Self {
            queue,
            timeout,
            header,
            entry,
        })
    }

    /// The queue that the request goes to.
    pub(super) const fn queue(&self) -> &QueueUrl {
        &self.queue
    }

    /// How long to wait for the reply.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The message, and the stamp that writes its header when it is sent. Until then the message has a placeholder, at
    /// least as long as the real header. `expiry` is the deadline in SQS's time, if that time is known.
    pub(super) fn into_entry(
        self,
        return_address: &VirtualQueueUrl,
        expiry: Option<SqsTime>,
    ) -> (SendMessageBatchRequestEntryBuilder, Stamp) {
        let envelope = RequestEnvelope {
            return_address: Some(return_address.clone().into()),
            header: None,
        };
        let entry = envelope
            .encode()
            .into_iter()
            .fold(self.entry, |entry, (name, value)| {
                entry.message_attributes(name, text(value))
            });
        let header = self.header;
        (entry, Stamp { header, expiry })
    }
}

/// Writes a request's header when the request is sent.
#[derive(Debug)]
pub(super) struct Stamp {
    header: RequestHeader,
    expiry: Option<SqsTime>,
}

impl Stamp {
    /// Writes the header into the message of a request that expires after this time.
    pub(super) fn write(&self, message: &mut SendMessageBatchRequestEntry, remaining: Duration) {
        let deadline = Deadline::after(remaining);
        let mut header = self.header.clone();
        header.deadline = match self.expiry {
            Some(expiry) => deadline.with_expiry(expiry),
            None => deadline,
        };
        let attributes = message.message_attributes.get_or_insert_default();
        let value = text(header.encode());
        match attributes.get_mut(names::HEADER) {
            Some(stand_in) => *stand_in = value,
            None => drop(attributes.insert(names::HEADER.to_owned(), value)),
        }
    }
}

fn text(value: String) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .expect("the data type, which is all that is required, is set")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestErrorKind;
    use sqs_rpc_protocol::limits::MAX_MESSAGE_BYTES;
    use sqs_rpc_protocol::{HostQueueUrl, VirtualQueueName};

    const STANDARD: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/login";
    const FIFO: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/login.fifo";
    const VIRTUAL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/host#login";
    const SECOND: Duration = Duration::from_secs(1);

    fn check(request: Request) -> Result<Outgoing, RequestError> {
        Outgoing::new(request, RequestId::from_bits(7), 30 * SECOND)
    }

    fn entry(request: Request) -> SendMessageBatchRequestEntry {
        let host = HostQueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/replies")
            .unwrap();
        let address = VirtualQueueUrl::new(&host, &VirtualQueueName::parse("r").unwrap());
        let now = SqsTime::from_millis(1_000);
        let (entry, stamp) = check(request)
            .unwrap()
            .into_entry(&address, Some(now + SECOND));
        let mut entry = entry.id("").build().unwrap();
        let length =
            |entry: &SendMessageBatchRequestEntry| attribute(entry, names::HEADER).unwrap().len();
        let stand_in = length(&entry);
        stamp.write(&mut entry, SECOND);
        assert!(length(&entry) <= stand_in, "its size was counted before");
        entry
    }

    fn attribute(entry: &SendMessageBatchRequestEntry, name: &str) -> Option<String> {
        entry
            .message_attributes()?
            .get(name)?
            .string_value()
            .map(str::to_owned)
    }

    #[test]
    fn the_protocols_attributes_are_there() {
        let entry = entry(
            Request::new(STANDARD, "hello")
                .attribute("tenant", "a")
                .idempotency_key("k"),
        );
        assert_eq!(entry.message_body(), "hello");
        assert_eq!(attribute(&entry, "tenant").as_deref(), Some("a"));
        assert_eq!(
            attribute(&entry, names::RESPONSE_QUEUE_URL).as_deref(),
            Some("https://sqs.eu-west-1.amazonaws.com/123456789012/replies#r")
        );
        assert_eq!(
            attribute(&entry, names::HEADER).as_deref(),
            Some("1;req;id=00000000000000000000000000000007;ttl=1000;exp=2000;key=k")
        );
        assert_eq!(attribute(&entry, names::VIRTUAL_QUEUE_NAME), None);
        assert_eq!(
            (entry.message_group_id(), entry.message_deduplication_id()),
            (None, None)
        );
    }

    #[test]
    fn a_virtual_queue_is_named() {
        let entry = entry(Request::new(VIRTUAL, "hello"));
        assert_eq!(
            attribute(&entry, names::VIRTUAL_QUEUE_NAME).as_deref(),
            Some("login")
        );
    }

    #[test]
    fn a_fifo_request_gets_its_own_deduplication_id_and_group() {
        let id = RequestId::from_bits(7).to_string();
        let alone = entry(Request::new(FIFO, "hello"));
        assert_eq!(
            (alone.message_group_id(), alone.message_deduplication_id()),
            (Some(&*id), Some(&*id))
        );
        let grouped = entry(Request::new(FIFO, "hello").group("g"));
        assert_eq!(
            (
                grouped.message_group_id(),
                grouped.message_deduplication_id()
            ),
            (Some("g"), Some(&*id))
        );
        let fair = entry(Request::new(STANDARD, "hello").group("g"));
        assert_eq!(
            (fair.message_group_id(), fair.message_deduplication_id()),
            (Some("g"), None)
        );
    }

    #[test]
    fn seven_user_attributes_are_allowed_and_eight_are_not() {
        let with = |n: usize| {
            (0..n).fold(Request::new(VIRTUAL, "b"), |request, i| {
                request.attribute(format!("a{i}"), "v")
            })
        };
        assert!(check(with(7)).is_ok());
        let error = check(with(8)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("8 attributes are given; allowed are 7"),
            "{error}"
        );
    }

    #[test]
    fn an_error_says_what_is_allowed() {
        for (request, part) in [
            (Request::new("nonsense", "b"), "must begin with https://"),
            (Request::new(STANDARD, ""), "at least one character"),
            (Request::new(STANDARD, "\u{0}"), "U+0000"),
            (
                Request::new(STANDARD, "b").attribute("SqsRpc", "v"),
                "reserved",
            ),
            (
                Request::new(STANDARD, "b").attribute("ResponseQueueUrl", "v"),
                "reserved",
            ),
            (
                Request::new(STANDARD, "b").attribute("a", ""),
                "at least one character",
            ),
            (
                Request::new(STANDARD, "b").timeout(Duration::ZERO),
                "1ms to 43200s",
            ),
            (
                Request::new(STANDARD, "b").timeout(Duration::MAX),
                "1ms to 43200s",
            ),
            (Request::new(STANDARD, "b").group(""), "1 to 128"),
            (
                Request::new(STANDARD, "b").idempotency_key(""),
                "1 to 128 bytes",
            ),
        ] {
            let error = check(request).unwrap_err();
            assert_eq!(error.kind(), RequestErrorKind::InvalidRequest, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn the_first_mistake_is_reported() {
        let error = check(Request::new("nonsense", "").idempotency_key("")).unwrap_err();
        assert!(error.to_string().contains("URL of the queue"), "{error}");
    }

    #[test]
    fn room_is_kept_for_the_longest_header_and_address() {
        let largest = |bytes| check(Request::new(STANDARD, "b".repeat(bytes)));
        // Names and types of the two attributes, the address, the id, the longest ttl and expiry.
        let own = (16 + 6 + ADDRESS_BYTES)
            + (6 + 6 + "1;req;id=".len() + 32 + ";ttl=30000".len() + ";exp=".len() + 20);
        assert!(largest(MAX_MESSAGE_BYTES - own).is_ok());
        let error = largest(MAX_MESSAGE_BYTES - own + 1).unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::TooLarge);
        assert!(
            error
                .to_string()
                .ends_with("has 1048577 bytes with its attributes; allowed are 1048576"),
            "{error}"
        );
    }
}
