//! Timeouts.

use crate::double::{Double, Fate};
use crate::support::{Answer, Bed, SECOND, Stopwatch, on_tokio_time, reply};
use sqs_requester::{Action, Delivery, RequestErrorKind, Requester};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_request_without_a_reply_ends_exactly_at_its_deadline() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    requester.ready().await.unwrap();
    for timeout in [Duration::from_millis(1), 7 * SECOND, 3_600 * SECOND] {
        let started = Stopwatch::start();
        let error = requester
            .request(&bed.queue, "hello")
            .timeout(timeout)
            .await
            .unwrap_err();
        assert_eq!(started.elapsed(), timeout);
        assert_eq!(
            (error.kind(), error.delivery()),
            (RequestErrorKind::Timeout, Delivery::Sent)
        );
        assert_eq!(error.to_string(), format!("no reply within {timeout:?}"));
    }
    assert_eq!((requester.stats().timed_out, requester.pending()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn the_default_timeout_is_30_seconds() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    let started = Stopwatch::start();
    let error = requester.request(&bed.queue, "hello").await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Timeout);
    assert_eq!(started.elapsed(), 30 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_first_request_waits_a_second_and_carries_the_rest() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    let started = Stopwatch::start();
    let _pending = tokio::spawn(
        requester
            .request(&bed.queue, "hello")
            .timeout(20 * SECOND)
            .send(),
    );
    let asked = bed.next_request().await;
    assert_eq!(started.elapsed(), SECOND);
    assert_eq!(asked.header().deadline.at_send(), Some(19 * SECOND));
}

/// A requester and a FIFO request queue, to which sends go one call at a time. The first send's answer is 8 s late.
async fn with_a_late_first_send() -> (Bed, Requester) {
    let bed = Bed::with_queue("requests.fifo").await;
    let double = Double::new(&bed.sqs);
    double.fate(Action::SendMessageBatch, [Fate::Late(8 * SECOND)]);
    let requester = Requester::new(on_tokio_time(double));
    requester
        .ready()
        .await
        .expect("local-sqs creates the reply queue");
    (bed, requester)
}

#[tokio::test(start_paused = true)]
async fn a_delayed_send_carries_the_remaining_time() {
    let (bed, requester) = with_a_late_first_send().await;
    let ask = |body| {
        let request = requester.request(&bed.queue, body).timeout(20 * SECOND);
        tokio::spawn(request.send())
    };
    let _first = ask("first");
    tokio::time::sleep(3 * SECOND).await;
    let _second = ask("second");
    for remains in [20, 15] {
        let asked = bed.next_request().await;
        let deadline = asked.header().deadline;
        assert_eq!(deadline.at_send(), Some(remains * SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_expires_before_its_send_was_not_sent() {
    let (bed, requester) = with_a_late_first_send().await;
    let ask = |body| {
        let request = requester.request(&bed.queue, body).timeout(4 * SECOND);
        tokio::spawn(request.send())
    };
    // The first request is in the call whose answer is late.
    let first = ask("first");
    tokio::time::sleep(SECOND).await;
    let second = ask("second");
    for (request, delivery) in [(first, Delivery::Unknown), (second, Delivery::NotSent)] {
        let error = request.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::Timeout);
        assert_eq!(error.delivery(), delivery);
    }
    assert_eq!(bed.next_request().await.body(), "first");
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!(bed.depth(&bed.queue).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_before_the_host_is_usable_means_not_sent() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    let started = Stopwatch::start();
    let timeout = Duration::from_millis(300);
    let error = requester
        .request(&bed.queue, "hello")
        .timeout(timeout)
        .await
        .unwrap_err();
    assert_eq!(started.elapsed(), timeout);
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::Timeout, Delivery::NotSent)
    );
    assert!(
        error
            .to_string()
            .ends_with("within 300ms (the request was not sent)"),
        "{error}"
    );
    assert_eq!(
        (requester.stats().timed_out, requester.stats().requests_sent),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_deleted_and_counted() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    requester.ready().await.unwrap();
    let request = requester.request(&bed.queue, "hello").timeout(5 * SECOND);
    let (error, asked) = tokio::join!(request.send(), bed.next_request());
    assert_eq!(error.unwrap_err().kind(), RequestErrorKind::Timeout);
    reply(&bed.sqs, &asked, Answer::body("too late")).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(
        (
            requester.stats().late_replies,
            requester.stats().replies_received
        ),
        (1, 0)
    );
    assert_eq!(bed.depth(asked.address().0).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_requester_does_not_poll_while_nothing_is_pending() {
    let bed = Bed::new().await;
    bed.serve(|_, asked| vec![Answer::body(asked.body())]);
    let requester = bed.requester();
    requester.request(&bed.queue, "hello").await.unwrap();
    // The poll in flight ends by itself.
    tokio::time::sleep(30 * SECOND).await;
    let before = requester.stats();
    tokio::time::sleep(300 * SECOND).await;
    let calls = requester.stats().calls_since(&before);
    let other = [Action::TagQueue, Action::ListQueues].map(|action| calls.of(action));
    assert_eq!(calls.total(), other.iter().sum::<u64>(), "{calls}");
}
