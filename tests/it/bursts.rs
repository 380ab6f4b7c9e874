//! Many concurrent requests, while all polls fail for a moment.

use std::time::Duration;

use local_sqs::engine::Action;
use local_sqs::{Behaviour, Latency};
use sqs_rpc::{Body, ReplyError};
use tokio::time::Instant;

use crate::support::{TestResult, World};

const CALLERS: usize = 300;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends requests from many callers. After half a second all receives fail for the time `bad`. Returns the number of
/// failed requests, and the longest time of a request.
async fn burst(bad: Duration, how: fn(Behaviour) -> Behaviour) -> (usize, Duration) {
    let world = World::new().await;
    let usual = Behaviour::default().latency(Latency::Fixed(Duration::from_millis(20)));
    world.local.set_behaviour(usual.clone());
    let responder = world
        .responder_builder()
        .concurrency(1_000)
        .build()
        .unwrap();
    let echo = async |Body(body): Body| -> Result<String, ReplyError> { Ok(body) };
    let served = tokio::spawn(responder.serve(&world.queue_url, echo).into_future());
    let requester = world.requester();
    requester.ready().await.unwrap();
    let stop = Instant::now() + Duration::from_millis(1_000);
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (requester, queue) = (requester.clone(), world.queue_url.clone());
            tokio::spawn(async move {
                let (mut failed, mut longest) = (0, Duration::ZERO);
                while Instant::now() < stop {
                    let began = Instant::now();
                    let reply = requester.request(&queue, "x").timeout(TIMEOUT).await;
                    failed += usize::from(reply.is_err());
                    longest = longest.max(began.elapsed());
                }
                (failed, longest)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    world
        .local
        .set_behaviour(how(usual.clone()).only([Action::ReceiveMessage]));
    tokio::time::sleep(bad).await;
    world.local.set_behaviour(usual);
    let mut all = (0, Duration::ZERO);
    for caller in callers {
        let (failed, longest) = caller.await.unwrap();
        all = (all.0 + failed, all.1.max(longest));
    }
    served.abort();
    all
}

#[tokio::test(start_paused = true)]
async fn a_moment_of_failing_polls_fails_no_request() -> TestResult {
    let throttled: fn(Behaviour) -> Behaviour = |usual| usual.throttled(1.0);
    let unavailable: fn(Behaviour) -> Behaviour = |usual| usual.unavailable(1.0);
    for (millis, how) in [(30, throttled), (100, throttled), (100, unavailable)] {
        let (failed, longest) = burst(Duration::from_millis(millis), how).await;
        assert_eq!(failed, 0, "{millis} ms");
        assert!(longest < Duration::from_secs(1), "{millis} ms: {longest:?}");
    }
    Ok(())
}
