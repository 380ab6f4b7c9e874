//! Tokio runtimes that end or are not driven, and calls outside of a runtime.

use crate::double::{Double, Fate};
use crate::secrets::Recorder;
use crate::support::{Bed, SECOND, Stopwatch, on_tokio_time};
use futures::executor::block_on;
use sqs_requester::{Action, Delivery, RequestErrorKind, Requester};
use std::error::Error as _;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

#[test]
fn requests_fail_closed_after_the_runtime_has_ended() {
    let first = runtime();
    let (bed, requester) = first.block_on(async {
        let bed = Bed::new().await;
        bed.echo();
        let requester = bed.requester();
        requester.request(&bed.queue, "hello").await.unwrap();
        (bed, requester)
    });
    drop(first);
    let closed = |error: sqs_requester::RequestError| {
        assert_eq!(error.kind(), RequestErrorKind::Closed, "{error}")
    };
    runtime().block_on(async {
        closed(requester.request(&bed.queue, "hello").await.unwrap_err());
        closed(requester.request(&bed.queue, "hello").await.unwrap_err());
        closed(requester.ready().await.unwrap_err());
        // The shutdown still deletes the host.
        assert_eq!(requester.shutdown(SECOND).await.left_behind, None);
        assert_eq!(bed.hosts().await, [""; 0]);
    });
}

#[test]
fn a_runtime_end_during_the_host_creation_means_closed() {
    let first = runtime();
    let (bed, requester) = first.block_on(async {
        let bed = Bed::new().await;
        let double = Double::new(&bed.sqs);
        double.fate(Action::CreateQueue, [Fate::Late(3_600 * SECOND)]);
        let requester = Requester::new(on_tokio_time(double));
        let _begun = tokio::spawn(requester.request(&bed.queue, "hello").send());
        tokio::time::sleep(SECOND).await;
        assert_eq!((requester.pending(), requester.reply_queue()), (1, None));
        (bed, requester)
    });
    drop(first);
    runtime().block_on(async {
        let error = requester.request(&bed.queue, "hello").await.unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::Closed);
        // The queue was made, but the answer never came. The shutdown looks for the queue.
        assert_eq!(requester.shutdown(SECOND).await.unconfirmed, 0);
        assert!(bed.hosts().await.is_empty());
    });
}

#[test]
fn a_pending_request_that_outlives_the_runtime_fails_closed() {
    let first = runtime();
    let (_bed, pending) = first.block_on(async {
        let bed = Bed::new().await;
        let requester = bed.requester();
        requester.ready().await.unwrap();
        let mut pending = Box::pin(requester.request(&bed.queue, "hello").send());
        assert!(futures::poll!(pending.as_mut()).is_pending());
        tokio::time::sleep(2 * SECOND).await;
        assert!(futures::poll!(pending.as_mut()).is_pending());
        (bed, pending)
    });
    drop(first);
    assert_eq!(
        block_on(pending).unwrap_err().kind(),
        RequestErrorKind::Closed
    );
}

#[test]
fn a_request_ends_in_time_without_the_first_runtime() {
    let first = runtime();
    let (bed, requester) = first.block_on(async {
        let bed = Bed::new().await;
        let requester = bed.requester();
        requester.ready().await.unwrap();
        (bed, requester)
    });
    // The first runtime exists, but none of its tasks runs.
    runtime().block_on(async {
        let started = Stopwatch::start();
        let request = requester.request(&bed.queue, "hello").timeout(3 * SECOND);
        let error = request.await.unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::Timeout);
        assert!(started.elapsed() < 4 * SECOND, "{:?}", started.elapsed());
        assert_eq!(requester.pending(), 0);
    });
}

#[test]
fn a_request_moved_off_a_stopped_runtime_ends_in_time() {
    for created_late in [false, true] {
        let first = runtime();
        let (requester, mut request) = first.block_on(async {
            let bed = Bed::new().await;
            let double = Double::new(&bed.sqs);
            if created_late {
                double.fate(Action::CreateQueue, [Fate::Late(3_600 * SECOND)]);
            }
            let requester = Requester::new(on_tokio_time(double));
            let request = requester.request(&bed.queue, "hello").timeout(3 * SECOND);
            (requester, Box::pin(request.send()))
        });
        let began = first.block_on(async {
            let early = tokio::time::timeout(2 * SECOND, &mut request).await;
            assert!(early.is_err());
            Stopwatch::start()
        });
        // From now on the first runtime is not driven.
        let error = runtime().block_on(request).unwrap_err();
        let delivery = if created_late {
            Delivery::NotSent
        } else {
            Delivery::Sent
        };
        let ended = (error.kind(), error.delivery());
        assert_eq!(ended, (RequestErrorKind::Timeout, delivery));
        assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
        assert_eq!(requester.pending(), 0);
    }
}

#[test]
fn outside_of_a_runtime_requests_fail_and_later_ones_succeed() {
    let later = runtime();
    let (bed, requester) = later.block_on(async {
        let bed = Bed::new().await;
        bed.echo();
        let requester = bed.requester();
        (bed, requester)
    });
    let error = block_on(requester.request(&bed.queue, "hello").send()).unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Closed);
    assert_eq!(
        error.source().unwrap().to_string(),
        "there is no Tokio runtime here"
    );
    assert_eq!(
        block_on(requester.ready()).unwrap_err().kind(),
        RequestErrorKind::Closed
    );
    let reply = later
        .block_on(requester.request(&bed.queue, "hello").send())
        .unwrap();
    assert_eq!(reply.body(), "hello");
    let report = block_on(requester.shutdown(SECOND));
    assert_eq!(
        report.left_behind,
        requester.reply_queue().or(report.left_behind.clone())
    );
    assert!(
        report.left_behind.is_some(),
        "without a runtime nothing can be called"
    );
}

#[test]
fn a_requester_that_is_dropped_without_a_shutdown_warns() {
    let recorder = Recorder::default();
    let _recording = recorder.start();
    runtime().block_on(async {
        let bed = Bed::new().await;
        drop(Requester::new(&bed.sqs));
        let shut_down = bed.requester();
        shut_down.ready().await.unwrap();
        shut_down.shutdown(SECOND).await;
        drop(shut_down);
        assert_eq!(
            recorder.warnings(),
            0,
            "one was unused, the other shut down"
        );

        let dropped = bed.requester();
        dropped.ready().await.unwrap();
        let clone = dropped.clone();
        drop(dropped);
        assert_eq!(recorder.warnings(), 0, "a clone is left");
        drop(clone);
        assert_eq!(recorder.warnings(), 1);
    });
}
