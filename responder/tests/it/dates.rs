//! A proxy that replaces the `Date` of SQS's answers.

use std::time::Duration;

use sqs_responder::Body;

use crate::bed::{Bed, Running, deadline, sleep};

async fn echo(Body(body): Body) -> String {
    body
}

#[tokio::test(start_paused = true)]
async fn the_first_request_reveals_a_proxy_with_a_wrong_clock() {
    for changes_later in [false, true] {
        let bed = Bed::start().await;
        let hour = Duration::from_secs(3600);
        bed.faults
            .dates_ahead(if changes_later { Duration::ZERO } else { hour });
        let running = Running::start(bed.responder().serve(&bed.requests, echo));
        sleep(50).await;
        assert!(bed.sqs.earliest_server_time().is_some());
        bed.faults.dates_ahead(hour);
        sleep(50).await;
        bed.send(&bed.ask_with("x", 1, |header| {
            header.deadline = deadline(Duration::from_secs(30));
        }))
        .await;
        let reply = bed.reply().await.expect("the request has not expired");
        assert_eq!(reply.body(), "x");
        assert_eq!(bed.sqs.earliest_server_time(), None, "unknown from now on");
        assert_eq!(bed.stats().expired, 0);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_delayed_or_redelivered_message_is_no_false_alarm() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    let send = bed.client.send_message().queue_url(&bed.requests);
    let send = send.message_body("delayed").delay_seconds(900);
    send.send().await.unwrap();
    bed.until("it is handled", |stats| stats.handled == 1).await;
    // Another process receives the request, and dies.
    running.stop().await;
    bed.send(&bed.ask("again")).await;
    let receive = bed.client.receive_message().queue_url(&bed.requests);
    receive.visibility_timeout(300).send().await.unwrap();
    let running = Running::start(bed.responder().serve(&bed.requests, echo));
    bed.until("it is handled", |stats| stats.handled == 2).await;
    assert!(bed.sqs.earliest_server_time().is_some());
    running.stop().await;
}
