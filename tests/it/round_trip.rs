//! One request and its outcomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqs_rpc::transport::Delivery;
use sqs_rpc::{Body, ErrorCode, Json, ReplyError, RequestErrorKind};
use tower::{Service, ServiceExt};

use crate::support::{BY_ZERO, Sum, TestResult, World, pass, until};

#[tokio::test(start_paused = true)]
async fn a_request_gets_its_reply_and_leaves_nothing_behind() -> TestResult {
    let world = World::new().await;
    let (requester, responder) = (world.requester(), world.responder());
    let server = world.serve(&responder);
    let sum: u64 = requester
        .request(&world.queue_url, Json(Sum::Add(2, 3)))
        .json()
        .await?;
    assert_eq!(sum, 5);
    until("the request is deleted", || {
        responder.stats().replies_sent == 1
    })
    .await;
    pass(Duration::from_secs(1)).await;
    let host = world.other_queues().await.remove(0);
    assert_eq!(
        (
            world.messages_on(&world.queue_url).await,
            world.messages_on(&host).await
        ),
        (0, 0)
    );
    requester.shutdown(Duration::from_secs(5)).await;
    assert!(server.stop().await.is_clean());
    assert_eq!(
        world.other_queues().await,
        Vec::<String>::new(),
        "the host is deleted"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_error_reply_has_its_code_and_text() -> TestResult {
    let world = World::new().await;
    let (requester, _server) = (world.requester(), world.serve(&world.responder()));
    let error = requester
        .request(&world.queue_url, Json(Sum::Divide(1, 0)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::Remote, Delivery::Sent)
    );
    let remote = error.remote().unwrap();
    assert_eq!(
        (&remote.code, remote.message.as_str()),
        (&BY_ZERO, "division by zero")
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_error_code_arrives_whatever_its_text() -> TestResult {
    const REFUSED: ErrorCode = ErrorCode::from_static("users.refused");
    let world = World::new().await;
    let (requester, responder) = (world.requester(), world.responder());
    let handler =
        |Body(text): Body| async move { Err::<(), _>(ReplyError::new(REFUSED, text + "\u{0}")) };
    let _server = tokio::spawn(responder.serve(&world.queue_url, handler).into_future());
    for (text, expected) in [
        ("x", "x\\u{0}".to_owned()),
        (&"é".repeat(400_000), { "é".repeat(510) + "…" }),
    ] {
        let error = requester.request(&world.queue_url, text).await.unwrap_err();
        let remote = error.remote().unwrap();
        assert_eq!((&remote.code, &remote.message), (&REFUSED, &expected));
        assert!(!error.is_retryable());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_retryable_error_is_not_kept_under_its_key() -> TestResult {
    let world = World::new().await;
    let (requester, responder) = (world.requester(), world.responder());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let handler = move || {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let busy = ReplyError::new(ErrorCode::from_static("db.busy"), "try again");
            if first {
                Err(busy.retryable())
            } else {
                Ok("done")
            }
        }
    };
    let _server = tokio::spawn(responder.serve(&world.queue_url, handler).into_future());
    let ask = || {
        requester
            .request(&world.queue_url, "x")
            .idempotency_key("k")
    };
    let error = ask().await.unwrap_err();
    assert_eq!(error.remote().unwrap().code.as_str(), "db.busy");
    assert!(error.is_retryable());
    for _ in 0..2 {
        assert_eq!(ask().await?.body(), "done");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2, "the result is kept");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_internal_error_leaks_nothing() -> TestResult {
    let world = World::new().await;
    let responder = world.responder();
    let (requester, _server) = (world.requester(), world.serve(&responder));
    let error = requester
        .request(&world.queue_url, Json(Sum::Leak))
        .await
        .unwrap_err();
    assert_eq!(error.remote().unwrap().code, ErrorCode::INTERNAL);
    assert!(!format!("{error} {error:?}").contains("swordfish"));
    assert_eq!(responder.stats().handler_errors, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_reply_and_affects_no_other() -> TestResult {
    let world = World::new().await;
    let responder = world.responder();
    let (requester, _server) = (world.requester(), world.serve(&responder));
    let panics = requester.request(&world.queue_url, Json(Sum::Panic));
    let works = requester
        .request(&world.queue_url, Json(Sum::Add(1, 1)))
        .json::<u64>();
    let (panicked, worked) = futures::join!(panics.send(), works.send());
    assert_eq!(
        panicked.unwrap_err().remote().unwrap().code,
        ErrorCode::INTERNAL
    );
    assert_eq!(worked?, 2);
    assert_eq!(responder.stats().panics, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_exact_and_the_request_is_dropped_unhandled() -> TestResult {
    let world = World::new().await;
    let requester = world.requester();
    requester.ready().await?;
    let start = tokio::time::Instant::now();
    let request = requester
        .request(&world.queue_url, Json(Sum::Add(1, 1)))
        .timeout(Duration::from_millis(2_345));
    let error = request.await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_millis(2_345));
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::Timeout, Delivery::Sent)
    );
    assert!(error.is_retryable());
    assert_eq!(world.messages_on(&world.queue_url).await, 1);

    // A late responder drops the expired request, once it knows SQS's time from a call or two.
    pass(Duration::from_secs(5)).await;
    let responder = world.responder();
    let _server = world.serve(&responder);
    until("the request is dropped", || responder.stats().expired == 1).await;
    assert_eq!(responder.stats().handled, 0);
    pass(Duration::from_secs(1)).await;
    assert_eq!(world.messages_on(&world.queue_url).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_frees_its_slot_at_once() -> TestResult {
    let world = World::new().await;
    let responder = world.responder();
    let (requester, _server) = (world.requester(), world.serve(&responder));
    requester.ready().await?;
    {
        let request = requester
            .request(&world.queue_url, Json(Sum::Sleep { millis: 3_000 }))
            .send();
        assert!(
            tokio::time::timeout(Duration::from_secs(1), request)
                .await
                .is_err()
        );
    }
    assert_eq!((requester.pending(), requester.stats().cancelled), (0, 1));
    // The late reply is received by the next request's poll, or by the poll that is still in flight.
    pass(Duration::from_secs(5)).await;
    let sum: u64 = requester
        .request(&world.queue_url, Json(Sum::Add(1, 2)))
        .json()
        .await?;
    assert_eq!((sum, requester.stats().late_replies), (3, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_one_way_request_is_handled_and_not_answered() -> TestResult {
    let world = World::new().await;
    let responder = world.responder();
    let _server = world.serve(&responder);
    let body = serde_json::to_string(&Sum::Add(1, 1))?;
    world
        .client
        .send_message()
        .queue_url(&world.queue_url)
        .message_body(body)
        .send()
        .await?;
    until("it is handled", || responder.stats().one_way == 1).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(
        (
            responder.stats().replies_sent,
            world.messages_on(&world.queue_url).await
        ),
        (0, 0)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_requester_is_a_tower_service() -> TestResult {
    let world = World::new().await;
    let (requester, _server) = (world.requester(), world.serve(&world.responder()));
    let service = requester.typed::<Sum, u64>(&world.queue_url);
    let mut limited = tower::ServiceBuilder::new()
        .concurrency_limit(1)
        .service(service);
    assert_eq!(limited.ready().await?.call(Sum::Add(4, 5)).await?, 9);
    let error = limited
        .ready()
        .await?
        .call(Sum::Divide(1, 0))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Remote);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bad_input_is_refused_before_any_call() -> TestResult {
    let world = World::new().await;
    let requester = world.requester();
    let before = world.local.calls();
    let url = &world.queue_url;
    let too_many = (0..8).fold(requester.request(url, "b"), |request, n| {
        request.attribute(format!("a{n}"), "v")
    });
    let cases = [
        (requester.request("not a url", "b"), "not a url"),
        (requester.request(url, ""), "empty"),
        (too_many, "allowed are 7"),
        (
            requester.request(url, "b").attribute("SqsRpc", "v"),
            "reserved",
        ),
        (
            requester
                .request(url, "b")
                .attribute("ResponseQueueUrl", "v"),
            "reserved",
        ),
        (requester.request(url, "x".repeat(1_048_576)), "1048576"),
        (
            requester.request(url, "b").timeout(Duration::ZERO),
            "timeout",
        ),
    ];
    for (request, says) in cases {
        let error = request.await.unwrap_err();
        let text = chain(&error);
        assert!(text.contains(says), "{says}: {text}");
        let kind = error.kind();
        assert!(
            matches!(
                kind,
                RequestErrorKind::InvalidRequest | RequestErrorKind::TooLarge
            ),
            "{kind:?}: {text}"
        );
        assert_eq!(
            (error.delivery(), error.is_retryable()),
            (Delivery::NotSent, false),
            "{text}"
        );
    }
    assert_eq!(world.local.calls().since(&before).total(), 0);
    Ok(())
}

fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
