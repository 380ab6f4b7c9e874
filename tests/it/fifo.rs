//! Requests on a FIFO queue.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use sqs_rpc::Body;

use crate::support::{TestResult, World, pass};

#[tokio::test(start_paused = true)]
async fn a_group_is_answered_in_order_despite_equal_bodies() -> TestResult {
    const EACH: usize = 4;
    let world = World::new().await;
    let queue = world.local.create_queue("requests.fifo").await?;
    let handled = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&handled);
    let handler = move |Body(body): Body| {
        let log = Arc::clone(&log);
        async move {
            // Earlier requests take longer, so only the group keeps them in order.
            let already = log.lock().unwrap().len() as u64;
            pass(Duration::from_millis(100_u64.saturating_sub(10 * already))).await;
            log.lock().unwrap().push(body.clone());
            body
        }
    };
    let responder = world.responder();
    let server = tokio::spawn(responder.serve(&queue, handler).into_future());
    let requester = world.requester();
    let requests = (0..2 * EACH).map(|n| {
        let (group, n) = (if n % 2 == 0 { "a" } else { "b" }, n / 2);
        requester
            .request(&queue, format!("{group}{n}"))
            .group(group)
            .send()
    });
    for (n, reply) in join_all(requests).await.into_iter().enumerate() {
        let group = if n % 2 == 0 { "a" } else { "b" };
        assert_eq!(reply?.body(), format!("{group}{}", n / 2));
    }
    let handled = std::mem::take(&mut *handled.lock().unwrap());
    for group in ["a", "b"] {
        let of_group: Vec<_> = handled
            .iter()
            .filter(|body| body.starts_with(group))
            .collect();
        let expected: Vec<_> = (0..EACH).map(|n| format!("{group}{n}")).collect();
        assert_eq!(of_group, expected.iter().collect::<Vec<_>>());
    }

    // Requests with equal bodies are no duplicates of each other.
    let equal = (0..EACH).map(|_| requester.request(&queue, "same").group("a").send());
    for reply in join_all(equal).await {
        assert_eq!(reply?.body(), "same");
    }
    assert_eq!(responder.stats().handled, 3 * EACH as u64);
    server.abort();
    Ok(())
}
