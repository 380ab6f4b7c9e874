//! Requests over sockets, with local-sqs's HTTP server and the SDK's own HTTP client.

use std::time::Duration;

use local_sqs::{LocalSqs, Server};
use sqs_rpc::{Json, RequestErrorKind, Requester, Responder};
use sqs_rpc_tests::client;

use crate::support::{Sum, TestResult, calculate};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_over_sockets() -> TestResult {
    let server = Server::bind(LocalSqs::start(), "127.0.0.1:0".parse()?).await?;
    let endpoint = server.endpoint_url();
    let queue_url = client(&endpoint)
        .create_queue()
        .queue_name("requests")
        .send()
        .await?
        .queue_url
        .unwrap();

    let responder = Responder::builder(client(&endpoint)).build()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serve = responder
        .serve(&queue_url, calculate)
        .drain(Duration::from_secs(1))
        .with_graceful_shutdown(async { drop(stopped.await) });
    let serving = tokio::spawn(serve.into_future());

    let requester = Requester::builder(client(&endpoint)).build()?;
    let sums = (0..200).map(|n| {
        requester
            .request(&queue_url, Json(Sum::Add(n, n)))
            .json::<u64>()
            .send()
    });
    for (n, sum) in (0..).zip(futures::future::join_all(sums).await) {
        assert_eq!(sum?, n + n);
    }
    let error = requester
        .request(&queue_url, Json(Sum::Divide(1, 0)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Remote);

    let other = client(&endpoint)
        .create_queue()
        .queue_name("unserved")
        .send()
        .await?
        .queue_url
        .unwrap();
    let error = requester
        .request(&other, "x")
        .timeout(Duration::from_millis(200))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Timeout);

    requester.shutdown(Duration::from_secs(5)).await;
    let left = client(&endpoint)
        .list_queues()
        .send()
        .await?
        .queue_urls
        .unwrap_or_default();
    assert_eq!(left.len(), 2, "the requester's host is deleted: {left:?}");
    // If serving has already ended, the next line shows its error.
    let _ = stop.send(());
    serving.await??;
    server.shutdown().await;
    Ok(())
}
