//! The header of a request.
//!
//! Owns the fields of a request. Invariant: parsing an encoded header gives the same value.

use super::{
    ContentType, HeaderError, HeaderKind, IdempotencyKey, Operation, TraceContext, TraceState,
    grammar::{Fields, Writer, number},
};
use crate::{Deadline, RequestId, SqsTime};
use std::time::Duration;

/// The protocol's data of a request. Make a header with [`new`](Self::new) and set its fields.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use sqs_rpc_protocol::{ContentType, Deadline, Header, RequestHeader, RequestId};
///
/// let mut header = RequestHeader::new(RequestId::from_bits(1));
/// header.deadline = Deadline::after(Duration::from_secs(30));
/// header.content_type = Some(ContentType::json());
/// assert_eq!(
///     Header::from(header).encode(),
///     "1;req;id=00000000000000000000000000000001;ttl=30000;ct=application/json",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestHeader {
    /// Names the request. Field `id`.
    pub request_id: RequestId,
    /// Until when the requester waits. Fields `ttl` (remaining ms) and `exp` (SQS's time, ms).
    /// Default: none.
    pub deadline: Deadline,
    /// Shared by requests that mean the same. Field `key`.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The operation of a service; reserved. Field `op`.
    pub operation: Option<Operation>,
    /// What the body is. Field `ct`.
    pub content_type: Option<ContentType>,
    /// The trace that the request belongs to. Fields `tp` and `ts`; dropped if invalid.
    pub trace_context: Option<TraceContext>,
}

impl RequestHeader {
    /// The header of a request that has an id and nothing else.
    pub fn new(request_id: RequestId) -> Self {
        Self {
            request_id,
            deadline: Deadline::NONE,
            idempotency_key: None,
            operation: None,
            content_type: None,
            trace_context: None,
        }
    }

    /// The header's text, see [`Header::encode`](super::Header::encode).
    pub fn encode(&self) -> String {
        let trace = self.trace_context.as_ref();
        Writer::new(HeaderKind::Request)
            .field("id", Some(self.request_id))
            .field(
                "ttl",
                self.deadline
                    .at_send()
                    .map(|remaining| remaining.as_millis()),
            )
            .field("exp", self.deadline.expiry())
            .field("key", self.idempotency_key.as_ref())
            .field("op", self.operation.as_ref())
            .field("ct", self.content_type.as_ref())
            .field("tp", trace.map(TraceContext::traceparent))
            .field("ts", trace.and_then(TraceContext::tracestate))
            .finish()
    }

    pub(super) fn from_fields(fields: &Fields<'_>) -> Result<Self, HeaderError> {
        let remaining = fields
            .read("ttl", number)?
            .map(|millis| Deadline::after(Duration::from_millis(millis)));
        let expiry = fields.read("exp", number)?.map(SqsTime::from_millis);
        let deadline = remaining.unwrap_or(Deadline::NONE);
        Ok(Self {
            request_id: fields.require("id", RequestId::parse)?,
            deadline: expiry.map_or(deadline, |at| deadline.with_expiry(at)),
            idempotency_key: fields.read("key", IdempotencyKey::parse)?,
            operation: fields.read("op", Operation::parse)?,
            content_type: fields.read("ct", ContentType::parse)?,
            trace_context: trace_context(fields),
        })
    }
}

/// The trace context without its invalid parts: a request is worth more than its trace.
fn trace_context(fields: &Fields<'_>) -> Option<TraceContext> {
    let context = TraceContext::parse(&fields.read_lenient("tp")?).ok()?;
    let state = fields
        .read_lenient("ts")
        .and_then(|state| TraceState::parse(&state).ok());
    Some(match state {
        Some(state) => context.with_state(state),
        None => context,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "id=0000000000000000000000000000000a";
    const TP: &str = "tp=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_the_invalid_part_of_a_trace_context_is_dropped() {
        let trace = |fields: &str| {
            RequestHeader::parse(&format!("1;req;{ID};{fields}"))
                .unwrap()
                .trace_context
        };
        assert!(trace(TP).is_some_and(|t| t.tracestate().is_none()));
        assert!(trace(&format!("{TP};ts=a=b")).is_some_and(|t| t.tracestate().is_some()));
        assert!(trace(&format!("{TP};ts=broken")).is_some_and(|t| t.tracestate().is_none()));
        assert_eq!(trace("tp=00-xyz"), None);
        assert_eq!(trace("tp=%"), None);
        assert_eq!(trace("ts=a=b"), None);
    }

    #[test]
    fn other_malformed_fields_are_errors() {
        for (field, name) in [
            ("ttl=-1", "ttl"),
            ("exp=1e9", "exp"),
            ("key=", "key"),
            ("op=a%20b", "op"),
            ("ct=%0A", "ct"),
        ] {
            let error = RequestHeader::parse(&format!("1;req;{ID};{field}")).unwrap_err();
            assert!(
                matches!(error, HeaderError::Field { name: n, .. } if n == name),
                "{field}: {error}"
            );
        }
        assert_eq!(
            RequestHeader::parse("1;req"),
            Err(HeaderError::Missing { name: "id" })
        );
    }

    #[test]
    fn the_header_of_a_reply_is_refused() {
        let error = RequestHeader::parse("1;rep").unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected the header of a request, found the header of a reply"
        );
    }

    #[test]
    fn the_longest_header_fits() {
        // Each value has its maximum length and, if the value allows them, only characters that are
        // percent-encoded.
        let mut header = RequestHeader::new(RequestId::from_bits(u128::MAX));
        header.deadline =
            Deadline::after(Duration::MAX).with_expiry(SqsTime::from_millis(u64::MAX));
        header.idempotency_key = Some(IdempotencyKey::parse(&"é".repeat(64)).unwrap());
        header.operation = Some(Operation::parse(&"x".repeat(128)).unwrap());
        header.content_type = Some(ContentType::parse(&";".repeat(128)).unwrap());
        let state = format!("a={},b={}", ";".repeat(253), ";".repeat(254));
        let trace = TraceContext::new(u128::MAX, u64::MAX, u8::MAX).unwrap();
        header.trace_context = Some(trace.with_state(TraceState::parse(&state).unwrap()));
        assert_eq!(state.len(), 512);
        let text = header.encode();
        assert!(
            text.len() <= super::super::MAX_HEADER_BYTES,
            "{}",
            text.len()
        );
        assert_eq!(RequestHeader::parse(&text), Ok(header));
    }
}
