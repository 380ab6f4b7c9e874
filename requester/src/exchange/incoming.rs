//! Decodes a reply.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use sqs_rpc_protocol::{Attribute, ReplyEnvelope, ReplyStatus, RequestId, SqsTime};

use crate::{Reply, RequestError};

/// The reply that the message carries, or the responder's error.
///
/// A message that cannot be decoded, or that answers another request than `own`, is an error, never a success.
pub(super) fn decode(message: Message, own: RequestId) -> Result<Reply, RequestError> {
    let lookup = |name: &str| {
        let value = message.message_attributes()?.get(name)?;
        Some(Attribute {
            data_type: value.data_type(),
            string_value: value.string_value(),
        })
    };
    let header = ReplyEnvelope::decode(lookup)
        .map_err(RequestError::unreadable_header)?
        .header;
    if let Some(other) = header.request_id.filter(|id| *id != own) {
        return Err(RequestError::reply_to_other(OtherRequest { own, other }));
    }
    let retryable = header.is_retryable();
    match header.status {
        ReplyStatus::Ok => Ok(Reply::new(message, header.content_type)),
        ReplyStatus::Error(code) => {
            let text = message.body().unwrap_or_default().to_owned();
            Err(RequestError::remote_error(code, text, retryable))
        }
    }
}

/// A responder, or a relay between, has sent a reply to the wrong return address.
#[derive(Debug, thiserror::Error)]
#[error("expected a reply to request {own}, found one to request {other}")]
struct OtherRequest {
    own: RequestId,
    other: RequestId,
}

/// SQS's timestamp of the reply: when the responder sent the message.
pub(super) fn sent(message: &Message) -> Option<SqsTime> {
    let stamp = message
        .attributes()?
        .get(&MessageSystemAttributeName::SentTimestamp)?;
    SqsTime::parse_millis(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestErrorKind;
    use aws_sdk_sqs::types::MessageAttributeValue;
    use sqs_rpc_protocol::{ContentType, names};

    const OWN: RequestId = RequestId::from_bits(7);

    fn message(header: Option<&str>) -> Message {
        let attribute = header.map(|header| {
            MessageAttributeValue::builder()
                .data_type("String")
                .string_value(header)
                .build()
                .unwrap()
        });
        let message = Message::builder().body("text");
        match attribute {
            Some(attribute) => message.message_attributes(names::HEADER, attribute).build(),
            None => message.build(),
        }
    }

    #[test]
    fn no_header_or_an_echoed_request_header_is_a_success() {
        for header in [
            None,
            Some("1;req;id=00000000000000000000000000000007;ttl=1000"),
        ] {
            let reply = decode(message(header), OWN).unwrap();
            assert_eq!((reply.body(), reply.content_type()), ("text", None));
        }
        let reply = decode(message(Some("1;rep;ct=application/json")), OWN).unwrap();
        assert_eq!(reply.content_type(), Some(&ContentType::json()));
    }

    #[test]
    fn an_error_code_is_an_error() {
        let error = decode(message(Some("1;rep;code=login.unknown_user")), OWN).unwrap_err();
        let remote = error.remote().unwrap();
        assert_eq!(
            (remote.code.as_str(), remote.message.as_str()),
            ("login.unknown_user", "text")
        );
        assert_eq!(error.kind(), RequestErrorKind::Remote);
        assert!(!error.is_retryable());
        let busy = decode(message(Some("1;rep;code=db.busy;retry=1")), OWN).unwrap_err();
        assert!(busy.is_retryable());
        let error = decode(message(Some("1;rep;code=reply_too_large")), OWN).unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::ReplyTooLarge);
    }

    #[test]
    fn a_reply_to_another_request_is_no_success() {
        let own = format!("1;rep;id={OWN}");
        assert_eq!(decode(message(Some(&own)), OWN).unwrap().body(), "text");
        let other = RequestId::from_bits(8);
        for header in [
            format!("1;rep;id={other}"),
            format!("1;rep;id={other};code=busy;retry=1"),
        ] {
            let error = decode(message(Some(&header)), OWN).unwrap_err();
            assert_eq!(error.kind(), RequestErrorKind::Codec, "{header}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(
                source,
                format!("expected a reply to request {OWN}, found one to request {other}")
            );
        }
    }

    #[test]
    fn a_header_that_cannot_be_decoded_is_no_success() {
        for header in ["2;rep", "1;rep;code=NOT A CODE", "nonsense", ""] {
            let error = decode(message(Some(header)), OWN).unwrap_err();
            assert_eq!(error.kind(), RequestErrorKind::Codec, "{header}");
        }
    }
}
