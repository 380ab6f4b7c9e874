//! Polls that fail, and starts that cannot succeed.

use std::time::Duration;

use sqs_responder::{Body, Responder, ServeErrorKind};
use sqs_rpc_transport::Action;

use crate::bed::{Bed, DENIED, Failure, Running, THROTTLED, sleep};

async fn echo(Body(body): Body) -> String {
    body
}

#[tokio::test(start_paused = true)]
async fn a_poll_without_an_answer_times_out_and_is_replaced() {
    let bed = Bed::start().await;
    let mut polls = 0;
    bed.faults.set(move |action| {
        polls += usize::from(action == Action::ReceiveMessage);
        (action == Action::ReceiveMessage && polls == 1).then_some(Failure::Hang)
    });
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.send(&bed.ask("x")).await;
    let begun = bed.now();
    bed.until("it is given up", |stats| stats.polls_failed == 1)
        .await;
    assert_eq!(bed.now().since(begun).as_secs(), 25);
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failing_polls_back_off_and_serving_goes_on() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.send(&bed.ask("before")).await;
    assert!(bed.reply().await.is_some());
    for failure in [
        THROTTLED,
        DENIED,
        Failure::Code("QueueDoesNotExist", 400),
        Failure::Code("Oops", 503),
    ] {
        bed.faults.of(Action::ReceiveMessage, failure);
        // The poll in flight ends. Then polls fail for 10 minutes.
        sleep(20).await;
        let before = bed.stats().calls.of(Action::ReceiveMessage);
        sleep(600).await;
        let calls = bed.stats().calls.of(Action::ReceiveMessage) - before;
        assert!((14..=60).contains(&calls), "{calls}");
        bed.faults.clear();
        bed.send(&bed.ask("after")).await;
        bed.until("it is answered", |stats| stats.replies_sent % 2 == 0)
            .await;
        bed.send(&bed.ask("once more")).await;
        bed.until("it is answered", |stats| stats.replies_sent % 2 == 1)
            .await;
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_queue_is_an_error_after_two_seconds() {
    let bed = Bed::start().await;
    let missing = bed.requests.replace("requests", "missing");
    let begun = bed.now();
    let error = bed.responder().serve(&missing, echo).await.unwrap_err();
    assert_eq!(error.kind(), ServeErrorKind::QueueNotFound);
    assert!(error.to_string().ends_with(&missing), "{error}");
    let took = bed.now().since(begun);
    assert!(
        took >= Duration::from_secs(2) && took < Duration::from_secs(5),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_a_second_late_is_served() {
    let bed = Bed::start().await;
    let late = bed.requests.replace("requests", "late");
    let running = Running::start(bed.responder().serve(&late, echo));
    sleep(1).await;
    assert_eq!(bed.local.create_queue("late").await.unwrap(), late);
    sleep(30).await;
    assert!(running.stop().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_start_without_permission_to_receive_is_an_error() {
    let bed = Bed::start().await;
    bed.faults.of(Action::ReceiveMessage, DENIED);
    let error = bed
        .responder()
        .serve(&bed.requests, echo)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ServeErrorKind::AccessDenied(Action::ReceiveMessage)
    );
    assert!(
        error
            .to_string()
            .starts_with("sqs:ReceiveMessage on the request queue is denied"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn credentials_that_come_late_do_not_end_serving() {
    let bed = Bed::start().await;
    let refused = Failure::Code("UnrecognizedClientException", 403);
    bed.faults.of(Action::ReceiveMessage, refused);
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.send(&bed.ask("x")).await;
    sleep(30).await;
    bed.faults.clear();
    sleep(6).await;
    assert_eq!(bed.stats().replies_sent, 1, "within 5 s and a round trip");
    assert!(running.stop().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_client_without_credentials_provider_is_an_error() {
    let bed = Bed::start().await;
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::new("us-east-1"))
        .build();
    let responder = Responder::builder(aws_sdk_sqs::Client::from_conf(config));
    let serve = responder.build().unwrap().serve(&bed.requests, echo);
    let error = serve.await.unwrap_err();
    assert_eq!(error.kind(), ServeErrorKind::CannotCall);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        source,
        "ReceiveMessage could not be made: the client has no credentials provider"
    );
}

#[tokio::test(start_paused = true)]
async fn an_invalid_queue_url_is_an_error_before_any_call() {
    let bed = Bed::start().await;
    for url in ["requests", "", &format!("{}#virtual", bed.requests)] {
        let error = bed.responder().serve(url, echo).await.unwrap_err();
        assert_eq!(error.kind(), ServeErrorKind::InvalidQueueUrl, "{url}");
    }
    assert_eq!(bed.stats().calls.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_request_is_not_handled_and_is_redelivered() {
    let bed = Bed::start().await;
    bed.faults.of(Action::ReceiveMessage, Failure::Damage);
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.send(&bed.ask("x")).await;
    bed.until("it is noticed", |stats| stats.corrupted == 1)
        .await;
    bed.faults.clear();
    bed.until("it is answered", |stats| stats.replies_sent == 1)
        .await;
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!((bed.stats().handled, bed.stats().requests_received), (1, 1));
}
