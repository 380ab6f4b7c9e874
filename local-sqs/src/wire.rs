//! SQS's protocols: converts the bytes of an HTTP request to the engine's requests, and answers back to bytes.
//!
//! Knows both protocols and no transport. Invariant: every input, even malformed, gets a well-formed answer.

mod http;
mod json;
mod query;

pub(crate) use http::{Incoming, Outgoing};

use crate::driver::Answer;
use crate::engine::{Action, ErrorKind, Request, SqsError, Timestamp};
use std::time::{Duration, UNIX_EPOCH};

/// The two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json,
    Query,
}

impl Protocol {
    /// The protocol of a request, even of a malformed request.
    pub(crate) fn of(incoming: &Incoming<'_>) -> Self {
        let json = |content_type: &str| content_type.starts_with("application/x-amz-json");
        let target = (incoming.header)("x-amz-target");
        if target.is_some() || (incoming.header)("content-type").is_some_and(json) {
            Self::Json
        } else {
            Self::Query
        }
    }

    /// Reads a request.
    pub(crate) fn decode(self, incoming: &Incoming<'_>) -> Result<Request, SqsError> {
        let methods: &[_] = match self {
            Self::Json => &["POST"],
            Self::Query => &["GET", "POST"],
        };
        if !methods.contains(&incoming.method) {
            let text = format!(
                "The HTTP method {} is not allowed; expected {}.",
                incoming.method,
                methods.join(" or ")
            );
            return Err(SqsError::new(ErrorKind::MethodNotAllowed, text));
        }
        let mut request = match self {
            Self::Json => json::decode((incoming.header)("x-amz-target"), incoming.body),
            Self::Query => query::decode(incoming),
        }?;
        // A trace header of the HTTP request is added to the message (X-Ray Developer Guide, "Amazon SQS and AWS X-Ray").
        if let Some(trace) = (incoming.header)("x-amzn-trace-id") {
            request.trace(trace);
        }
        Ok(request)
    }

    /// Writes the answer to a request of this action; `action` is `None` for a malformed request.
    pub(crate) fn encode(self, action: Option<Action>, answer: &Answer) -> Outgoing {
        let mut outgoing = match self {
            Self::Json => json::encode(&answer.result),
            Self::Query => query::encode(action, answer),
        };
        outgoing
            .headers
            .push(("x-amzn-requestid", answer.request_id.clone()));
        outgoing
            .headers
            .extend(answer.date.map(|at| ("date", date(at))));
        outgoing
    }
}

/// The last second that an HTTP date can express: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

fn date(at: Timestamp) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at.as_secs().min(LAST_SECOND)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_format_of_http() {
        assert_eq!(
            date(Timestamp::from_millis(784_111_777_999)),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
        assert_eq!(
            date(Timestamp::from_millis(u64::MAX)),
            "Fri, 31 Dec 9999 23:59:59 GMT"
        );
    }
}
