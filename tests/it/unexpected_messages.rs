//! Messages on a reply queue that no request waits for.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::MessageAttributeValue;
use sqs_rpc::Json;

use crate::support::{Sum, TestResult, World, pass};

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .unwrap()
}

type Attributes = HashMap<String, MessageAttributeValue>;

/// Receives a request by a plain SDK call. Returns its message attributes.
async fn receive_request(world: &World) -> Result<Attributes, Box<dyn std::error::Error>> {
    let receive = world
        .client
        .receive_message()
        .queue_url(&world.queue_url)
        .wait_time_seconds(20);
    let received = receive.message_attribute_names("All").send().await?;
    let message = received.messages.unwrap().remove(0);
    Ok(message.message_attributes.unwrap())
}

/// The host and name of a request's return address.
fn return_address(attributes: &Attributes) -> (&str, &str) {
    let address = attributes["ResponseQueueUrl"].string_value().unwrap();
    address.split_once('#').unwrap()
}

#[tokio::test(start_paused = true)]
async fn foreign_messages_on_a_host_are_counted_and_deleted() -> TestResult {
    let world = World::new().await;
    let (requester, _server) = (world.requester(), world.serve(&world.responder()));
    requester.ready().await?;
    let host = world.other_queues().await.remove(0);
    for n in 0..200 {
        let send = world
            .client
            .send_message()
            .queue_url(&host)
            .message_body("flood");
        let send = match n % 2 {
            0 => send,
            _ => send.message_attributes(
                "__AmazonSQSVirtualQueuesClient.QueueName",
                text(&format!("nobody-{n}")),
            ),
        };
        send.send().await?;
    }
    for n in 0..20 {
        let sum: u64 = requester
            .request(&world.queue_url, Json(Sum::Add(n, 1)))
            .json()
            .await?;
        assert_eq!(sum, n + 1);
    }
    assert_eq!(requester.stats().orphans, 200);
    pass(Duration::from_secs(1)).await;
    assert_eq!(world.messages_on(&host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_second_reply_is_counted_and_deleted() -> TestResult {
    let world = World::new().await;
    let requester = world.requester();
    requester.ready().await?;
    let request = tokio::spawn(requester.request(&world.queue_url, "hello").send());
    // The test answers the request twice.
    let attributes = receive_request(&world).await?;
    let (host, name) = return_address(&attributes);
    for body in ["first", "second"] {
        let send = world
            .client
            .send_message()
            .queue_url(host)
            .message_body(body);
        send.message_attributes("__AmazonSQSVirtualQueuesClient.QueueName", text(name))
            .send()
            .await?;
    }
    assert_eq!(request.await??.body(), "first");
    // The second reply is received when the next request polls.
    let next = requester
        .request(&world.queue_url, "x")
        .timeout(Duration::from_secs(2));
    assert!(next.await.is_err());
    assert_eq!(requester.stats().duplicate_replies, 1);
    assert_eq!(world.messages_on(host).await, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reply_without_a_header_is_a_success() -> TestResult {
    let world = World::new().await;
    let requester = world.requester();
    requester.ready().await?;
    for copies_header in [false, true] {
        let request = tokio::spawn(requester.request(&world.queue_url, "hello").send());
        let attributes = receive_request(&world).await?;
        let (host, name) = return_address(&attributes);
        let mut send = world
            .client
            .send_message()
            .queue_url(host)
            .message_body("from Java");
        if copies_header {
            // Some responders copy the attributes of the request.
            send = send.message_attributes("SqsRpc", attributes["SqsRpc"].clone());
        }
        send.message_attributes("__AmazonSQSVirtualQueuesClient.QueueName", text(name))
            .send()
            .await?;
        assert_eq!(request.await??.body(), "from Java");
        world
            .client
            .purge_queue()
            .queue_url(&world.queue_url)
            .send()
            .await?;
        pass(Duration::from_secs(61)).await;
    }
    Ok(())
}
