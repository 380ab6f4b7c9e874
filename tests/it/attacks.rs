//! Attacks: the security rows S1, S2, S6, S7 and S13. (S10 is in `observability`.)

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Credentials;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;
use local_sqs::{AccessKey, LocalSqs};
use sqs_rpc::{ErrorCode, Json, Requester, Responder, ReturnAddressPolicy, Stats};

use crate::support::{Sum, TestResult, World, calculate, pass, until};

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .unwrap()
}

fn binary(value: &[u8]) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new(value))
        .build()
        .unwrap()
}

impl World {
    /// Sends a request as an attacker would. Returns when the responder has decided about the request.
    async fn attack(&self, responder: &Responder, attributes: &[(&str, MessageAttributeValue)]) {
        let before = responder.stats();
        let body = serde_json::to_string(&Sum::Add(1, 1)).unwrap();
        let mut send = self
            .client
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(body);
        for (name, value) in attributes {
            send = send.message_attributes(*name, value.clone());
        }
        send.send().await.unwrap();
        let decided =
            |stats: &Stats| stats.requests_received + stats.undecodable + stats.addresses_refused;
        until("the attack is received", || {
            decided(&responder.stats()) > decided(&before)
        })
        .await;
        // Less than the time after which an undecodable request is redelivered.
        pass(Duration::from_millis(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn s1_an_invalid_return_address_is_refused() -> TestResult {
    let hostile = [
        "x",
        "http://",
        "https://sqs.us-east-1.amazonaws.com/000000000000/",
        "https://sqs.us-east-1.amazonaws.com/1/q#n",
        "https://user:password@sqs.us-east-1.amazonaws.com/000000000000/q-00000000-0000-4000-8000-000000000000-0#n",
        "file:///etc/passwd",
        "https://sqs.us-east-1.amazonaws.com/000000000000/q#a#b",
        "https://sqs.us-east-1.amazonaws.com/000000000000/q#\u{202e}name",
        "javascript:alert(1)",
    ];
    for address in hostile {
        let world = World::new().await;
        let responder = world.responder();
        let _server = world.serve(&responder);
        world
            .attack(&responder, &[("ResponseQueueUrl", text(address))])
            .await;
        let stats = responder.stats();
        assert_eq!(
            (stats.undecodable + stats.addresses_refused, stats.handled),
            (1, 0),
            "{address}"
        );
        assert_eq!(world.calls("SendMessageBatch"), 0, "nothing was sent");
        assert_eq!(
            world.messages_on(&world.queue_url).await,
            1,
            "left to the dead-letter queue"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn s2_a_foreign_return_address_is_refused_unless_allowed() -> TestResult {
    let world = World::new().await;
    let victim = world.local.create_queue("victim").await?;
    let temporary = "sqs-rpc-00000000-0000-4000-8000-000000000000-0";
    let (base, _) = world.queue_url.rsplit_once('/').unwrap();
    let (root, _) = base.rsplit_once('/').unwrap();
    let elsewhere = [
        victim.clone(),
        format!("{victim}#name"),
        format!("{root}/999999999999/{temporary}#name"),
        format!("https://sqs.eu-west-1.amazonaws.com/000000000000/{temporary}#name"),
    ];
    for address in &elsewhere {
        let world = World::new().await;
        let victim = world.local.create_queue("victim").await?;
        let responder = world.responder();
        let _server = world.serve(&responder);
        world
            .attack(&responder, &[("ResponseQueueUrl", text(address))])
            .await;
        assert_eq!(
            (
                responder.stats().addresses_refused,
                responder.stats().handled
            ),
            (1, 0),
            "{address}"
        );
        assert_eq!(
            (
                world.calls("SendMessageBatch"),
                world.messages_on(&victim).await
            ),
            (0, 0)
        );
        assert_eq!(world.messages_on(&world.queue_url).await, 1);
    }

    let policy = ReturnAddressPolicy::default().allow_queue(victim.parse()?);
    let responder = world.responder_builder().return_addresses(policy).build()?;
    let _server = world.serve(&responder);
    world
        .attack(&responder, &[("ResponseQueueUrl", text(&victim))])
        .await;
    assert_eq!(
        (
            responder.stats().replies_sent,
            world.messages_on(&victim).await
        ),
        (1, 1)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn s6_hostile_attributes_are_counted_and_never_handled() -> TestResult {
    let huge = "x".repeat(200_000);
    let attacks: [&[(&str, MessageAttributeValue)]; 5] = [
        &[("ResponseQueueUrl", binary(b"https://"))],
        &[("SqsRpc", binary(&[0xff; 100]))],
        &[("SqsRpc", text(&huge))],
        &[("ResponseQueueUrl", text(&huge))],
        &[("SqsRpc", text("1;rep;"))],
    ];
    for (n, attributes) in (1..).zip(attacks) {
        let world = World::new().await;
        let responder = world.responder();
        let _server = world.serve(&responder);
        world.attack(&responder, attributes).await;
        assert_eq!(
            (responder.stats().undecodable, responder.stats().handled),
            (1, 0),
            "attack {n}"
        );
    }
    let world = World::new().await;
    let responder = world.responder();
    let _server = world.serve(&responder);
    // With all ten attributes, none of them the protocol's, this is a normal one-way request.
    let ten: Vec<_> = (0..10).map(|n| (format!("a{n}"), text("v"))).collect();
    let ten: Vec<_> = ten
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    world.attack(&responder, &ten).await;
    assert_eq!(responder.stats().one_way, 1);
    // The responder still works.
    let requester = world.requester();
    let sum: u64 = requester
        .request(&world.queue_url, Json(Sum::Add(1, 1)))
        .json()
        .await?;
    assert_eq!(sum, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn s7_unknown_versions_are_refused_and_unknown_fields_ignored() -> TestResult {
    let id = "id=00000000000000000000000000000001";
    for header in [format!("2;req;{id}"), format!("1;req;{id};{id}")] {
        let world = World::new().await;
        let responder = world.responder();
        let _server = world.serve(&responder);
        world.attack(&responder, &[("SqsRpc", text(&header))]).await;
        assert_eq!(
            (responder.stats().undecodable, responder.stats().handled),
            (1, 0),
            "{header}"
        );
    }
    let world = World::new().await;
    let responder = world.responder();
    let _server = world.serve(&responder);
    world
        .attack(
            &responder,
            &[("SqsRpc", text(&format!("1;req;{id};new=thing")))],
        )
        .await;
    assert_eq!(
        (responder.stats().undecodable, responder.stats().handled),
        (0, 1)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_request_ends_as_a_dead_letter() -> TestResult {
    let world = World::new().await;
    let dead = world.local.create_queue("dead").await?;
    let arn = "arn:aws:sqs:us-east-1:000000000000:dead";
    let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}"#);
    let set = world
        .client
        .set_queue_attributes()
        .queue_url(&world.queue_url);
    set.attributes(
        aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy,
        redrive,
    )
    .send()
    .await?;
    let responder = world.responder();
    let serve = responder.serve(&world.queue_url, calculate).into_future();
    let _server = tokio::spawn(serve);
    world
        .attack(&responder, &[("SqsRpc", text("garbage"))])
        .await;
    for _ in 0..60 {
        pass(Duration::from_secs(60)).await;
    }
    assert_eq!(responder.stats().undecodable, 3);
    assert_eq!(
        (
            world.messages_on(&world.queue_url).await,
            world.messages_on(&dead).await
        ),
        (0, 1)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn s13_a_guessed_idempotency_key_gets_no_foreign_reply() -> TestResult {
    let local = LocalSqs::builder()
        .access_key(AccessKey::new("SERVICE", "secret").allow_all())
        .access_key(AccessKey::new("ADA", "secret").allow_all())
        .access_key(AccessKey::new("EVE", "secret").allow_all())
        .build();
    let client = |id| {
        let key = Credentials::new(id, "secret", None, None, "test");
        Client::from_conf(local.sdk_config().credentials_provider(key).build())
    };
    let requests = local.create_queue("requests").await?;
    let responder = Responder::builder(client("SERVICE")).build()?;
    let handler = async || "the caller's secret";
    let _server = tokio::spawn(responder.serve(&requests, handler).into_future());
    let (ada, eve) = (Requester::new(client("ADA")), Requester::new(client("EVE")));
    let ask = |who: &Requester| {
        let request = who.request(&requests, "my orders");
        request.idempotency_key("2026-11-27").send()
    };
    for _ in 0..2 {
        assert_eq!(ask(&ada).await?.body(), "the caller's secret");
    }
    let error = ask(&eve).await.unwrap_err();
    let code = &error.remote().unwrap().code;
    assert_eq!(code, &ErrorCode::IDEMPOTENCY_KEY_REUSED);
    assert_eq!(ask(&ada).await?.body(), "the caller's secret");
    assert_eq!(
        (responder.stats().handled, responder.stats().keys_reused),
        (1, 1)
    );
    Ok(())
}
