//! The output of `request`. Pure.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sqs_rpc::requester::{Delivery, Reply};
use sqs_rpc::{RequestError, RequestErrorKind};

use crate::failure::Chain;

/// The body, with a newline at its end.
pub(crate) fn plain(body: &str) -> String {
    let end = if body.ends_with('\n') { "" } else { "\n" };
    format!("{body}{end}")
}

/// One line with a JSON object: the reply or the error, and the elapsed time.
pub(crate) fn json(outcome: &Result<Reply, RequestError>, elapsed: Duration) -> String {
    let mut object = match outcome {
        Ok(reply) => json!({ "body": reply.body(), "attributes": attributes(reply) }),
        Err(error) => json!({ "error": error_object(error) }),
    };
    object["elapsed_ms"] = json!(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    format!("{object}\n")
}

/// The reply's attributes with text values; binary attributes cannot be shown in JSON.
fn attributes(reply: &Reply) -> Map<String, Value> {
    let text = reply
        .attributes()
        .filter_map(|(name, value)| Some((name.to_owned(), json!(value.string_value()?))));
    text.collect()
}

fn error_object(error: &RequestError) -> Value {
    let mut object = json!({
        "kind": kind(error.kind()),
        "message": Chain(error).to_string(),
        "delivery": delivery(error.delivery()),
        "retryable": error.is_retryable(),
    });
    if let Some(remote) = error.remote() {
        object["code"] = json!(remote.code.as_str());
        object["remote_message"] = json!(remote.message);
    }
    object
}

/// The names are documented, and scripts may depend on them.
fn kind(kind: RequestErrorKind) -> &'static str {
    match kind {
        RequestErrorKind::Timeout => "timeout",
        RequestErrorKind::Remote => "remote",
        RequestErrorKind::HostLost => "host_lost",
        RequestErrorKind::Closed => "closed",
        RequestErrorKind::Throttled => "throttled",
        RequestErrorKind::AccessDenied => "access_denied",
        RequestErrorKind::Credentials => "credentials",
        RequestErrorKind::NotSqs => "not_sqs",
        RequestErrorKind::QueueNotFound => "queue_not_found",
        RequestErrorKind::TooLarge => "too_large",
        RequestErrorKind::ReplyTooLarge => "reply_too_large",
        RequestErrorKind::InvalidRequest => "invalid_request",
        RequestErrorKind::Overloaded => "overloaded",
        RequestErrorKind::Codec => "codec",
        RequestErrorKind::Send => "send",
        _ => "other",
    }
}

fn delivery(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::NotSent => "not_sent",
        Delivery::Sent => "sent",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_in_one_newline() {
        assert_eq!(plain("a"), "a\n");
        assert_eq!(plain("a\n"), "a\n");
    }
}
