//! Many concurrent requests, and several requesters.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;

use crate::support::{TestResult, World, echo, pass};

#[tokio::test(start_paused = true)]
async fn a_thousand_concurrent_requests_each_get_their_own_reply() -> TestResult {
    let world = World::new().await;
    let requesters: Vec<_> = (0..4).map(|_| world.requester()).collect();
    let responders: Vec<_> = (0..3).map(|_| world.responder()).collect();
    let servers: Vec<_> = responders
        .iter()
        .map(|responder| tokio::spawn(responder.serve(&world.queue_url, echo).into_future()))
        .collect();
    let requests = (0..1_000).map(|n| {
        let body = format!("{n} of {}", n % 4);
        let request = requesters[n % 4]
            .request(&world.queue_url, body.as_str())
            .timeout(Duration::from_secs(300));
        async move { (body, request.await) }
    });
    for (body, reply) in join_all(requests).await {
        assert_eq!(reply?.body(), body);
    }
    let handled: Vec<_> = responders
        .iter()
        .map(|responder| responder.stats().handled)
        .collect();
    assert_eq!(handled.iter().sum::<u64>(), 1_000);
    assert!(
        handled.iter().all(|handled| *handled > 0),
        "all three handled requests: {handled:?}"
    );

    // Because of batches, there are far fewer calls than one for each send, receive and delete of a request and its
    // reply.
    let calls = world.local.calls();
    let per_request = calls.total() as f64 / 1_000.0;
    assert!(per_request < 2.0, "{per_request} calls a request: {calls}");
    servers.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn two_requesters_never_share_a_reply() -> TestResult {
    let world = World::new().await;
    let (a, b) = (world.requester(), world.requester());
    let responder = world.responder();
    let server = tokio::spawn(responder.serve(&world.queue_url, echo).into_future());
    for round in 0..100 {
        let (from_a, from_b) = (format!("a{round}"), format!("b{round}"));
        let (to_a, to_b) = futures::join!(
            a.request(&world.queue_url, from_a.as_str()).send(),
            b.request(&world.queue_url, from_b.as_str()).send()
        );
        assert_eq!(
            (to_a?.body(), to_b?.body()),
            (from_a.as_str(), from_b.as_str())
        );
    }
    assert_eq!(
        world
            .other_queues()
            .await
            .into_iter()
            .collect::<BTreeSet<_>>()
            .len(),
        2,
        "each has its own host"
    );
    assert_eq!(a.stats().foreign_replies + b.stats().foreign_replies, 0);
    server.abort();
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn two_requesters_on_one_given_queue_get_their_own_replies() -> TestResult {
    let world = World::new().await;
    let host = world
        .local
        .create_queue("sqs-rpc-00000000-0000-4000-8000-000000000000-0")
        .await?;
    let given = || world.requester_builder().reply_queue(&host).build();
    let (a, b) = (given()?, given()?);
    let responder = world.responder();
    let server = tokio::spawn(responder.serve(&world.queue_url, echo).into_future());
    let requests = (0..40).map(|n| {
        let requester = if n % 2 == 0 { &a } else { &b };
        let body = n.to_string();
        let request = requester
            .request(&world.queue_url, body.as_str())
            .timeout(Duration::from_secs(1_200));
        async move { (body, request.await) }
    });
    for (body, reply) in join_all(requests).await {
        assert_eq!(reply?.body(), body);
    }
    assert!(
        a.stats().foreign_replies + b.stats().foreign_replies > 0,
        "a requester received a reply to the other"
    );
    let calls = world.local.calls();
    let made =
        ["CreateQueue", "TagQueue", "ListQueues", "DeleteQueue"].map(|action| calls.of(action));
    // This test itself made the two queues.
    assert_eq!(
        made,
        [2, 0, 0, 0],
        "a given reply queue needs no such permission"
    );
    a.shutdown(Duration::from_secs(25)).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(world.calls("DeleteQueue"), 0);
    server.abort();
    Ok(())
}
