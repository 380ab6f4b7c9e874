//! Starts, idle times and shutdowns.

use std::time::Duration;

use sqs_rpc::{Json, RequestErrorKind};

use crate::support::{Sum, TestResult, World, pass, until};

#[tokio::test(start_paused = true)]
async fn nothing_is_called_before_the_first_request() -> TestResult {
    let world = World::new().await;
    let before = world.local.calls();
    let requester = world.requester();
    let _responder = world.responder();
    pass(Duration::from_secs(3_600)).await;
    assert_eq!(world.local.calls().since(&before).total(), 0);
    drop(requester);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_idle_requester_does_not_poll() -> TestResult {
    let world = World::new().await;
    let (requester, server) = (world.requester(), world.serve(&world.responder()));
    let _: u64 = requester
        .request(&world.queue_url, Json(Sum::Add(1, 1)))
        .json()
        .await?;
    server.stop().await;
    pass(Duration::from_secs(30)).await;
    let before = world.local.calls();
    pass(Duration::from_secs(3_600)).await;
    assert_eq!(world.local.calls().since(&before).of("ReceiveMessage"), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reply_arrives_by_the_poll_of_a_dropped_request() -> TestResult {
    let world = World::new().await;
    let (requester, _server) = (world.requester(), world.serve(&world.responder()));
    requester.ready().await?;
    let before = world.local.calls();
    {
        let first = requester
            .request(&world.queue_url, Json(Sum::Sleep { millis: 60_000 }))
            .send();
        assert!(
            tokio::time::timeout(Duration::from_secs(1), first)
                .await
                .is_err()
        );
    }
    let _: u64 = requester
        .request(&world.queue_url, Json(Sum::Add(1, 1)))
        .json()
        .await?;
    // The requester has counters of its own, so only its own receives count.
    assert_eq!(
        (
            requester.stats().replies_received,
            requester.stats().calls.of(RECEIVE)
        ),
        (1, 1)
    );
    assert!(world.local.calls().since(&before).of("SendMessageBatch") > 0);
    Ok(())
}

const RECEIVE: sqs_rpc::transport::Action = sqs_rpc::transport::Action::ReceiveMessage;

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_pending_requests_finish_within_its_time() -> TestResult {
    let world = World::new().await;
    let (requester, _server) = (world.requester(), world.serve(&world.responder()));
    requester.ready().await?;
    // Let the host become older than the first seconds, in which SQS may not know it.
    pass(Duration::from_secs(10)).await;
    let quick = tokio::spawn(
        requester
            .request(&world.queue_url, Json(Sum::Sleep { millis: 2_000 }))
            .send(),
    );
    let slow = tokio::spawn(
        requester
            .request(&world.queue_url, Json(Sum::Sleep { millis: 20_000 }))
            .send(),
    );
    until("both are pending", || requester.pending() == 2).await;
    let start = tokio::time::Instant::now();
    requester.shutdown(Duration::from_secs(5)).await;
    assert!(
        start.elapsed() <= Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(quick.await??.body(), "2000");
    assert_eq!(slow.await?.unwrap_err().kind(), RequestErrorKind::Closed);
    pass(Duration::from_secs(30)).await;
    assert_eq!(
        requester.stats().hosts_lost,
        0,
        "a host that is deleted on purpose is not lost"
    );
    let error = requester.request(&world.queue_url, "x").await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Closed);
    assert_eq!(
        world.other_queues().await,
        Vec::<String>::new(),
        "the host is deleted"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_finishes_running_requests_and_leaves_the_rest() -> TestResult {
    let world = World::new().await;
    let requester = world.requester();
    let responder = world.responder_builder().concurrency(2).build()?;
    let server = world.serve(&responder);
    requester.ready().await?;
    let requests: Vec<_> = (0..5)
        .map(|_| {
            tokio::spawn(
                requester
                    .request(&world.queue_url, Json(Sum::Sleep { millis: 3_000 }))
                    .send(),
            )
        })
        .collect();
    until("two are handled", || responder.stats().handled == 2).await;
    let drained = server.stop().await;
    assert_eq!(
        (drained.abandoned, responder.stats().replies_sent),
        (0, responder.stats().handled)
    );
    // Another responder takes over at once, because no request was left hidden.
    let start = tokio::time::Instant::now();
    let _server = world.serve(&world.responder());
    for request in requests {
        assert_eq!(request.await??.body(), "3000");
    }
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    Ok(())
}

#[test]
fn a_requester_that_outlives_its_runtime_is_closed() -> TestResult {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    };
    let first = runtime()?;
    let (world, requester) = first.block_on(async {
        let world = World::new().await;
        let requester = world.requester();
        requester.ready().await.unwrap();
        (world, requester)
    });
    drop(first);
    let error = runtime()?
        .block_on(requester.request(&world.queue_url, "x").send())
        .unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Closed);
    let error =
        futures::executor::block_on(requester.request(&world.queue_url, "x").send()).unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Closed);
    Ok(())
}
