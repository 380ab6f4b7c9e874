//! The AWS JSON 1.0 protocol.

use super::Outgoing;
use crate::engine::{Action, ErrorKind, Output, Request, SqsError};
use serde_json::json;

const SERVICE: &str = "AmazonSQS";

/// Reads a request: the action is in the header `x-amz-target`, its members are in the body.
pub(super) fn decode(target: Option<&str>, body: &[u8]) -> Result<Request, SqsError> {
    let name = target.and_then(|target| target.strip_prefix(SERVICE)?.strip_prefix('.'));
    let action = name.and_then(Action::from_name).ok_or_else(|| {
        let text = format!(
            "The target {} names no operation of this service; expected {SERVICE}.<operation>.",
            target.unwrap_or_default()
        );
        SqsError::new(ErrorKind::UnknownOperationException, text)
    })?;
    let body = if body.is_empty() { b"{}" } else { body };
    // Without this check, serde would also read the members from a JSON array, in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        let text = "The body of the request is no JSON object.";
        return Err(SqsError::new(ErrorKind::SerializationException, text));
    }
    let malformed = |error: serde_json::Error| {
        SqsError::new(ErrorKind::SerializationException, error.to_string())
    };
    let mut members = serde_json::Deserializer::from_slice(body);
    let request = action.decode(&mut members).map_err(malformed)?;
    members.end().map_err(malformed)?;
    Ok(request)
}

/// Writes an answer.
pub(super) fn encode(result: &Result<Output, SqsError>) -> Outgoing {
    let mut headers = vec![("content-type", "application/x-amz-json-1.0".to_owned())];
    let (status, body) = match result {
        Ok(Output::Empty(_)) => (200, b"{}".to_vec()),
        Ok(output) => match serde_json::to_vec(output) {
            Ok(body) => (200, body),
            Err(error) => fail(
                &SqsError::new(ErrorKind::InternalFailure, error.to_string()),
                &mut headers,
            ),
        },
        Err(error) => fail(error, &mut headers),
    };
    Outgoing {
        status,
        headers,
        body,
    }
}

fn fail(error: &SqsError, headers: &mut Vec<(&'static str, String)>) -> (u16, Vec<u8>) {
    let kind = error.kind();
    let fault = if kind.is_sender_fault() {
        "Sender"
    } else {
        "Receiver"
    };
    headers.push((
        "x-amzn-query-error",
        format!("{};{fault}", kind.query_code()),
    ));
    // Errors that are found before the service sees the request have the namespace of the layer before the service.
    let shapes = match kind {
        ErrorKind::UnknownOperationException | ErrorKind::SerializationException => {
            "com.amazon.coral.service"
        }
        _ => "com.amazonaws.sqs",
    };
    let body = json!({ "__type": format!("{shapes}#{}", kind.name()), "message": error.message() });
    (kind.status(), body.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_read_without_a_panic(action in 0..Action::ALL.len(), body: Vec<u8>) {
            let target = format!("AmazonSQS.{}", Action::ALL[action]);
            let decoded = decode(Some(&target), &body);
            prop_assert!(decoded.is_ok_and(|it| it.action() == Action::ALL[action]) || !body.is_empty());
        }
    }

    #[test]
    fn wrong_types_and_trailing_text_are_malformed() {
        for body in [
            &br#"{"QueueUrl":1}"#[..],
            b"{} {}",
            b"[",
            br#"{"MaxNumberOfMessages":"1"}"#,
            b"[]",
            b" null",
            b"\"\"",
        ] {
            let error = decode(Some("AmazonSQS.ReceiveMessage"), body).expect_err("malformed");
            assert_eq!(error.kind(), ErrorKind::SerializationException);
        }
    }

    #[test]
    fn an_unknown_action_is_refused() {
        for target in [
            None,
            Some("AmazonSQS.Nonsense"),
            Some("Other.SendMessage"),
            Some("AmazonSQS"),
        ] {
            let error = decode(target, b"{}").expect_err("no action");
            assert_eq!(error.kind(), ErrorKind::UnknownOperationException);
        }
    }

    #[test]
    fn an_error_has_name_in_body_and_code_in_header() {
        let outgoing = encode(&Err(SqsError::new(ErrorKind::QueueDoesNotExist, "none")));
        assert_eq!(outgoing.status, 400);
        assert!(outgoing.headers.contains(&(
            "x-amzn-query-error",
            "AWS.SimpleQueueService.NonExistentQueue;Sender".to_owned()
        )));
        let body: serde_json::Value = serde_json::from_slice(&outgoing.body).expect("JSON");
        assert_eq!(
            body,
            json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "none" })
        );
    }
}
