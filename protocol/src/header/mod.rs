//! The `SqsRpc` header: the protocol's data beside the body, in one String attribute.
//!
//! Owns the text of the header: version, kind, fields. The other attributes belong to
//! [`RequestEnvelope`](crate::RequestEnvelope). Invariants: parsing an encoded header gives the same
//! value; an encoded header has at most [`MAX_HEADER_BYTES`] and only printable ASCII.
//! `docs/protocol.md` has the grammar.

mod error;
mod format;
mod grammar;
mod reply;
mod request;
mod trace_context;
mod user_texts;

pub use error::{FieldError, HeaderError};
pub use format::{HeaderKind, MAX_HEADER_BYTES, VERSION};
pub use reply::{ReplyHeader, ReplyStatus};
pub use request::RequestHeader;
pub use trace_context::{TraceContext, TraceContextError, TraceState};
pub use user_texts::{ContentType, IdempotencyKey, Operation};

use crate::Excerpt;
use grammar::Fields;
use std::fmt;

/// The header of a message: of a request or of a reply.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::{ErrorCode, Header, ReplyHeader, RequestId};
///
/// let reply = ReplyHeader::error(RequestId::from_bits(10), ErrorCode::OVERLOADED);
/// let text = Header::from(reply.clone()).encode();
/// assert_eq!(text, "1;rep;id=0000000000000000000000000000000a;code=overloaded");
/// assert_eq!(Header::parse(&text)?, Header::Reply(reply));
/// # Ok::<(), sqs_rpc_protocol::HeaderError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Header {
    /// On a request.
    Request(RequestHeader),
    /// On a reply.
    Reply(ReplyHeader),
}

impl Header {
    /// Reads a header.
    ///
    /// Unknown fields are skipped, so that headers with fields of later protocol changes can be read. An
    /// invalid trace context is dropped, because a request is worth more than its trace.
    ///
    /// # Errors
    ///
    /// [`HeaderError`]. [`UnsupportedVersion`](HeaderError::UnsupportedVersion) means that the peer
    /// is newer.
    pub fn parse(text: &str) -> Result<Self, HeaderError> {
        if text.len() > MAX_HEADER_BYTES {
            return Err(HeaderError::TooLong { length: text.len() });
        }
        let (version, rest) = split_first(text);
        // Check the version first: in another version, the text after it may have another meaning.
        match grammar::decimal(version) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(_) => {
                return Err(HeaderError::UnsupportedVersion {
                    found: Excerpt::of(version),
                });
            }
            None => {
                return Err(HeaderError::Version {
                    found: Excerpt::of(version),
                });
            }
        }
        let (kind, rest) = split_first(rest.unwrap_or_default());
        let kind = HeaderKind::parse(kind).ok_or_else(|| HeaderError::Kind {
            found: Excerpt::of(kind),
        })?;
        let fields = Fields::parse(rest)?;
        match kind {
            HeaderKind::Request => RequestHeader::from_fields(&fields).map(Self::Request),
            HeaderKind::Reply => ReplyHeader::from_fields(&fields).map(Self::Reply),
        }
    }

    /// The header's text: printable ASCII, at most [`MAX_HEADER_BYTES`].
    pub fn encode(&self) -> String {
        match self {
            Self::Request(header) => header.encode(),
            Self::Reply(header) => header.encode(),
        }
    }

    /// The version of the header.
    pub fn version(&self) -> u16 {
        VERSION
    }

    /// Whether this is the header of a request or of a reply.
    pub fn kind(&self) -> HeaderKind {
        match self {
            Self::Request(_) => HeaderKind::Request,
            Self::Reply(_) => HeaderKind::Reply,
        }
    }
}

impl RequestHeader {
    /// Reads the header of a request.
    ///
    /// # Errors
    ///
    /// [`HeaderError`]; [`OtherKind`](HeaderError::OtherKind) for the header of a reply.
    pub fn parse(text: &str) -> Result<Self, HeaderError> {
        match Header::parse(text)? {
            Header::Request(header) => Ok(header),
            Header::Reply(_) => Err(HeaderError::OtherKind {
                found: HeaderKind::Reply,
                expected: HeaderKind::Request,
            }),
        }
    }
}

impl ReplyHeader {
    /// Reads the header attribute of a reply.
    ///
    /// A missing header, or a copy of the *request's* header (a Java responder may return the attributes
    /// that it received), means success without further details.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if the header is malformed or has a later version. Whether the request succeeded is
    /// then not known.
    pub fn from_attribute(value: Option<&str>) -> Result<Self, HeaderError> {
        match value.map(Header::parse).transpose()? {
            Some(Header::Reply(header)) => Ok(header),
            Some(Header::Request(_)) | None => Ok(Self::default()),
        }
    }
}

/// The text before the first `;`, and the text after it.
fn split_first(text: &str) -> (&str, Option<&str>) {
    match text.split_once(';') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encode())
    }
}

