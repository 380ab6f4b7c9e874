//! Requests that are not handled, because they cannot be decoded or their return address is refused.

use std::time::Duration;

use sqs_responder::{Body, Json, ReturnAddressPolicy};
use sqs_rpc_protocol::names;
use sqs_rpc_transport::Action;

use crate::bed::{Ask, Bed, Running, sleep, string, temporary_name};

/// The seconds at which the one message in the request queue was delivered, during an hour.
async fn deliveries(bed: &Bed, counted: impl Fn(&sqs_responder::Stats) -> u64) -> Vec<u64> {
    let mut times = Vec::new();
    for second in 0..3600 {
        while counted(&bed.stats()) > times.len() as u64 {
            times.push(second);
        }
        sleep(1).await;
    }
    times
}

fn gaps(times: &[u64]) -> Vec<u64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn assert_grows(times: &[u64]) {
    let expected = [1, 1, 1, 1, 1, 10, 20, 40, 80, 160, 320, 640, 900, 900];
    let gaps = gaps(times);
    assert_eq!(gaps.len(), expected.len(), "{gaps:?}");
    assert!(
        gaps.iter()
            .zip(expected)
            .all(|(gap, expected)| gap.abs_diff(expected) <= 1),
        "{gaps:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_header_is_answered_once_and_stays() {
    let bed = Bed::start().await;
    let running = Running::start(
        bed.builder()
            .keep_undecodable(true)
            .build()
            .unwrap()
            .serve(&bed.requests, async |Body(body): Body| body),
    );
    bed.send(&bed.ask("x").attribute(names::HEADER, "1;req;id=nonsense"))
        .await;
    assert_eq!(
        bed.reply().await.unwrap().code().as_deref(),
        Some("bad_request")
    );
    let times = deliveries(&bed, |stats| stats.undecodable).await;
    assert_grows(&times);
    assert!(bed.reply().await.is_none(), "only one error reply is sent");
    running.stop().await;
    assert_eq!(bed.stats().handled, 0);
    assert_eq!(
        bed.left().await.0 + bed.left().await.1,
        1,
        "the request is still in the queue"
    );
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_body_is_answered_once_and_stays() {
    let bed = Bed::start().await;
    let running = Running::start(
        bed.builder()
            .keep_undecodable(true)
            .build()
            .unwrap()
            .serve(&bed.requests, async |Json(n): Json<u32>| Json(n)),
    );
    bed.send(&bed.ask("\"text\"")).await;
    let reply = bed.reply().await.unwrap();
    assert_eq!(reply.code().as_deref(), Some("bad_request"));
    assert!(reply.body().contains("expected u32"), "{}", reply.body());
    assert_grows(&deliveries(&bed, |stats| stats.undecodable).await);
    assert!(bed.reply().await.is_none());
    running.stop().await;
    assert_eq!(bed.left().await.0 + bed.left().await.1, 1);
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_request_ends_in_the_dead_letter_queue() {
    let bed = Bed::start().await;
    let dead = bed.local.create_queue("dead").await.unwrap();
    let arn = "arn:aws:sqs:us-east-1:000000000000:dead";
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}"#);
    let set = bed.client.set_queue_attributes().queue_url(&bed.requests);
    set.attributes(
        aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy,
        policy,
    )
    .send()
    .await
    .unwrap();
    let running = Running::start(bed.responder().serve(&bed.requests, async || "pong"));
    bed.send(&Ask::one_way("x").attribute(names::HEADER, "9;req"))
        .await;
    bed.until("it was tried", |stats| stats.undecodable == 3)
        .await;
    sleep(120).await;
    assert_eq!(bed.receive(&dead, 1).await.unwrap().body(), Some("x"));
    running.stop().await;
    assert_eq!(bed.stats().undecodable, 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_a_refused_address() {
    let bed = Bed::start().await;
    let orders = bed.local.create_queue("orders").await.unwrap();
    let running = Running::start(bed.responder().serve(&bed.requests, async || "pong"));
    let elsewhere = bed.replies.replace("000000000000", "210987654321");
    let other_region = bed.replies.replace("us-east-1", "us-west-2");
    for address in [
        &orders,
        &bed.requests,
        &format!("{orders}#{}", temporary_name(0)),
        &elsewhere,
        &other_region,
    ] {
        bed.send(&Ask::one_way("x").attribute(names::RESPONSE_QUEUE_URL, address))
            .await;
    }
    bed.until("all were refused", |stats| stats.addresses_refused == 5)
        .await;
    sleep(5).await;
    running.stop().await;
    let stats = bed.stats();
    assert_eq!(
        (stats.handled, stats.calls.of(Action::SendMessageBatch)),
        (0, 0)
    );
    assert_eq!(bed.left().await, (0, 5), "the requests stay, hidden");
}

#[tokio::test(start_paused = true)]
async fn hostile_addresses_and_attributes_are_counted_and_nothing_is_sent() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, async || "pong"));
    let long = format!(
        "https://sqs.us-east-1.amazonaws.com/000000000000/{}",
        "x".repeat(5_000)
    );
    let texts = [
        "http://",
        "javascript:alert(1)",
        "https://a@b/000000000000/q",
        "https://[::1",
        "#",
        "\u{202e}x",
        &long,
    ];
    for text in texts {
        bed.send(&Ask::one_way("x").attribute(names::RESPONSE_QUEUE_URL, text))
            .await;
    }
    let binary = aws_sdk_sqs::types::MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(aws_sdk_sqs::primitives::Blob::new([0xff; 64]))
        .build()
        .unwrap();
    let send = || {
        bed.client
            .send_message()
            .queue_url(&bed.requests)
            .message_body("x")
    };
    send()
        .message_attributes(names::RESPONSE_QUEUE_URL, binary.clone())
        .send()
        .await
        .unwrap();
    send()
        .message_attributes(names::HEADER, binary)
        .send()
        .await
        .unwrap();
    let ten = (0..9).fold(send(), |send, i| {
        send.message_attributes(format!("a{i}"), string("x"))
    });
    ten.message_attributes(names::HEADER, string("\u{fffd};\u{fffd}"))
        .send()
        .await
        .unwrap();
    bed.until("all were refused", |stats| {
        stats.undecodable == texts.len() as u64 + 3
    })
    .await;
    running.stop().await;
    assert_eq!(
        (
            bed.stats().handled,
            bed.stats().calls.of(Action::SendMessageBatch)
        ),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_later_header_version_is_refused_and_unknown_fields_ignored() {
    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, async || "pong"));
    let id = "id=0000000000000000000000000000000a";
    bed.send(
        &bed.ask("x")
            .attribute(names::HEADER, &format!("2;req;{id}")),
    )
    .await;
    assert_eq!(
        bed.reply().await.unwrap().code().as_deref(),
        Some("bad_request")
    );
    bed.send(
        &bed.ask("x")
            .attribute(names::HEADER, &format!("1;req;{id};zz=later")),
    )
    .await;
    assert_eq!(bed.reply().await.unwrap().body(), "pong");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_allow_list_lets_more_addresses_in() {
    let bed = Bed::start().await;
    let orders = bed.local.create_queue("orders").await.unwrap();
    let policy = ReturnAddressPolicy::default().allow_queue(orders.parse().unwrap());
    let responder = bed.builder().return_addresses(policy).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, async || "pong"));
    bed.send(&Ask::one_way("x").attribute(names::RESPONSE_QUEUE_URL, &orders))
        .await;
    assert_eq!(bed.receive(&orders, 20).await.unwrap().body(), Some("pong"));
    let stopped = running.stop();
    assert!(
        tokio::time::timeout(Duration::from_secs(25), stopped)
            .await
            .unwrap()
            .is_clean()
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_answered_with_bad_request_is_deleted() {
    let bed = Bed::start().await;
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, async |Json(n): Json<u32>| Json(n)),
    );
    bed.send(&bed.ask("\"text\"")).await;
    bed.send(&bed.ask("1").attribute(names::HEADER, "bad"))
        .await;
    for _ in 0..2 {
        let reply = bed.reply().await.unwrap();
        assert_eq!(reply.code().as_deref(), Some("bad_request"));
    }
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(bed.stats().undecodable, 2);
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_one_way_request_is_soon_a_dead_letter() {
    for (suffix, group) in [("", None), (".fifo", Some("a"))] {
        for redrive in 1..=5 {
            let bed = Bed::with_requests(&format!("requests{suffix}")).await;
            let name = format!("dead{suffix}");
            let dead = bed.local.create_queue(&name).await.unwrap();
            let arn = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
            let policy =
                format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{redrive}}}"#);
            let set = bed.client.set_queue_attributes().queue_url(&bed.requests);
            let name = aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy;
            set.attributes(name, policy).send().await.unwrap();
            let running = Running::start(bed.responder().serve(&bed.requests, async || "pong"));
            let grouped = |ask: Ask| group.map_or(ask.clone(), |group| ask.group(group));
            let bad = Ask::one_way("x").attribute(names::HEADER, "9;req");
            bed.send(&grouped(bad)).await;
            sleep(10).await;
            let letter = bed.receive(&dead, 0).await;
            assert!(letter.is_some(), "{suffix} {redrive}");
            bed.send(&grouped(bed.ask("after"))).await;
            assert_eq!(bed.reply().await.unwrap().body(), "pong");
            assert_eq!(bed.stats().undecodable, redrive);
            running.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_good_request_becomes_a_dead_letter() {
    for redrive in [1, 2, 3] {
        for permitted in [true, false] {
            let bed = Bed::with_requests("requests.fifo").await;
            let dead = bed.local.create_queue("dead.fifo").await.unwrap();
            let arn = "arn:aws:sqs:us-east-1:000000000000:dead.fifo";
            let policy =
                format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{redrive}}}"#);
            let set = bed.client.set_queue_attributes().queue_url(&bed.requests);
            let name = aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy;
            set.attributes(name, policy).send().await.unwrap();
            if !permitted {
                bed.faults
                    .of(Action::GetQueueAttributes, crate::bed::DENIED);
            }
            let group = |ask: Ask| ask.group("a");
            bed.send(&group(bed.ask("1"))).await;
            // In turn: the header cannot be decoded, one-way; the arguments cannot be made, one-way; the arguments
            // cannot be made, answered; the return address is refused.
            let bad = Ask::one_way("bad").attribute(names::HEADER, "9;req");
            bed.send(&group(bad)).await;
            bed.send(&group(bed.ask("2"))).await;
            bed.send(&group(Ask::one_way("bad"))).await;
            bed.send(&group(bed.ask("bad"))).await;
            let refused = bed
                .ask("bad")
                .attribute(names::RESPONSE_QUEUE_URL, &bed.requests);
            bed.send(&group(refused)).await;
            bed.send(&group(bed.ask("3"))).await;
            bed.send(&bed.ask("4").group("b")).await;
            let running = Running::start(
                bed.responder()
                    .serve(&bed.requests, async |Json(n): Json<u32>| Json(n)),
            );
            let mut bodies = Vec::new();
            while let Some(reply) = bed.reply().await {
                match reply.code() {
                    None => bodies.push(reply.body().to_owned()),
                    Some(code) => assert_eq!(code, "bad_request"),
                }
            }
            let mut letters = 0;
            while let Some(letter) = bed.receive(&dead, 0).await {
                let expected = if permitted {
                    "bad"
                } else {
                    letter.body().unwrap()
                };
                assert_eq!(letter.body(), Some(expected), "{redrive}");
                let delete = bed.client.delete_message().queue_url(&dead);
                let receipt = letter.receipt_handle().unwrap();
                delete.receipt_handle(receipt).send().await.unwrap();
                letters += 1;
            }
            if permitted {
                assert_eq!(letters, 3, "{redrive}");
                assert_eq!(bed.left().await, (0, 0), "{redrive}");
                let group: Vec<_> = bodies.iter().filter(|body| *body != "4").collect();
                assert_eq!(group, ["1", "2", "3"], "{redrive}");
            }
            assert!(bodies.contains(&"4".to_owned()));
            running.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_waits_for_a_bad_request_without_dead_letters() {
    let bed = Bed::with_requests("requests.fifo").await;
    let bad = Ask::one_way("bad").attribute(names::HEADER, "9;req");
    bed.send(&bad.group("a")).await;
    bed.send(&bed.ask("1").group("a")).await;
    let running = Running::start(bed.responder().serve(&bed.requests, async || "pong"));
    let times = deliveries(&bed, |stats| stats.undecodable).await;
    assert_grows(&times);
    assert_eq!(bed.stats().replies_sent, 0);
    let calls = bed.stats().calls.of(Action::GetQueueAttributes);
    assert!(calls as usize <= times.len(), "{calls}");
    running.stop().await;
}
