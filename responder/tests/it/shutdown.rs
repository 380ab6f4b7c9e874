//! Graceful shutdowns, drops, and the end of a runtime.

use std::time::Duration;

use sqs_responder::{Body, Drained, ServeErrorKind};
use sqs_rpc_transport::Action;

use crate::bed::{Bed, Failure, Running, THROTTLED, sleep};

async fn slow(Body(secs): Body) -> String {
    sleep(secs.parse().unwrap()).await;
    secs
}

fn report(drained: Drained) -> [usize; 5] {
    let Drained {
        finished,
        abandoned,
        released,
        polls_abandoned,
        calls_unanswered,
        ..
    } = drained;
    [
        finished,
        abandoned,
        released,
        polls_abandoned,
        calls_unanswered,
    ]
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_finishes_what_it_can_and_returns_the_rest() {
    let bed = Bed::start().await;
    let responder = bed
        .builder()
        .poll_wait(Duration::from_secs(5))
        .build()
        .unwrap();
    let running = Running::start(
        responder
            .serve(&bed.requests, slow)
            .drain(Duration::from_secs(25)),
    );
    bed.send(&bed.ask("10")).await;
    bed.send(&bed.ask("100")).await;
    bed.until("both are handled", |stats| stats.handled == 2)
        .await;
    let begun = bed.now();
    let drained = running.stop().await;
    assert_eq!(report(drained), [1, 1, 1, 0, 0]);
    assert!(!drained.is_clean());
    let took = bed.now().since(begun);
    assert!(
        took >= Duration::from_secs(24) && took <= Duration::from_secs(25),
        "{took:?}"
    );
    assert_eq!(bed.reply().await.unwrap().body(), "10");
    assert_eq!(
        bed.left().await,
        (1, 0),
        "the other request is visible at once"
    );
    assert_eq!(bed.stats().released, 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_when_all_requests_are_finished() {
    let bed = Bed::start().await;
    let responder = bed
        .builder()
        .poll_wait(Duration::from_secs(2))
        .build()
        .unwrap();
    let running = Running::start(responder.serve(&bed.requests, slow));
    bed.send(&bed.ask("3")).await;
    bed.until("it is handled", |stats| stats.handled == 1).await;
    let begun = bed.now();
    assert_eq!(report(running.stop().await), [1, 0, 0, 0, 0]);
    assert!(
        bed.now().since(begun) < Duration::from_secs(4),
        "{:?}",
        bed.now().since(begun)
    );
    assert_eq!(bed.left().await, (0, 0), "its delete was not lost");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_handles_the_requests_of_the_last_poll() {
    let bed = Bed::start().await;
    let responder = bed.builder().end_idle_polls(false).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, slow));
    sleep(1).await;
    let stopped = tokio::spawn(running.stop());
    sleep(5).await;
    let polls = bed.stats().calls.of(Action::ReceiveMessage);
    bed.send(&bed.ask("1")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "1");
    assert_eq!(report(stopped.await.unwrap()), [1, 0, 0, 0, 0]);
    assert_eq!(
        bed.stats().calls.of(Action::ReceiveMessage),
        polls,
        "no poll is started after the signal"
    );
}

#[tokio::test(start_paused = true)]
async fn a_poll_after_the_drain_time_gives_its_messages_back() {
    let bed = Bed::start().await;
    let responder = bed.builder().end_idle_polls(false).build().unwrap();
    let running = Running::start(
        responder
            .serve(&bed.requests, slow)
            .drain(Duration::from_secs(5)),
    );
    sleep(1).await;
    assert_eq!(report(running.stop().await), [0, 0, 0, 1, 0]);
    bed.send(&bed.ask("1")).await;
    sleep(1).await;
    assert_eq!(bed.stats().handled, 0);
    assert_eq!(
        bed.left().await,
        (1, 0),
        "visible, although the poll received it"
    );
    assert_eq!(
        bed.stats().calls.of(Action::ChangeMessageVisibilityBatch),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_responder_stops_within_two_seconds() {
    for idle in [0, 1, 13] {
        let bed = Bed::start().await;
        let running = Running::start(bed.responder().serve(&bed.requests, slow));
        bed.send(&bed.ask("0")).await;
        assert_eq!(bed.reply().await.unwrap().body(), "0");
        sleep(idle).await;
        let begun = bed.now();
        assert_eq!(report(running.stop().await), [0, 0, 0, 0, 0]);
        let took = bed.now().since(begun);
        assert!(took <= Duration::from_millis(1_100), "{idle}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn idle_polls_end_only_when_all_requests_are_finished() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, slow));
    bed.send(&bed.ask("5")).await;
    bed.until("it is handled", |stats| stats.handled == 1).await;
    let begun = bed.now();
    let stopped = tokio::spawn(running.stop());
    sleep(4).await;
    // While a handler runs, the poll is not ended, and receives this request.
    bed.send(&bed.ask("2")).await;
    assert_eq!(report(stopped.await.unwrap()), [2, 0, 0, 0, 0]);
    let took = bed.now().since(begun).as_secs();
    assert_eq!(took, 6, "as long as the handlers");
    assert_eq!(bed.left().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_lost_with_an_ended_poll_is_redelivered() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, slow));
    sleep(5).await;
    // SQS's answer is on its way when the poll is ended.
    bed.faults.hold(Action::ReceiveMessage);
    bed.send(&bed.ask("0")).await;
    sleep(1).await;
    assert_eq!(report(running.stop().await), [0, 0, 0, 0, 0]);
    assert_eq!(
        bed.left().await,
        (0, 1),
        "hidden until its visibility timeout ends"
    );
    bed.faults.clear();
    let next = Running::start(bed.responder().serve(&bed.requests, slow));
    let begun = bed.now();
    bed.until("it is handled", |stats| stats.handled == 1).await;
    let took = bed.now().since(begun).as_secs();
    assert!((27..=30).contains(&took), "{took}");
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_without_drain_time_ends_at_once() {
    let bed = Bed::start().await;
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, slow)
            .drain(Duration::ZERO),
    );
    bed.send(&bed.ask("100")).await;
    bed.until("it is handled", |stats| stats.handled == 1).await;
    let begun = bed.now();
    let drained = running.stop().await;
    assert_eq!(
        (drained.abandoned, drained.released, drained.left),
        (1, 0, 1)
    );
    assert!(!drained.is_clean());
    assert_eq!(bed.now().since(begun), Duration::ZERO);
    sleep(1).await;
    assert_eq!(bed.left().await, (0, 1), "not given back");
    assert_eq!(bed.stats().released, 0);
    sleep(31).await;
    assert_eq!(bed.left().await, (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_in_time_while_sqs_is_silent() {
    let bed = Bed::start().await;
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, slow)
            .drain(Duration::from_secs(10)),
    );
    bed.send(&bed.ask("2")).await;
    bed.send(&bed.ask("50")).await;
    bed.until("both are handled", |stats| stats.handled == 2)
        .await;
    bed.faults.set(|_| Some(Failure::Hang));
    let begun = bed.now();
    let drained = running.stop().await;
    assert_eq!(bed.now().since(begun), Duration::from_secs(10));
    assert!(
        drained.calls_unanswered > 0 && drained.released == 2,
        "{drained:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_signal_before_the_start_means_no_call() {
    let bed = Bed::start().await;
    let serve = bed
        .responder()
        .serve(&bed.requests, slow)
        .with_graceful_shutdown(async {});
    assert!(serve.await.unwrap().is_clean());
    assert_eq!(bed.stats().calls.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_serve_drops_handlers_and_gives_back_new_messages() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, slow));
    bed.send(&bed.ask("5")).await;
    bed.until("it is handled", |stats| stats.handled == 1).await;
    sleep(1).await;
    running.drop_it().await;
    bed.send(&bed.ask("6")).await;
    sleep(1).await;
    assert_eq!(
        bed.left().await,
        (1, 1),
        "the new request is visible, the other is hidden until its timeout ends"
    );
    sleep(40).await;
    assert_eq!(bed.left().await, (2, 0));
    assert_eq!(bed.stats().replies_sent, 0);
}

#[test]
fn serving_ends_with_the_runtime_in_which_it_began() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    enum During {
        Poll,
        Handler,
        BackOff,
    }
    for during in [During::Poll, During::Handler, During::BackOff] {
        let first = runtime();
        let (bed, serving) = first.block_on(async {
            let bed = Bed::start().await;
            match during {
                During::Poll => {}
                During::Handler => bed.send(&bed.ask("100")).await,
                During::BackOff => bed.faults.of(Action::ReceiveMessage, THROTTLED),
            }
            let responder = bed.builder().concurrency(1).build().unwrap();
            let mut serving = Box::pin(responder.serve(&bed.requests, slow).into_future());
            tokio::select! {
                _ = &mut serving => panic!("serving ended"),
                () = sleep(30) => {}
            }
            (bed, serving)
        });
        let stats = bed.stats();
        match during {
            During::Poll => assert_eq!((stats.handled, stats.polls_failed), (0, 0)),
            During::Handler => assert_eq!(stats.handled, 1),
            During::BackOff => assert!(stats.polls_failed > 3),
        }
        drop(first);
        let ended = runtime()
            .block_on(async { tokio::time::timeout(Duration::from_secs(60), serving).await });
        let error = ended.unwrap().unwrap_err();
        assert_eq!(error.kind(), ServeErrorKind::RuntimeEnded, "{error}");
    }
}
