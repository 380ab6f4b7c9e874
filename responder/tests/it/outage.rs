//! Replies that cannot be sent at once, or at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use sqs_responder::Body;
use sqs_rpc_protocol::names;
use sqs_virtual_queues::Action;

use crate::bed::{Ask, Bed, DENIED, Failure, Running, THROTTLED, deadline, sleep, temporary_name};

async fn echo(Body(body): Body) -> String {
    body
}

#[tokio::test(start_paused = true)]
async fn a_reply_queue_that_is_a_second_late_gets_its_reply() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    let later = bed.replies.replace(&temporary_name(0), &temporary_name(1));
    bed.send(&Ask::one_way("x").attribute(names::RESPONSE_QUEUE_URL, &later))
        .await;
    sleep(1).await;
    assert_eq!(
        bed.local.create_queue(&temporary_name(1)).await.unwrap(),
        later
    );
    assert_eq!(bed.receive(&later, 20).await.unwrap().body(), Some("x"));
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(
        (bed.stats().replies_sent, bed.stats().replies_unsendable),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_queue_that_does_not_come_is_given_up_and_the_request_deleted() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    let never = bed.replies.replace(&temporary_name(0), &temporary_name(1));
    bed.send(&Ask::one_way("x").attribute(names::RESPONSE_QUEUE_URL, &never))
        .await;
    bed.until("it was handled", |stats| stats.handled == 1)
        .await;
    let begun = bed.now();
    bed.until("it was given up", |stats| stats.replies_unsendable == 1)
        .await;
    let took = bed.now().since(begun);
    assert!(
        took >= Duration::from_millis(1800) && took <= Duration::from_millis(2300),
        "{took:?}"
    );
    bed.until_deleted().await;
    sleep(60).await;
    running.stop().await;
    assert_eq!(bed.stats().handled, 1);
}

#[tokio::test(start_paused = true)]
async fn duplicates_share_the_attempts_to_send_their_reply() {
    let bed = Bed::start().await;
    bed.faults.of(Action::SendMessageBatch, THROTTLED);
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    for _ in 0..5 {
        bed.send(&bed.ask_with("x", 1, |header| {
            header.deadline = deadline(Duration::from_secs(120))
        }))
        .await;
        sleep(1).await;
    }
    sleep(60).await;
    let calls = bed.stats().calls.of(Action::SendMessageBatch);
    assert!((8..=20).contains(&calls), "as for one: {calls}");
    bed.faults.clear();
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    bed.until_deleted().await;
    running.stop().await;
    let stats = bed.stats();
    assert_eq!((stats.replies_sent, stats.duplicate_requests), (1, 4));
}

#[tokio::test(start_paused = true)]
async fn replies_to_a_queue_that_takes_none_share_the_attempts() {
    const REPLIES: u64 = 30;
    let bed = Bed::start().await;
    bed.faults.of(Action::SendMessageBatch, THROTTLED);
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    for number in 1..=REPLIES {
        bed.send(&bed.ask_with("x", u128::from(number), |header| {
            header.deadline = deadline(Duration::from_secs(120))
        }))
        .await;
        sleep(1).await;
    }
    sleep(40).await;
    let calls = bed.stats().calls.of(Action::SendMessageBatch);
    assert!((8..=20).contains(&calls), "as for one: {calls}");
    bed.faults.clear();
    bed.until("all are sent", |stats| stats.replies_sent == REPLIES)
        .await;
    let more = bed.stats().calls.of(Action::SendMessageBatch) - calls;
    assert!(more <= 8, "a probe, and what is left in batches: {more}");
    bed.until_deleted().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_reply_is_tried_until_it_goes_and_the_request_is_handled_once() {
    let bed = Bed::start().await;
    bed.faults.of(Action::SendMessageBatch, THROTTLED);
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.send(&bed.ask_with("x", 1, |header| {
        header.deadline = deadline(Duration::from_secs(120))
    }))
    .await;
    sleep(90).await;
    let calls = bed.stats().calls.of(Action::SendMessageBatch);
    assert!((8..=20).contains(&calls), "no spinning: {calls}");
    bed.faults.clear();
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(
        (bed.stats().handled, bed.stats().duplicate_requests),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_does_not_go_before_the_deadline_is_given_up_and_deleted() {
    let bed = Bed::start().await;
    bed.faults.of(Action::SendMessageBatch, Failure::Hang);
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.send(&bed.ask_with("x", 1, |header| {
        header.deadline = deadline(Duration::from_secs(10))
    }))
    .await;
    bed.until("it is too late", |stats| stats.replies_too_late == 1)
        .await;
    bed.until_deleted().await;
    bed.faults.clear();
    running.stop().await;
    assert_eq!(bed.stats().handled, 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_the_request_comes_back_and_is_answered_from_the_cache() {
    let bed = Bed::start().await;
    bed.faults.of(Action::SendMessageBatch, THROTTLED);
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.send(&bed.ask("x")).await;
    bed.until("it is left", |stats| stats.replies_unsendable == 1)
        .await;
    bed.faults.clear();
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(bed.stats().handled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_may_not_be_sent_leaves_the_request_which_does_not_spin() {
    let bed = Bed::start().await;
    let denied = Arc::new(AtomicUsize::new(0));
    let counted = denied.clone();
    bed.faults.set(move |action| {
        (action == Action::SendMessageBatch).then(|| {
            counted.fetch_add(1, SeqCst);
            DENIED
        })
    });
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.send(&bed.ask("x")).await;
    sleep(600).await;
    assert_eq!(denied.load(SeqCst), 6, "after 0, 10, 30, 70, 150 and 310 s");
    assert_eq!(
        (bed.stats().handled, bed.stats().replies_unsendable),
        (1, 6)
    );
    bed.faults.clear();
    bed.until("it is answered at last", |stats| stats.replies_sent == 1)
        .await;
    bed.until_deleted().await;
    running.stop().await;
}
