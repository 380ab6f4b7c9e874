//! FIFO request queues.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqs_responder::{Body, Json};
use sqs_rpc_protocol::names;

use crate::bed::{Ask, Bed, Running, deadline, sleep};

#[tokio::test(start_paused = true)]
async fn a_group_is_handled_in_order_and_groups_concurrently() {
    let bed = Bed::with_requests("requests.fifo").await;
    let log = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let log = log.clone();
        move |Body(body): Body| {
            let log = log.clone();
            async move {
                log.lock().unwrap().push(format!("+{body}"));
                sleep(1).await;
                log.lock().unwrap().push(format!("-{body}"));
                body
            }
        }
    };
    for i in 1..=3 {
        bed.send(&bed.ask(&format!("a{i}")).group("a")).await;
        bed.send(&bed.ask(&format!("b{i}")).group("b")).await;
    }
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    bed.until_deleted().await;
    running.stop().await;
    let log = log.lock().unwrap();
    for group in ["a", "b"] {
        let of_group: Vec<_> = log
            .iter()
            .filter(|entry| entry[1..].starts_with(group))
            .cloned()
            .collect();
        let expected: Vec<_> = (1..=3)
            .flat_map(|i| [format!("+{group}{i}"), format!("-{group}{i}")])
            .collect();
        assert_eq!(of_group, expected);
    }
    assert_eq!(
        log[..2]
            .iter()
            .filter(|entry| entry.starts_with('+'))
            .count(),
        2,
        "side by side: {log:?}"
    );
    assert_eq!(bed.stats().replies_sent, 6);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_stays_is_not_overtaken_by_its_group() {
    let bed = Bed::with_requests("requests.fifo").await;
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, async |Json(n): Json<u32>| Json(n)),
    );
    bed.send(&Ask::one_way("not a number").group("a")).await;
    bed.send(&bed.ask("1").group("a")).await;
    bed.send(&bed.ask("2").attribute(names::HEADER, "bad").group("b"))
        .await;
    bed.send(&bed.ask("3").group("b")).await;
    bed.send(&bed.ask("4").group("c")).await;
    let mut replies = Vec::new();
    while let Some(reply) = bed.reply().await {
        replies.push((reply.code(), reply.body().to_owned()));
    }
    replies.sort();
    let bad = (
        Some("bad_request".to_owned()),
        "the request's header cannot be decoded".to_owned(),
    );
    // The bad request of group "b" was answered, and so deleted.
    let good = |body: &str| (None, body.to_owned());
    assert_eq!(replies[..2], [good("3"), good("4")]);
    assert_eq!(replies.last(), Some(&bad));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_expires_behind_its_group_is_not_handled() {
    let bed = Bed::with_requests("requests.fifo").await;
    let handler = async |Body(body): Body| {
        sleep(10).await;
        body
    };
    bed.send(&bed.ask("first").group("a")).await;
    let short = bed.ask_with("short", 2, |header| {
        header.deadline = deadline(Duration::from_secs(5))
    });
    bed.send(&short.group("a")).await;
    bed.send(&bed.ask("last").group("a")).await;
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    assert_eq!(bed.reply().await.unwrap().body(), "first");
    assert_eq!(bed.reply().await.unwrap().body(), "last");
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!((bed.stats().handled, bed.stats().expired), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn messages_behind_a_request_that_stays_are_given_back() {
    let bed = Bed::with_requests("requests.fifo").await;
    for group in ["a", "b"] {
        let bad_header = bed.ask("1").attribute(names::HEADER, "bad");
        bed.send(
            &if group == "a" {
                bad_header
            } else {
                bed.ask("no number")
            }
            .group(group),
        )
        .await;
        bed.send(&bed.ask("2").group(group)).await;
    }
    let responder = bed.builder().keep_undecodable(true).build().unwrap();
    let running =
        Running::start(responder.serve(&bed.requests, async |Json(n): Json<u32>| Json(n)));
    bed.until("both are noticed", |stats| stats.undecodable == 2)
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        bed.left().await,
        (2, 2),
        "the others are visible, and blocked by their groups"
    );
    running.stop().await;
    assert_eq!(bed.stats().replies_sent, 2, "to the bad requests");
}
