//! Which requests a key makes the same, and for how long.

use sqs_responder::IdempotencyKey;
use sqs_rpc_protocol::{Operation, RequestHeader, names};

use super::{Calls, keyed, pairs, replies};
use crate::bed::{Ask, Bed, Running, sleep};

#[tokio::test(start_paused = true)]
async fn a_key_with_another_request_is_refused_and_deleted() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(3)));
    bed.send(&keyed(&bed, 1, "order-17", "create")).await;
    sleep(1).await;
    // Another request with the key arrives while the first is handled, and again afterwards.
    bed.send(&keyed(&bed, 2, "order-17", "cancel")).await;
    sleep(5).await;
    bed.send(&keyed(&bed, 3, "order-17", "cancel")).await;
    bed.send(&keyed(&bed, 4, "order-17", "create")).await;
    let reused = "idempotency_key_reused";
    assert_eq!(
        replies(&bed).await,
        pairs(&[("r1", "1"), ("r2", reused), ("r3", reused), ("r4", "1")])
    );
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!((calls.count(), bed.stats().keys_reused), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn one_key_may_be_used_by_several_operations() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(0)));
    for (id, operation) in [(1, "pay"), (2, "refund"), (3, "pay")] {
        let ask = bed.ask_with("x", id, |header| {
            header.idempotency_key = Some(IdempotencyKey::parse("k").unwrap());
            header.operation = Some(Operation::parse(operation).unwrap());
        });
        bed.send(&ask).await;
        let expected = if operation == "pay" { "1" } else { "2" };
        assert_eq!(bed.reply().await.unwrap().body(), expected);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_one_way_request_with_a_reused_key_stays() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(0)));
    for body in ["create", "cancel"] {
        let mut header = RequestHeader::new(sqs_rpc_protocol::RequestId::from_bits(1));
        header.idempotency_key = Some(IdempotencyKey::parse("k").unwrap());
        bed.send(&Ask::one_way(body).attribute(names::HEADER, &header.encode()))
            .await;
        sleep(1).await;
    }
    bed.until("it is refused", |stats| stats.keys_reused == 1)
        .await;
    sleep(1).await;
    assert_eq!(
        bed.left().await,
        (0, 1),
        "hidden, for its dead-letter queue"
    );
    running.stop().await;
    assert_eq!(calls.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_kept_for_a_day_under_a_key() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(0)));
    for (id, pause, expected) in [(1, 0, "1"), (2, 23, "1"), (3, 2, "2")] {
        sleep(pause * 3_600).await;
        bed.send(&keyed(&bed, id, "k", "x")).await;
        assert_eq!(bed.reply().await.unwrap().body(), expected);
    }
    // Without a key, for minutes.
    for (minutes, expected) in [(0, "3"), (29, "3"), (2, "4")] {
        sleep(minutes * 60).await;
        bed.send(&bed.ask_with("x", 9, |_| {})).await;
        assert_eq!(bed.reply().await.unwrap().body(), expected);
    }
    running.stop().await;
}
