//! The header of a reply.
//!
//! Owns the fields of a reply, and the meaning of a missing header. Invariant: a reply from a peer that
//! sends no header (Java) is a success.

use super::{
    ContentType, HeaderError, HeaderKind,
    grammar::{Fields, Writer, flag},
};
use crate::{ErrorCode, RequestId};

/// The protocol's data of a reply. The body of an error reply is a message for people.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::{ReplyHeader, ReplyStatus};
///
/// // A Java responder sends no header.
/// assert_eq!(ReplyHeader::from_attribute(None)?.status, ReplyStatus::Ok);
/// let error = ReplyHeader::from_attribute(Some("1;rep;code=overloaded"))?;
/// assert!(error.error_code().is_some_and(|code| code.is_retryable()));
/// # Ok::<(), sqs_rpc_protocol::HeaderError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplyHeader {
    /// The id of the request that is answered, if the request had an id. Field `id`.
    pub request_id: Option<RequestId>,
    /// Whether the request was handled. Field `code`, absent on success.
    pub status: ReplyStatus,
    /// Whether the responder says that the same request may succeed later. Field `retry`, `1` or `0`. If the field is
    /// absent (`None`), the [code](ErrorCode::is_retryable) decides. Without meaning on success.
    pub retryable: Option<bool>,
    /// What the body is. Field `ct`.
    pub content_type: Option<ContentType>,
}

/// Whether a request was handled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReplyStatus {
    /// The request was handled; the body is the result.
    #[default]
    Ok,
    /// The request was not handled, or it failed; the body is a message for people.
    Error(ErrorCode),
}

impl ReplyHeader {
    /// The header of a successful reply.
    pub fn ok(request_id: impl Into<Option<RequestId>>) -> Self {
        Self {
            request_id: request_id.into(),
            ..Self::default()
        }
    }

    /// The header of an error reply.
    pub fn error(request_id: impl Into<Option<RequestId>>, code: ErrorCode) -> Self {
        Self {
            request_id: request_id.into(),
            status: ReplyStatus::Error(code),
            ..Self::default()
        }
    }

    /// The error code of an error reply.
    pub fn error_code(&self) -> Option<&ErrorCode> {
        match &self.status {
            ReplyStatus::Ok => None,
            ReplyStatus::Error(code) => Some(code),
        }
    }

    /// Whether this is an error reply and the same request may succeed later: [`retryable`](Self::retryable)
    /// decides, and if it is `None`, the [code](ErrorCode::is_retryable).
    pub fn is_retryable(&self) -> bool {
        self.error_code()
            .is_some_and(|code| self.retryable.unwrap_or_else(|| code.is_retryable()))
    }

    /// The header's text, see [`Header::encode`](super::Header::encode).
    pub fn encode(&self) -> String {
        Writer::new(HeaderKind::Reply)
            .field("id", self.request_id)
            .field("code", self.error_code())
            .field("retry", self.retryable.map(u8::from))
            .field("ct", self.content_type.as_ref())
            .finish()
    }

    pub(super) fn from_fields(fields: &Fields<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            request_id: fields.read("id", RequestId::parse)?,
            status: fields
                .read("code", ErrorCode::parse)?
                .map_or(ReplyStatus::Ok, ReplyStatus::Error),
            retryable: fields.read("retry", flag)?,
            content_type: fields.read("ct", ContentType::parse)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestHeader;

    #[test]
    fn a_missing_or_copied_request_header_is_success() {
        let copied = RequestHeader::new(RequestId::from_bits(5)).encode();
        assert_eq!(
            ReplyHeader::from_attribute(None),
            Ok(ReplyHeader::default())
        );
        assert_eq!(
            ReplyHeader::from_attribute(Some(&copied)),
            Ok(ReplyHeader::default())
        );
    }

    #[test]
    fn a_malformed_header_is_no_success() {
        for text in [
            "",
            "2;rep",
            "1;rep;code=",
            "1;rep;code=A",
            "1;rep;id=1",
            "garbage",
        ] {
            assert!(ReplyHeader::from_attribute(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn the_retry_field_takes_precedence_over_the_code() {
        let of = |text| {
            ReplyHeader::from_attribute(Some(text))
                .unwrap()
                .is_retryable()
        };
        assert!(of("1;rep;code=overloaded") && !of("1;rep;code=overloaded;retry=0"));
        assert!(of("1;rep;code=db.busy;retry=1") && !of("1;rep;code=db.busy"));
        assert!(!of("1;rep;retry=1"), "a success is no error");
    }

    #[test]
    fn fields_of_a_request_are_ignored() {
        assert_eq!(
            ReplyHeader::from_attribute(Some("1;rep;ttl=x;key=")),
            Ok(ReplyHeader::default())
        );
    }
}
