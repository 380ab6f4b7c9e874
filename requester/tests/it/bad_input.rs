//! A request that is not valid fails before any call.

use crate::support::{Bed, SECOND};
use sqs_requester::protocol::limits::MAX_MESSAGE_BYTES;
use sqs_requester::{Body, Delivery, IntoBody, RequestErrorKind, Requester};
use std::error::Error;
use std::time::Duration;

struct Unwritable;

impl IntoBody for Unwritable {
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>> {
        Err("no words".into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_to_the_requesters_own_reply_queue_is_refused() {
    let bed = Bed::new().await;
    let requester = bed.builder().reply_queue(&bed.queue).build().unwrap();
    let error = requester.request(&bed.queue, "hello").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::InvalidRequest, Delivery::NotSent)
    );
    assert_eq!((requester.pending(), bed.depth(&bed.queue).await), (0, 0));
    // A virtual queue of the same host is another queue.
    let request = requester.request(format!("{}#other", bed.queue), "hello");
    let error = request.timeout(SECOND).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn bad_input_makes_no_call_and_says_what_is_allowed() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    let before = bed.local.calls();
    let to = |body: &str| requester.request(&bed.queue, body);
    let eight = (0..8).fold(to("b"), |request, i| {
        request.attribute(format!("a{i}"), "v")
    });
    let too_large = "x".repeat(MAX_MESSAGE_BYTES);
    for (request, kind, part) in [
        (
            requester.request("nonsense", "b"),
            RequestErrorKind::InvalidRequest,
            "must begin with https://",
        ),
        (
            requester.request("http://h/q", "b"),
            RequestErrorKind::InvalidRequest,
            "account of 12 digits",
        ),
        (
            to(""),
            RequestErrorKind::InvalidRequest,
            "at least one character",
        ),
        (to("\u{1}"), RequestErrorKind::InvalidRequest, "U+0001"),
        (
            eight,
            RequestErrorKind::InvalidRequest,
            "8 attributes are given; allowed are 7",
        ),
        (
            to("b").attribute("SqsRpc", "v"),
            RequestErrorKind::InvalidRequest,
            "reserved",
        ),
        (
            to("b").attribute("a b", "v"),
            RequestErrorKind::InvalidRequest,
            "forbidden character",
        ),
        (
            to("b").attribute("a", "1").attribute("a", "2"),
            RequestErrorKind::InvalidRequest,
            "given twice",
        ),
        (
            to("b").timeout(Duration::ZERO),
            RequestErrorKind::InvalidRequest,
            "1ms to 43200s",
        ),
        (
            to("b").group("a b"),
            RequestErrorKind::InvalidRequest,
            "1 to 128",
        ),
        (
            to("b").idempotency_key("\n"),
            RequestErrorKind::InvalidRequest,
            "1 to 128 bytes",
        ),
        (
            to(&too_large),
            RequestErrorKind::TooLarge,
            "allowed are 1048576",
        ),
        (
            requester.request(&bed.queue, Unwritable),
            RequestErrorKind::Codec,
            "cannot be written",
        ),
    ] {
        let error = request.await.unwrap_err();
        assert_eq!(
            (error.kind(), error.delivery()),
            (kind, Delivery::NotSent),
            "{error}"
        );
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.is_retryable(), "{error}");
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(bed.local.calls().since(&before).total(), 0);
    assert_eq!(requester.pending(), 0);
}

#[tokio::test]
async fn build_reports_an_option_that_is_not_allowed() {
    let bed = Bed::new().await;
    let builder = || Requester::builder(&bed.sqs);
    for (builder, text) in [
        (
            builder().timeout(Duration::ZERO),
            "timeout is 0ns: 1ms to 43200s is allowed",
        ),
        (
            builder().prefix("a b"),
            "prefix is \"a b\": 1 to 28 characters of A-Z, a-z, 0-9, `-` and `_` is allowed",
        ),
        (
            builder().reply_queue("nonsense"),
            "reply_queue is \"nonsense\": the URL of a real queue is allowed",
        ),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), text);
    }
    let virtual_host = format!("{}#v", bed.queue);
    assert!(builder().reply_queue(virtual_host).build().is_err());
}
