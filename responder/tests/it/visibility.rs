//! Visibility timeouts of requests that take long.

use std::time::Duration;

use sqs_responder::Body;
use sqs_rpc_transport::Action;

use crate::bed::{Bed, Running, THROTTLED, sleep};

async fn slow(Body(secs): Body) -> String {
    sleep(secs.parse().unwrap()).await;
    secs
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_outlasts_the_timeout_keeps_its_request_hidden() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, slow));
    for _ in 0..5 {
        bed.send(&bed.ask("100")).await;
    }
    for _ in 0..30 {
        sleep(3).await;
        assert!(
            bed.receive(&bed.requests, 0).await.is_none(),
            "no other receiver gets a request"
        );
    }
    for _ in 0..5 {
        assert_eq!(bed.reply().await.unwrap().body(), "100");
    }
    bed.until_deleted().await;
    running.stop().await;
    let stats = bed.stats();
    assert_eq!((stats.handled, stats.duplicate_requests), (5, 0));
    assert!(
        (25..=35).contains(&stats.visibility_extended),
        "{}",
        stats.visibility_extended
    );
    let calls = stats.calls.of(Action::ChangeMessageVisibilityBatch);
    assert!(
        calls <= stats.visibility_extended / 3,
        "in batches: {calls} calls"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_redelivered_during_its_handler_is_deleted() {
    let bed = Bed::start().await;
    bed.faults
        .of(Action::ChangeMessageVisibilityBatch, THROTTLED);
    let running = Running::start(bed.responder().serve(&bed.requests, slow));
    bed.send(&bed.ask("45")).await;
    bed.until("it came again", |stats| stats.duplicate_requests == 1)
        .await;
    bed.faults.clear();
    assert!(bed.reply().await.is_some());
    bed.until_deleted().await;
    running.stop().await;
    let stats = bed.stats();
    assert_eq!(
        (stats.handled, stats.replies_sent, stats.deletes_failed),
        (1, 1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_short_timeout_is_extended_in_time_too() {
    let bed = Bed::start().await;
    let responder = bed
        .builder()
        .visibility_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    let running = Running::start(responder.serve(&bed.requests, slow));
    bed.send(&bed.ask("10")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "10");
    running.stop().await;
    assert_eq!(bed.stats().duplicate_requests, 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_extension_is_retried_before_the_timeout_ends() {
    let bed = Bed::start().await;
    let mut extensions = 0;
    bed.faults.set(move |action| {
        extensions += usize::from(action == Action::ChangeMessageVisibilityBatch);
        (action == Action::ChangeMessageVisibilityBatch && extensions <= 2).then_some(THROTTLED)
    });
    let running = Running::start(bed.responder().serve(&bed.requests, slow));
    bed.send(&bed.ask("45")).await;
    assert!(bed.reply().await.is_none() && bed.reply().await.is_none());
    assert_eq!(bed.reply().await.unwrap().body(), "45");
    running.stop().await;
    assert_eq!(bed.stats().duplicate_requests, 0);
}
