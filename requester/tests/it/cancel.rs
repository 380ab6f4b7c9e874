//! Requests whose futures are dropped.

use crate::support::{Answer, Bed, SECOND, reply, until};
use futures::FutureExt;
use sqs_requester::RequestErrorKind;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_dropped_request_frees_its_slot_at_once() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    requester.ready().await.unwrap();
    let mut request = Box::pin(requester.request(&bed.queue, "hello").send());
    assert!(request.as_mut().now_or_never().is_none());
    let asked = tokio::select! {
        asked = bed.next_request() => asked,
        _ = &mut request => panic!("the request ended"),
    };
    assert_eq!(requester.pending(), 1);
    drop(request);
    assert_eq!((requester.pending(), requester.stats().cancelled), (0, 1));

    reply(&bed.sqs, &asked, Answer::body("too late")).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(requester.stats().late_replies, 1);
    assert_eq!(bed.depth(asked.address().0).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_never_polled_is_not_counted() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    drop(requester.request(&bed.queue, "hello").send());
    assert_eq!((requester.pending(), requester.stats().cancelled), (0, 0));
    assert_eq!(requester.stats().calls.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_first_request_does_not_stop_the_host_creation() {
    let bed = Bed::new().await;
    bed.echo();
    let requester = bed.requester();
    let first = tokio::spawn(requester.request(&bed.queue, "first").send());
    let second = tokio::spawn(requester.request(&bed.queue, "second").send());
    until(|| requester.pending() == 2).await;
    first.abort();
    assert_eq!(second.await.unwrap().unwrap().body(), "second");
    assert_eq!(
        bed.local.calls().of("CreateQueue"),
        2,
        "the request queue and the reply queue"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_dropped_at_every_point_leave_nothing_behind() {
    let bed = Bed::new().await;
    bed.echo();
    let requester = bed.requester();
    for polls in 0..40 {
        let mut request = Box::pin(requester.request(&bed.queue, "hello").send());
        for _ in 0..polls {
            if request.as_mut().now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(request);
        assert_eq!(requester.pending(), 0);
    }
    assert_eq!(
        requester
            .request(&bed.queue, "still works")
            .await
            .unwrap()
            .body(),
        "still works"
    );
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(
        bed.depth(requester.reply_queue().unwrap().as_str()).await,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_max_pending_is_refused_until_one_ends() {
    let bed = Bed::new().await;
    let requester = bed.builder().max_pending(2).build().unwrap();
    let pending: Vec<_> = (0..2)
        .map(|_| tokio::spawn(requester.request(&bed.queue, "hello").send()))
        .collect();
    until(|| requester.pending() == 2).await;
    let error = requester.request(&bed.queue, "hello").await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Overloaded);
    assert!(error.is_retryable());
    assert_eq!(error.to_string(), "2 requests are pending, the maximum");
    assert_eq!(requester.stats().cancelled, 0);
    pending[0].abort();
    until(|| requester.pending() == 1).await;
    bed.echo();
    requester.request(&bed.queue, "hello").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_ends_or_is_aborted_on_several_threads() {
    let bed = Bed::new().await;
    bed.echo();
    let requester = bed.builder().new_host_wait(Duration::ZERO).build().unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|i| tokio::spawn(requester.request(&bed.queue, i.to_string()).send()))
        .collect();
    for task in tasks.iter().step_by(2) {
        task.abort();
    }
    for (i, task) in tasks.into_iter().enumerate() {
        match task.await {
            Ok(reply) => assert_eq!(reply.unwrap().body(), i.to_string()),
            Err(aborted) => assert!(aborted.is_cancelled() && i % 2 == 0),
        }
    }
    assert_eq!(requester.pending(), 0);
    assert_eq!(requester.shutdown(30 * SECOND).await.left_behind, None);
}
