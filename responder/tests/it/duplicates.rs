//! Requests that SQS delivers more than once, or that requesters send more than once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use local_sqs::{Behaviour, Latency};
use sqs_responder::{Body, IdempotencyKey, InMemoryReplyStore};
use sqs_rpc_protocol::names;
use sqs_rpc_transport::Action;

use crate::bed::{Ask, Bed, Running, START, deadline, deadline_and_expiry, sleep};

/// A counter of calls, and a handler that takes `secs` and answers with the number of its call.
fn counting(
    secs: u64,
) -> (
    Arc<AtomicUsize>,
    impl Fn(Body) -> futures::future::BoxFuture<'static, String> + Clone,
) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let handler = move |Body(_): Body| {
        let call = counted.fetch_add(1, SeqCst) + 1;
        Box::pin(async move {
            sleep(secs).await;
            call.to_string()
        }) as futures::future::BoxFuture<'static, String>
    };
    (calls, handler)
}

#[tokio::test(start_paused = true)]
async fn two_concurrent_copies_of_a_request_are_handled_once() {
    let bed = Bed::start().await;
    let (calls, handler) = counting(5);
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    for _ in 0..2 {
        bed.send(&bed.ask_with("x", 1, |_| {})).await;
        sleep(1).await;
    }
    assert_eq!(bed.reply().await.unwrap().body(), "1");
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!((calls.load(SeqCst), bed.stats().duplicate_requests), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_repeats_a_request_is_polled_twice_a_second() {
    let bed = Bed::start().await;
    let never_hidden = Behaviour::default().duplicates(1.0);
    bed.local
        .set_behaviour(never_hidden.latency(Latency::Fixed(Duration::from_millis(2))));
    let (calls, handler) = counting(10);
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    bed.send(&bed.ask_with("x", 1, |_| {})).await;
    sleep(9).await;
    let polls = bed.stats().calls.of(Action::ReceiveMessage);
    // Two polls a second, the first polls, and ten repeats without a pause.
    assert!((15..=32).contains(&polls), "{polls} polls in 9 s");
    bed.local.set_behaviour(Behaviour::default());
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(calls.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn two_serve_calls_of_one_responder_handle_a_request_once() {
    let bed = Bed::start().await;
    let (calls, handler) = counting(5);
    let responder = bed.builder().concurrency(1).build().unwrap();
    let running = [(); 2].map(|()| Running::start(responder.serve(&bed.requests, handler.clone())));
    for _ in 0..2 {
        bed.send(&bed.ask_with("x", 1, |_| {})).await;
        sleep(1).await;
    }
    assert_eq!(bed.left().await, (0, 2), "each has one copy");
    bed.until_deleted().await;
    for running in running {
        running.stop().await;
    }
    assert_eq!((calls.load(SeqCst), bed.stats().duplicate_requests), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_redelivered_request_is_answered_from_the_store() {
    let bed = Bed::start().await;
    let (calls, handler) = counting(0);
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    for _ in 0..2 {
        bed.send(&bed.ask_with("x", 1, |_| {})).await;
        assert_eq!(bed.reply().await.unwrap().body(), "1");
        bed.until_deleted().await;
    }
    bed.send(&bed.ask_with("x", 2, |_| {})).await;
    assert_eq!(bed.reply().await.unwrap().body(), "2");
    running.stop().await;
    assert_eq!(
        (
            calls.load(SeqCst),
            bed.stats().handled,
            bed.stats().duplicate_requests
        ),
        (2, 2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_store_a_duplicate_is_handled_again() {
    let bed = Bed::start().await;
    let (calls, handler) = counting(0);
    let responder = bed
        .builder()
        .reply_store(InMemoryReplyStore::new(0, 0))
        .build()
        .unwrap();
    let running = Running::start(responder.serve(&bed.requests, handler));
    for expected in ["1", "2"] {
        bed.send(&bed.ask_with("x", 1, |_| {})).await;
        assert_eq!(bed.reply().await.unwrap().body(), expected);
        bed.until_deleted().await;
    }
    running.stop().await;
    assert_eq!(calls.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_with_one_key_are_handled_once_and_all_answered() {
    let bed = Bed::start().await;
    let (calls, handler) = counting(3);
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    for id in [1, 2, 3] {
        let key = |header: &mut sqs_rpc_protocol::RequestHeader| {
            header.idempotency_key = Some(IdempotencyKey::parse("order-1").unwrap());
        };
        let address = format!("{}#r{id}", bed.replies);
        bed.send(
            &bed.ask_with("x", id, key)
                .attribute(names::RESPONSE_QUEUE_URL, &address),
        )
        .await;
        // The third comes after the first two were answered.
        sleep(if id == 2 { 10 } else { 1 }).await;
    }
    let mut answered = Vec::new();
    while let Some(reply) = bed.reply().await {
        assert_eq!(reply.body(), "1");
        answered.push(
            reply
                .attribute(names::VIRTUAL_QUEUE_NAME)
                .unwrap()
                .to_owned(),
        );
    }
    answered.sort();
    assert_eq!(answered, ["r1", "r2", "r3"]);
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!((calls.load(SeqCst), bed.stats().duplicate_requests), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_retry_under_a_key_is_handled_after_a_failure() {
    let bed = Bed::start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let handler = {
        let calls = calls.clone();
        move || {
            let first = calls.fetch_add(1, SeqCst) == 0;
            async move {
                if first {
                    Err(std::io::Error::other("not now"))
                } else {
                    Ok("done")
                }
            }
        }
    };
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    let key = |header: &mut sqs_rpc_protocol::RequestHeader| {
        header.idempotency_key = Some(IdempotencyKey::parse("order-1").unwrap());
    };
    for (id, expected) in [(1, Some("internal")), (2, None), (3, None)] {
        bed.send(&bed.ask_with("x", id, key)).await;
        assert_eq!(bed.reply().await.unwrap().code().as_deref(), expected);
    }
    running.stop().await;
    assert_eq!(calls.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_java_request_whose_delete_failed_is_answered_again() {
    let bed = Bed::start().await;
    let (calls, handler) = counting(0);
    bed.faults
        .of(Action::DeleteMessageBatch, crate::bed::DENIED);
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    bed.send(&bed.ask("x")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "1");
    bed.until("the delete failed", |stats| stats.deletes_failed == 1)
        .await;
    bed.faults.clear();
    sleep(20).await;
    assert_eq!(bed.reply().await.unwrap().body(), "1");
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(calls.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_expired_request_is_dropped_unhandled() {
    let bed = Bed::start().await;
    let late = |header: &mut sqs_rpc_protocol::RequestHeader| {
        header.deadline = deadline(Duration::from_secs(10))
    };
    bed.send(&bed.ask_with("late", 1, late)).await;
    sleep(12).await;
    let in_time = |header: &mut sqs_rpc_protocol::RequestHeader| {
        header.deadline = deadline(Duration::from_secs(10))
    };
    bed.send(&bed.ask_with("in time", 2, in_time)).await;
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, async |Body(body): Body| body),
    );
    assert_eq!(bed.reply().await.unwrap().body(), "in time");
    assert!(bed.reply().await.is_none());
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!((bed.stats().expired, bed.stats().handled), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_old_request_with_a_new_timestamp_is_dropped() {
    let bed = Bed::start().await;
    let old = |header: &mut sqs_rpc_protocol::RequestHeader| {
        header.deadline =
            deadline_and_expiry(Duration::from_secs(10), START - Duration::from_secs(600));
    };
    bed.send(&bed.ask_with("redriven", 1, old)).await;
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, async |Body(body): Body| body),
    );
    bed.until("it expired", |stats| stats.expired == 1).await;
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(bed.stats().handled, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_after_the_deadline_is_not_sent() {
    let bed = Bed::start().await;
    let (_, handler) = counting(15);
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    bed.send(&bed.ask_with("x", 1, |header| {
        header.deadline = deadline(Duration::from_secs(10))
    }))
    .await;
    bed.until("it is too late", |stats| stats.replies_too_late == 1)
        .await;
    bed.until_deleted().await;
    assert!(bed.reply().await.is_none());
    running.stop().await;
    assert_eq!((bed.stats().handled, bed.stats().replies_sent), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_one_way_request_is_handled_once() {
    let bed = Bed::start().await;
    let (calls, handler) = counting(0);
    bed.faults
        .of(Action::DeleteMessageBatch, crate::bed::DENIED);
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    bed.send(&Ask::one_way("x")).await;
    bed.until("the delete failed", |stats| stats.deletes_failed == 1)
        .await;
    bed.faults.clear();
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!((calls.load(SeqCst), bed.stats().duplicate_requests), (1, 1));
}
