//! The wire format of sqs-rpc: names, queue URLs, the header, deadlines, error codes.
//!
//! This crate is pure: it parses and writes text, and contains no I/O, no clock, no random source and
//! no AWS SDK. The caller passes the time and random bits as arguments. `docs/protocol.md` in the
//! repository is the specification; this crate is its implementation.
//!
//! # Tour
//!
//! | question | answer |
//! |---|---|
//! | where does a message go? | [`QueueUrl`], [`HostQueueUrl`], [`VirtualQueueUrl`], [`VirtualQueueName`] |
//! | do two URLs mean the same queue? | [`HostKey`] |
//! | which request does a reply answer? | [`CorrelationId`], [`ProcessPrefix`], [`RequestId`] |
//! | what travels beside the body? | [`Header`]: [`RequestHeader`] or [`ReplyHeader`] |
//! | which attributes is that, exactly? | [`RequestEnvelope`], [`ReplyEnvelope`], [`names`] |
//! | does the requester still wait? | [`Deadline`], [`SqsTime`] |
//! | what went wrong at the responder? | [`ErrorCode`] |
//! | may a reply be sent to this address? | [`ReturnAddressPolicy`], [`TemporaryQueueName`] |
//! | does SQS accept this message? | [`limits`] |
//! | is the body JSON? | [`Json`] |
//!
//! Every type is parsed once and is valid from then on. Parsing never panics. Its errors show the text
//! that was found, shortened and printable ([`Excerpt`]), and what is allowed.
//!
//! # Examples
//!
//! One request and its reply, as they look on the wire:
//!
//! ```
//! use std::time::Duration;
//! use sqs_rpc_protocol::*;
//!
//! // The requester's side. The random bits come from its caller.
//! let host: HostQueueUrl = "https://sqs.eu-west-1.amazonaws.com/123456789012/replies-1".parse()?;
//! let correlation = CorrelationId::new(ProcessPrefix::from_bits(7), 42);
//! let address = VirtualQueueUrl::new(&host, &correlation.to_name());
//! let mut header = RequestHeader::new(RequestId::from_bits(1));
//! header.deadline = Deadline::after(Duration::from_secs(20));
//! let request = RequestEnvelope { return_address: Some(address.into()), header: Some(header) };
//! let attributes = request.encode();
//!
//! // The responder's side.
//! let lookup = |name: &str| {
//!     attributes.iter().find(|(n, _)| *n == name).map(|(_, value)| Attribute::string(value))
//! };
//! let received = RequestEnvelope::decode(lookup)?;
//! assert_eq!(received, request);
//! assert_eq!(received.deadline().remaining(None, None), Some(Duration::from_secs(20)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod correlation_id;
mod deadline;
mod envelope;
mod error_code;
mod excerpt;
mod header;
mod hex;
mod json;
pub mod limits;
pub mod names;
mod queue_url;
mod request_id;
mod return_address;
mod temporary_name;
mod text;

pub use correlation_id::{CorrelationId, CorrelationIdError, ProcessPrefix};
pub use deadline::{Deadline, EXPIRY_SLACK, MAX_REMAINING, SqsTime};
pub use envelope::{Attribute, EnvelopeError, ReplyEnvelope, RequestEnvelope, virtual_queue_name};
pub use error_code::{ErrorCode, ErrorCodeError};
pub use excerpt::Excerpt;
pub use header::{
    ContentType, FieldError, Header, HeaderError, HeaderKind, IdempotencyKey, MAX_HEADER_BYTES,
    Operation, ReplyHeader, ReplyStatus, RequestHeader, TraceContext, TraceContextError,
    TraceState, VERSION,
};
pub use json::Json;
pub use queue_url::{
    HostKey, HostQueueUrl, QueueUrl, QueueUrlError, QueueUrlErrorKind, VirtualQueueName,
    VirtualQueueNameError, VirtualQueueUrl,
};
pub use request_id::{RequestId, RequestIdError};
pub use return_address::{Refusal, ReturnAddressPolicy};
pub use temporary_name::TemporaryQueueName;