impl std::str::FromStr for Header {
    type Err = HeaderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<RequestHeader> for Header {
    fn from(header: RequestHeader) -> Self {
        Self::Request(header)
    }
}

impl From<ReplyHeader> for Header {
    fn from(header: ReplyHeader) -> Self {
        Self::Reply(header)
    }
}

/// Strategies for property tests of this crate.
#[cfg(test)]
pub(crate) mod arbitrary {
    use super::*;
    use crate::{Deadline, ErrorCode, RequestId, SqsTime};
    use proptest::{option::of, prelude::*};
    use std::time::Duration;

    pub(crate) fn request() -> impl Strategy<Value = RequestHeader> {
        let deadline = (of(any::<Duration>()), of(any::<u64>())).prop_map(|(remaining, expiry)| {
            let deadline = remaining.map_or(Deadline::NONE, Deadline::after);
            expiry.map_or(deadline, |at| {
                deadline.with_expiry(SqsTime::from_millis(at))
            })
        });
        let key =
            "\\PC{1,128}".prop_filter_map("too long", |text| IdempotencyKey::parse(&text).ok());
        let operation = "[A-Za-z0-9_.:/-]{1,128}".prop_map(|text| Operation::parse(&text).unwrap());
        (
            any::<u128>(),
            deadline,
            of(key),
            of(operation),
            of(content_type()),
            of(trace()),
        )
            .prop_map(
                |(id, deadline, idempotency_key, operation, content_type, trace_context)| {
                    RequestHeader {
                        request_id: RequestId::from_bits(id),
                        deadline,
                        idempotency_key,
                        operation,
                        content_type,
                        trace_context,
                    }
                },
            )
    }

    pub(crate) fn reply() -> impl Strategy<Value = ReplyHeader> {
        let code = "[a-z0-9_.-]{1,64}".prop_map(|text| ErrorCode::parse(&text).unwrap());
        (
            of(any::<u128>()),
            of(code),
            of(any::<bool>()),
            of(content_type()),
        )
            .prop_map(|(id, code, retryable, content_type)| ReplyHeader {
                request_id: id.map(RequestId::from_bits),
                status: code.map_or(ReplyStatus::Ok, ReplyStatus::Error),
                retryable,
                content_type,
            })
    }

    pub(crate) fn header() -> impl Strategy<Value = Header> {
        prop_oneof![
            request().prop_map(Header::Request),
            reply().prop_map(Header::Reply)
        ]
    }

    fn content_type() -> impl Strategy<Value = ContentType> {
        "[!-~]{1,60}( [!-~]{1,60})?".prop_map(|text| ContentType::parse(&text).unwrap())
    }

    fn trace() -> impl Strategy<Value = TraceContext> {
        let state = "[a-z][a-z0-9_*/-]{0,20}=[!-+\\--<>-~]{1,40}(,[a-z]{1,9}@[a-z]{1,9}=[a-z ]{0,9}[a-z]){0,4}";
        (1..=u128::MAX, 1..=u64::MAX, any::<u8>(), of(state)).prop_map(
            |(trace_id, parent_id, flags, state)| {
                let context = TraceContext::new(trace_id, parent_id, flags).unwrap();
                match state {
                    None => context,
                    Some(state) => context.with_state(TraceState::parse(&state).unwrap()),
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(header in arbitrary::header()) {
            let text = header.encode();
            prop_assert!(text.len() <= MAX_HEADER_BYTES);
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic()), "{}", text);
            prop_assert_eq!(crate::limits::check_attribute_value(&text), Ok(()));
            prop_assert_eq!(Header::parse(&text), Ok(header));
        }

        #[test]
        fn never_panics(
            text in prop_oneof![
                any::<String>(),
                "[0-9]{0,3};(req|rep)(;[a-z]{1,5}=[!-~]{0,12}){0,9}",
                "1;(req|rep)(;(id|ttl|exp|code|retry|ct|key|op|tp|ts)=([0-9a-f]{0,33}|%[0-9a-fA-F]{0,3}|\\PC{0,4})){0,9}",
            ]
        ) {
            if let Ok(header) = Header::parse(&text) {
                prop_assert_eq!(Header::parse(&header.encode()), Ok(header));
            }
        }

        #[test]
        fn a_damaged_header_never_panics(header in arbitrary::header(), at: prop::sample::Index, with: char) {
            let mut chars: Vec<char> = header.encode().chars().collect();
            let at = at.index(chars.len());
            chars[at] = with;
            if let Err(error) = Header::parse(&chars.into_iter().collect::<String>()) {
                prop_assert!(error.to_string().len() < 1_000);
            }
        }

        #[test]
        fn unknown_fields_are_skipped(header in arbitrary::header(), value in "[!-$&-:<-~]{0,20}") {
            let text = format!("{};x9={value}", header.encode());
            if text.len() <= MAX_HEADER_BYTES {
                prop_assert_eq!(Header::parse(&text), Ok(header));
            }
        }
    }
}
