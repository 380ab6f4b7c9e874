//! Duplicates that wait until the first request with their key is answered.

use std::time::Duration;

use sqs_responder::{IdempotencyKey, InMemoryReplyStore};

use super::{Calls, keyed, replies, sharing};
use crate::bed::{Bed, Running, deadline, sleep};

#[tokio::test(start_paused = true)]
async fn duplicates_that_wait_for_a_key_occupy_no_slot() {
    for shared in [false, true] {
        let bed = Bed::start().await;
        let (store, calls) = (InMemoryReplyStore::default(), Calls::default());
        let mut running = Vec::new();
        if shared {
            // Another process has the key.
            let other = sharing(&bed, &store, 1);
            running.push(Running::start(
                other.serve(&bed.requests, calls.handler(20)),
            ));
            bed.send(&keyed(&bed, 100, "k", "slow")).await;
            bed.until("the key is held", |stats| stats.handled == 1)
                .await;
        }
        let responder = sharing(&bed, &store, 8);
        running.push(Running::start(
            responder.serve(&bed.requests, calls.handler(20)),
        ));
        for id in 0..9 {
            bed.send(&keyed(&bed, id, "k", "slow")).await;
        }
        sleep(1).await;
        let asked = bed.now();
        bed.send(&bed.ask_with("fast", 50, |_| {})).await;
        assert_eq!(bed.reply().await.unwrap().body(), "2");
        let took = bed.now().since(asked);
        assert!(took < Duration::from_millis(500), "{took:?}");
        let answered = replies(&bed).await;
        assert_eq!(answered.len(), 9 + usize::from(shared));
        assert!(answered.iter().all(|(_, body)| body == "1"));
        bed.until_deleted().await;
        for running in running {
            running.stop().await;
        }
        assert_eq!(calls.count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn many_requests_with_one_key_are_answered_soon() {
    let bed = Bed::start().await;
    let store = InMemoryReplyStore::default();
    for id in 0..50 {
        bed.send(&keyed(&bed, id, "k", "slow")).await;
    }
    let sent = bed.now();
    let handler = async || {
        tokio::time::sleep(Duration::from_millis(700)).await;
        "done"
    };
    let running =
        [(); 2].map(|()| Running::start(sharing(&bed, &store, 8).serve(&bed.requests, handler)));
    bed.until("all are answered", |stats| stats.replies_sent == 50)
        .await;
    let took = bed.now().since(sent);
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(bed.stats().handled, 1);
    for running in running {
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn duplicates_beyond_the_bound_are_given_back_and_answered_later() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let responder = bed.builder().concurrency(2).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, calls.handler(20)));
    for id in 0..20 {
        bed.send(&keyed(&bed, id, "k", "slow")).await;
    }
    sleep(5).await;
    // One request is handled, two wait, and the others were given back three times each.
    let stats = bed.stats();
    assert_eq!((stats.duplicates_put_back, calls.count()), (3 * 17, 1));
    sleep(60).await;
    assert_eq!(replies(&bed).await.len(), 20);
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(calls.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_back_from_outside_do_not_exceed_the_concurrency() {
    let bed = Bed::start().await;
    let (store, calls) = (InMemoryReplyStore::default(), Calls::default());
    let dies =
        Running::start(sharing(&bed, &store, 4).serve(&bed.requests, calls.handler(1_000_000)));
    for id in 0..4 {
        bed.send(&keyed(&bed, id, &format!("k{id}"), "x")).await;
    }
    bed.until("all keys are held", |stats| stats.handled == 4)
        .await;
    let calls = Calls::default();
    let lives = Running::start(sharing(&bed, &store, 4).serve(&bed.requests, calls.handler(30)));
    for id in 10..14 {
        bed.send(&keyed(&bed, id, &format!("k{}", id - 10), "x"))
            .await;
    }
    sleep(2).await;
    dies.drop_it().await;
    for id in 20..40 {
        bed.send(&bed.ask_with("x", id, |_| {})).await;
    }
    bed.until("all are handled", |stats| stats.replies_sent >= 28)
        .await;
    lives.stop().await;
    assert_eq!((calls.count(), calls.most_at_a_time()), (24, 4));
}

#[tokio::test(start_paused = true)]
async fn an_expired_duplicate_is_dropped() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(60)));
    for id in 1..=2 {
        let ask = bed.ask_with("x", id, |header| {
            header.idempotency_key = Some(IdempotencyKey::parse("k").unwrap());
            header.deadline = deadline(Duration::from_secs(if id == 1 { 100 } else { 10 }));
        });
        bed.send(&ask).await;
    }
    bed.until("it expired", |stats| stats.expired == 1).await;
    sleep(1).await;
    assert_eq!(bed.left().await, (0, 1), "the first is still handled");
    sleep(50).await;
    assert_eq!(replies(&bed).await.len(), 1);
    running.stop().await;
    assert_eq!(calls.count(), 1);
}
