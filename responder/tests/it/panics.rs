//! Panics in code of the user are counted, and stop nothing else.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqs_responder::store::{Begun, Completed, Fingerprint, Holder, ReplyKey, ReplyStore};
use sqs_responder::{Body, IntoReply, Json, Reply, ReplyError};
use sqs_rpc_transport::Action;

use crate::bed::{Bed, Failure, Running, sleep};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Panics in its drop.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

async fn echo(Body(body): Body) -> String {
    body
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_handlers_drop_is_counted() {
    let bed = Bed::start().await;
    let bomb = std::sync::Arc::new(Bomb);
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, move |Body(body): Body| {
                let bomb = std::sync::Arc::clone(&bomb);
                async move {
                    drop(bomb);
                    body
                }
            }),
    );
    bed.send(&bed.ask("x")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    assert_eq!(bed.stats().panics, 0);
    assert!(running.stop().await.is_clean());
    assert_eq!(bed.stats().panics, 1);
}

struct BadCodec;

impl Serialize for BadCodec {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("in serialize")
    }
}

impl<'de> Deserialize<'de> for BadCodec {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("in deserialize")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_codec_fails_one_request() {
    let bed = Bed::start().await;
    let encoded = bed.local.create_queue("encoded").await.unwrap();
    let responder = bed.builder().concurrency(1).build().unwrap();
    let running = [
        Running::start(responder.serve(&bed.requests, async |Json(_): Json<BadCodec>| "x")),
        Running::start(responder.serve(&encoded, async || Json(BadCodec))),
    ];
    for panics in [1, 2] {
        bed.send(&bed.ask("1")).await;
        let reply = bed.reply().await.unwrap();
        assert_eq!(reply.code().as_deref(), Some("internal"));
        assert_eq!(bed.stats().panics, panics);
    }
    let send = bed
        .client
        .send_message()
        .queue_url(&encoded)
        .message_body("1");
    let address = crate::bed::string(&bed.replies);
    let send = send.message_attributes(sqs_rpc_protocol::names::RESPONSE_QUEUE_URL, address);
    send.send().await.unwrap();
    assert_eq!(
        bed.reply().await.unwrap().code().as_deref(),
        Some("internal")
    );
    assert_eq!(bed.stats().panics, 3);
    for running in running {
        assert!(running.stop().await.is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_into_reply_becomes_an_error_reply() {
    struct Bad;
    impl IntoReply for Bad {
        fn into_reply(self) -> Result<Reply, ReplyError> {
            panic!("in into_reply")
        }
    }
    let bed = Bed::start().await;
    let queue = bed.requests.parse().unwrap();
    let responder = bed.builder().request_queue(queue).build().unwrap();
    bed.send(&bed.ask("x")).await;
    let message = bed.receive(&bed.requests, 1).await.unwrap();
    responder.reply(&message, Bad).await.unwrap();
    assert_eq!(
        bed.reply().await.unwrap().code().as_deref(),
        Some("internal")
    );
    assert_eq!(bed.stats().panics, 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_signal_that_panics_does_not_end_serving() {
    let bed = Bed::start().await;
    let signal = async { panic!("in the signal") };
    let serve = bed.responder().serve(&bed.requests, echo);
    let serving = tokio::spawn(serve.with_graceful_shutdown(signal).into_future());
    sleep(1).await;
    bed.send(&bed.ask("x")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    assert_eq!(bed.stats().panics, 1);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_is_tried_again() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    for (panics, action) in [
        (1, Action::ReceiveMessage),
        (2, Action::SendMessageBatch),
        (3, Action::DeleteMessageBatch),
    ] {
        let mut armed = true;
        bed.faults.set(move |called| {
            (called == action && std::mem::take(&mut armed)).then_some(Failure::Panic)
        });
        bed.send(&bed.ask("x")).await;
        assert_eq!(bed.reply().await.unwrap().body(), "x", "{action}");
        bed.until("it has panicked", |stats| stats.panics == panics)
            .await;
    }
    bed.until_deleted().await;
    assert!(running.stop().await.is_clean());
}

/// A store whose errors, and whose drop, panic.
#[derive(Debug)]
struct BadStore;

#[derive(Debug)]
struct BadError;

impl std::fmt::Display for BadError {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("in Display")
    }
}

impl std::error::Error for BadError {}

impl Drop for BadStore {
    fn drop(&mut self) {
        panic!("in drop")
    }
}

impl ReplyStore for BadStore {
    fn begin<'a>(
        &'a self,
        _: &'a ReplyKey,
        _: Fingerprint,
        _: Holder,
        _: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>> {
        async { Err(BadError.into()) }.boxed()
    }

    fn complete<'a>(
        &'a self,
        _: &'a ReplyKey,
        _: Fingerprint,
        _: Holder,
        _: &'a Reply,
        _: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>> {
        async { panic!("in complete") }.boxed()
    }

    fn abandon<'a>(&'a self, _: &'a ReplyKey, _: Holder) -> BoxFuture<'a, Result<(), BoxError>> {
        panic!("in abandon")
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_store_may_panic_in_errors_and_in_drop() {
    let bed = Bed::start().await;
    let responder = bed.builder().reply_store(BadStore).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, echo));
    drop(responder);
    bed.send(&bed.ask("x")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    assert_eq!(bed.stats().panics, 2, "begin is tried twice");
    assert!(running.stop().await.is_clean());
    assert_eq!(bed.stats().panics, 3);
}
