//! Replies that SQS refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::future::{self, BoxFuture};
use sqs_responder::{
    Begun, Completed, ErrorCode, Fingerprint, Holder, IdempotencyKey, Reply, ReplyKey, ReplyStore,
};

use crate::bed::{Ask, Bed, Running};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Results that SQS refuses, and the code of the error reply that is sent instead.
fn unsendable() -> Vec<(Reply, &'static str)> {
    let eight = (0..8).fold(Reply::new("x"), |reply, i| {
        reply.with_attribute(format!("a{i}"), "x")
    });
    vec![
        (Reply::new(""), "internal"),
        (Reply::new("\u{1b}[0m"), "internal"),
        (eight, "internal"),
        (Reply::new("x").with_attribute("AWS.x", "x"), "internal"),
        (Reply::new("x").with_attribute("a", ""), "internal"),
        (Reply::new("x".repeat(1024 * 1024)), "reply_too_large"),
    ]
}

/// Sends one request after the other, all with one key. The handler returns `first` at its first call, and "good"
/// later. Returns the code or body of each reply.
async fn with_one_key(bed: &Bed, first: Reply, requests: u128) -> Vec<String> {
    let calls = Arc::new(AtomicUsize::new(0));
    let handler = move || {
        let call = calls.fetch_add(1, SeqCst);
        let reply = if call == 0 {
            first.clone()
        } else {
            Reply::new("good")
        };
        async move { reply }
    };
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    let mut answers = Vec::new();
    for id in 0..requests {
        let ask = bed.ask_with("charge", id, |header| {
            header.idempotency_key = Some(IdempotencyKey::parse("k").unwrap());
        });
        bed.send(&ask).await;
        let reply = bed.reply().await.unwrap();
        answers.push(reply.code().unwrap_or_else(|| reply.body().to_owned()));
    }
    bed.until_deleted().await;
    running.stop().await;
    answers
}

/// Sends request 1, without a key, and expects an error reply with code `internal`.
async fn is_answered_with_internal(bed: &Bed) {
    bed.send(&bed.ask_with("x", 1, |_| {})).await;
    let reply = bed.reply().await.unwrap();
    assert_eq!(reply.code().as_deref(), Some("internal"));
}

#[tokio::test(start_paused = true)]
async fn an_unsendable_result_does_not_use_up_a_key() {
    for (reply, told) in unsendable() {
        let bed = Bed::start().await;
        let answers = with_one_key(&bed, reply, 3).await;
        assert_eq!(answers, [told, "good", "good"]);
        let stats = bed.stats();
        assert_eq!((stats.handled, stats.handler_errors), (2, 0), "{told}");
        let expected = if told == "internal" { (1, 0) } else { (0, 1) };
        let counted = (stats.replies_unsendable, stats.replies_too_large);
        assert_eq!(counted, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unsendable_error_keeps_its_code_and_key() {
    let bed = Bed::start().await;
    let locked = Reply::error(ErrorCode::from_static("login.locked"), "x");
    let answers = with_one_key(&bed, locked.with_attribute("a", ""), 2).await;
    assert_eq!(answers, ["login.locked", "login.locked"]);
    let stats = bed.stats();
    assert_eq!((stats.handled, stats.handler_errors), (1, 1));
    assert_eq!(stats.replies_unsendable, 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_without_a_key_gets_the_same_error() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, async || ""));
    for _ in 0..2 {
        is_answered_with_internal(&bed).await;
    }
    bed.until_deleted().await;
    running.stop().await;
    let stats = bed.stats();
    assert_eq!((stats.handled, stats.replies_unsendable), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_one_way_request_is_not_checked() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, async || ""));
    bed.send(&Ask::one_way("x")).await;
    bed.until("it is handled", |stats| stats.one_way == 1).await;
    bed.until_deleted().await;
    running.stop().await;
    let stats = bed.stats();
    assert_eq!((stats.handled, stats.replies_unsendable), (1, 0));
}

/// A store that has an empty reply for every request.
#[derive(Debug)]
struct Empty;

impl ReplyStore for Empty {
    fn begin<'a>(
        &'a self,
        _: &'a ReplyKey,
        _: Fingerprint,
        _: Holder,
        _: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>> {
        Box::pin(future::ok(Begun::Done(Reply::new(""))))
    }

    fn complete<'a>(
        &'a self,
        _: &'a ReplyKey,
        _: Fingerprint,
        _: Holder,
        _: &'a Reply,
        _: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>> {
        Box::pin(future::ok(Completed::Kept))
    }

    fn abandon<'a>(&'a self, _: &'a ReplyKey, _: Holder) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(future::ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn an_unsendable_reply_from_a_store_is_counted_once() {
    let bed = Bed::start().await;
    let responder = bed.builder().reply_store(Empty).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, async || "pong"));
    is_answered_with_internal(&bed).await;
    bed.until_deleted().await;
    running.stop().await;
    let stats = bed.stats();
    assert_eq!((stats.handled, stats.handler_errors), (0, 0));
    assert_eq!(stats.replies_unsendable, 1);
}
