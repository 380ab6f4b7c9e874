//! Replies that cannot be sent at once, or at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use sqs_responder::Body;
use sqs_rpc_protocol::names;
use sqs_rpc_transport::Action;

use crate::bed::{Ask, Bed, DENIED, Failure, Running, THROTTLED, deadline, sleep, temporary_name};

async fn echo(Body(body): Body) -> String {
    body
}

#[tokio::test(start_paused = true)]
async fn a_reply_queue_made_a_second_late_gets_its_reply() {
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
async fn a_reply_to_a_missing_queue_is_given_up() {
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

/// A request whose return address is on a host that does not exist, like those of a dead requester.
fn dead(bed: &Bed, number: u128) -> Ask {
    let host = bed.replies.replace(&temporary_name(0), &temporary_name(9));
    bed.ask_with("dead", number, |header| {
        header.deadline = deadline(Duration::from_secs(120));
    })
    .attribute(
        names::RESPONSE_QUEUE_URL,
        &format!("{host}#0000000000001234-{number:032x}"),
    )
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_dead_requester_do_not_delay_others() {
    const DEAD: u64 = 1_000;
    let bed = Bed::start().await;
    for number in 0..DEAD {
        bed.send(&dead(&bed, u128::from(number) + 10)).await;
    }
    bed.send(&bed.ask("alive")).await;
    let begun = bed.now();
    let responder = bed.builder().concurrency(4).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, echo));
    assert_eq!(bed.reply().await.unwrap().body(), "alive");
    let took = bed.now().since(begun);
    assert!(took < Duration::from_millis(100), "{took:?}");
    bed.until("the others are given up", |stats| {
        stats.replies_unsendable == DEAD
    })
    .await;
    let took = bed.now().since(begun);
    assert!(took < Duration::from_secs(4), "{took:?}");
    bed.until_deleted().await;
    // From now on each such request costs one attempt, and no wait.
    let calls = bed.stats().calls.of(Action::SendMessageBatch);
    assert!(calls < 20, "the replies share attempts: {calls}");
    for number in 0..10 {
        bed.send(&dead(&bed, number + 5_000)).await;
        sleep(1).await;
    }
    let more = bed.stats().calls.of(Action::SendMessageBatch) - calls;
    assert_eq!((more, bed.stats().replies_unsendable), (10, DEAD + 10));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_host_that_is_made_later_gets_replies() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.send(&dead(&bed, 1)).await;
    bed.until("it is given up", |stats| stats.replies_unsendable == 1)
        .await;
    let host = bed.local.create_queue(&temporary_name(9)).await.unwrap();
    bed.send(&dead(&bed, 2)).await;
    bed.until("it is answered", |stats| stats.replies_sent == 1)
        .await;
    // Replies are retried again when the host is deleted again.
    bed.local
        .client()
        .delete_queue()
        .queue_url(&host)
        .send()
        .await
        .unwrap();
    bed.send(&dead(&bed, 3)).await;
    sleep(1).await;
    assert_eq!(bed.stats().replies_unsendable, 1);
    sleep(2).await;
    assert_eq!(bed.stats().replies_unsendable, 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn replies_waiting_for_their_host_occupy_no_slot() {
    let bed = Bed::start().await;
    bed.faults.of(Action::SendMessageBatch, THROTTLED);
    let responder = bed.builder().concurrency(2).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, echo));
    for number in 0..20 {
        let ask = |header: &mut sqs_rpc_protocol::RequestHeader| {
            header.deadline = deadline(Duration::from_secs(60));
        };
        // Each request is sent twice. The second copy waits for the first one's reply.
        for _ in 0..2 {
            bed.send(&bed.ask_with("x", number, ask)).await;
        }
    }
    bed.send(&Ask::one_way("x")).await;
    bed.until("all are handled", |stats| stats.handled == 21)
        .await;
    assert_eq!(bed.stats().replies_sent, 0);
    bed.faults.clear();
    bed.until("all are answered", |stats| stats.replies_sent == 20)
        .await;
    bed.until_deleted().await;
    running.stop().await;
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
    assert!(more <= 8, "a probe, and the rest in batches: {more}");
    bed.until_deleted().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_reply_is_retried_until_it_is_sent() {
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
async fn a_reply_not_sent_before_the_deadline_is_given_up() {
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
async fn an_unsent_reply_without_a_deadline_is_sent_after_redelivery() {
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
async fn a_denied_reply_leaves_the_request_hidden_ever_longer() {
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
