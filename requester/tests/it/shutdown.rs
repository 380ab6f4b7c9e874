//! Shutdowns of a requester.

use crate::double::{Double, Fate};
use crate::support::{Answer, Bed, SECOND, Stopwatch, on_tokio_time, reply, until};
use sqs_requester::{Action, Delivery, RequestErrorKind, Requester};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_pending_requests_and_refuses_new_ones() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    let pending = tokio::spawn(requester.request(&bed.queue, "hello").send());
    let asked = bed.next_request().await;
    let started = Stopwatch::start();
    let shutdown = tokio::spawn({
        let requester = requester.clone();
        async move { requester.shutdown(10 * SECOND).await }
    });
    tokio::time::sleep(2 * SECOND).await;
    let error = requester.request(&bed.queue, "too late").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::Closed, Delivery::NotSent)
    );

    reply(&bed.sqs, &asked, Answer::body("in time")).await;
    assert_eq!(pending.await.unwrap().unwrap().body(), "in time");
    assert!(shutdown.await.unwrap().is_clean());
    assert!(
        started.elapsed() < 3 * SECOND,
        "nothing is left to wait for: {:?}",
        started.elapsed()
    );
    assert_eq!(bed.hosts().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_retries_a_failed_deletion_while_there_is_time() {
    let bed = Bed::new().await;
    let double = Double::new(&bed.sqs);
    let requester = Requester::new(on_tokio_time(double.clone()));
    requester.ready().await.unwrap();
    double.fate(
        Action::DeleteQueue,
        [Fate::Refused("ThrottlingException"); 4],
    );
    let report = requester.shutdown(10 * SECOND).await;
    assert_eq!(report.left_behind, None);
    assert_eq!(bed.hosts().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn requests_pending_at_the_end_of_a_shutdown_fail_closed() {
    let bed = Bed::new().await;
    let double = Double::new(&bed.sqs);
    // Long enough for the poll in flight to see that the host is deleted.
    double.fate(Action::DeleteQueue, [Fate::Late(SECOND / 10)]);
    let requester = Requester::new(on_tokio_time(double));
    let pending: Vec<_> = (0..3)
        .map(|_| tokio::spawn(requester.request(&bed.queue, "hello").send()))
        .collect();
    // The host is no longer new, so its deletion would fail the requests with `HostLost`, if they did not end before.
    tokio::time::sleep(10 * SECOND).await;
    let started = Stopwatch::start();
    let report = requester.shutdown(5 * SECOND).await;
    assert!(started.elapsed() <= 5 * SECOND);
    assert_eq!((report.pending, report.left_behind), (3, None));
    for request in pending {
        let error = request.await.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.delivery()),
            (RequestErrorKind::Closed, Delivery::Sent)
        );
    }
    assert_eq!(requester.pending(), 0);
    assert_eq!(bed.hosts().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_unused_requester_shuts_down_at_once_without_a_call() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    let started = Stopwatch::start();
    assert!(requester.shutdown(5 * SECOND).await.is_clean());
    assert_eq!(
        (started.elapsed(), requester.stats().calls.total()),
        (Duration::ZERO, 0)
    );
    assert_eq!(
        requester.ready().await.unwrap_err().kind(),
        RequestErrorKind::Closed
    );
}

#[tokio::test(start_paused = true)]
async fn requests_waiting_for_a_host_fail_closed_at_the_shutdown() {
    let bed = Bed::new().await;
    let requester = bed.builder().new_host_wait(30 * SECOND).build().unwrap();
    let waits = tokio::spawn(
        requester
            .request(&bed.queue, "hello")
            .timeout(60 * SECOND)
            .send(),
    );
    tokio::time::sleep(SECOND).await;
    let started = Stopwatch::start();
    let report = requester.shutdown(2 * SECOND).await;
    assert_eq!((report.pending, report.left_behind), (1, None));
    let error = waits.await.unwrap().unwrap_err();
    assert!(started.elapsed() <= 2 * SECOND);
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::Closed, Delivery::NotSent)
    );
    assert_eq!(bed.hosts().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_host_created_during_the_shutdown_is_deleted() {
    let bed = Bed::new().await;
    let double = Double::new(&bed.sqs);
    double.fate(Action::CreateQueue, [Fate::Late(3 * SECOND)]);
    let requester = Requester::new(on_tokio_time(double));
    let waits = tokio::spawn(
        requester
            .request(&bed.queue, "hello")
            .timeout(SECOND)
            .send(),
    );
    assert_eq!(
        waits.await.unwrap().unwrap_err().kind(),
        RequestErrorKind::Timeout
    );
    assert!(requester.shutdown(10 * SECOND).await.is_clean());
    assert_eq!(bed.hosts().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_undeleted_host_is_reported_and_retried_by_another_shutdown() {
    let bed = Bed::new().await;
    let double = Double::new(&bed.sqs);
    double.fate(Action::DeleteQueue, [Fate::Refused("AccessDenied")]);
    let requester = Requester::new(on_tokio_time(double));
    requester.ready().await.unwrap();
    let host = requester.reply_queue().unwrap();
    let report = requester.shutdown(5 * SECOND).await;
    assert_eq!(report.left_behind.as_ref(), Some(&host));
    assert!(!report.is_clean());
    assert_eq!(bed.hosts().await, [host.to_string()]);
    assert!(requester.shutdown(5 * SECOND).await.is_clean());
    assert_eq!(bed.hosts().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_in_time_even_if_sqs_is_silent() {
    let bed = Bed::new().await;
    let double = Double::new(&bed.sqs);
    double.fate(Action::DeleteQueue, [Fate::Late(3_600 * SECOND)]);
    let requester = Requester::new(on_tokio_time(double));
    let _pending = tokio::spawn(requester.request(&bed.queue, "hello").send());
    tokio::time::sleep(2 * SECOND).await;
    let started = Stopwatch::start();
    let report = requester.shutdown(5 * SECOND).await;
    assert!(
        started.elapsed() <= 5 * SECOND + Duration::from_millis(1),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(report.pending, 1);
    assert!(
        report.left_behind.is_some(),
        "the outcome of the deletion is unknown"
    );
}

#[tokio::test(start_paused = true)]
async fn clones_are_closed_together() {
    let bed = Bed::new().await;
    let one = bed.requester();
    let clone = one.clone();
    one.shutdown(SECOND).await;
    assert_eq!(
        clone.request(&bed.queue, "hello").await.unwrap_err().kind(),
        RequestErrorKind::Closed
    );
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_abandons_the_polls_of_a_deleted_host() {
    let bed = Bed::new().await;
    bed.echo();
    let double = Double::new(&bed.sqs);
    let requester = Requester::new(on_tokio_time(double.clone()));
    requester.ready().await.unwrap();
    // The next two polls are answered late.
    requester.request(&bed.queue, "hello").await.unwrap();
    double.fate(Action::ReceiveMessage, [Fate::Late(60 * SECOND); 2]);
    tokio::time::sleep(30 * SECOND).await;
    let _late = tokio::spawn(
        requester
            .request(&bed.queue, "hello")
            .timeout(SECOND)
            .send(),
    );
    tokio::time::sleep(2 * SECOND).await;
    let started = Stopwatch::start();
    assert!(requester.shutdown(60 * SECOND).await.is_clean());
    assert!(started.elapsed() <= SECOND, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_clean_shutdown_counts_no_failed_call() {
    let bed = Bed::new().await;
    bed.echo();
    let double = Double::new(&bed.sqs);
    let requester = Requester::new(on_tokio_time(double.clone()));
    // Another request keeps a poll in flight until the shutdown ends it.
    let unserved = bed.sqs.create_queue().queue_name("unserved").send();
    let unserved = unserved.await.unwrap().queue_url.unwrap();
    let waits = tokio::spawn(requester.request(&unserved, "hello").send());
    tokio::time::sleep(SECOND).await;
    double.fate(Action::DeleteMessageBatch, [Fate::Slow(36 * SECOND / 10)]);
    requester.request(&bed.queue, "hello").await.unwrap();
    let report = requester.shutdown(4 * SECOND).await;
    assert_eq!((report.pending, report.is_clean()), (1, false));
    waits.await.unwrap().unwrap_err();
    let stats = requester.stats();
    assert_eq!(
        (stats.failed_calls, stats.polls_failed),
        (0, 0),
        "{stats:?}"
    );
    assert_eq!(stats.deletes_failed, 0, "{stats:?}");
    assert_eq!(report.left_behind, None);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_stops_the_retries_of_a_creation() {
    let bed = Bed::new().await;
    let double = Double::new(&bed.sqs);
    double.fate(Action::CreateQueue, [Fate::Refused("RequestThrottled")]);
    let requester = Requester::new(on_tokio_time(double));
    let request = tokio::spawn(requester.request(&bed.queue, "hello").send());
    until(|| requester.stats().failed_calls == 1).await;
    assert_eq!(
        requester
            .shutdown(Duration::from_millis(1))
            .await
            .left_behind,
        None
    );
    assert_eq!(
        request.await.unwrap().unwrap_err().kind(),
        RequestErrorKind::Closed
    );
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(requester.stats().calls.of(Action::CreateQueue), 1);
}

#[tokio::test(start_paused = true)]
async fn a_host_created_after_the_requesters_drop_is_deleted() {
    let bed = Bed::new().await;
    let double = Double::new(&bed.sqs);
    double.fate(Action::CreateQueue, [Fate::Late(3 * SECOND)]);
    let requester = Requester::new(on_tokio_time(double));
    let begun = tokio::time::timeout(SECOND, requester.ready()).await;
    assert!(begun.is_err());
    assert_eq!(bed.hosts().await.len(), 1);
    drop(requester);
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(bed.hosts().await, [""; 0]);
}
