//! `Responder::reply`, for code that receives messages by itself.

use std::time::Duration;

use futures::FutureExt;
use sqs_responder::{Reply, ReplyError, SendReplyErrorKind as Kind};
use sqs_rpc_protocol::names;
use sqs_rpc_transport::Action;

use crate::bed::{Ask, Bed, DENIED, deadline, sleep, string, temporary_name};

fn responder(bed: &Bed) -> sqs_responder::Responder {
    bed.builder()
        .request_queue(bed.requests.parse().unwrap())
        .build()
        .unwrap()
}

async fn kind_of(bed: &Bed, ask: &Ask, reply: Reply) -> Kind {
    bed.send(ask).await;
    let message = bed.receive(&bed.requests, 1).await.unwrap();
    responder(bed)
        .reply(&message, reply)
        .await
        .unwrap_err()
        .kind()
}

#[tokio::test(start_paused = true)]
async fn a_message_is_answered_and_not_deleted() {
    let bed = Bed::start().await;
    bed.send(&bed.ask_with("x", 3, |_| {})).await;
    let message = bed.receive(&bed.requests, 1).await.unwrap();
    responder(&bed)
        .reply(&message, Ok::<_, ReplyError>("pong"))
        .await
        .unwrap();
    let reply = bed.reply().await.unwrap();
    assert_eq!(
        (reply.body(), reply.header().request_id.unwrap().bits()),
        ("pong", 3)
    );
    assert_eq!(bed.left().await, (0, 1));
    assert_eq!(bed.stats().replies_sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_answered_is_an_error() {
    let bed = Bed::start().await;
    let pong = || Reply::new("pong");
    assert_eq!(
        kind_of(&bed, &Ask::one_way("x"), pong()).await,
        Kind::MissingAttributes
    );
    assert_eq!(
        kind_of(&bed, &Ask::one_way("x").attribute("tenant", "a"), pong()).await,
        Kind::NoReturnAddress
    );
    assert_eq!(
        kind_of(&bed, &bed.ask("x").attribute(names::HEADER, "bad"), pong()).await,
        Kind::Undecodable
    );
    let foreign = Ask::one_way("x").attribute(names::RESPONSE_QUEUE_URL, &bed.requests);
    assert_eq!(kind_of(&bed, &foreign, pong()).await, Kind::AddressRefused);
    assert_eq!(
        kind_of(&bed, &bed.ask("x"), Reply::new("")).await,
        Kind::InvalidReply
    );
    let never = bed.replies.replace(&temporary_name(0), &temporary_name(1));
    let missing = Ask::one_way("x").attribute(names::RESPONSE_QUEUE_URL, &never);
    assert_eq!(kind_of(&bed, &missing, pong()).await, Kind::QueueNotFound);
    assert!(bed.reply().await.is_none(), "nothing was sent");
    bed.faults.of(Action::SendMessageBatch, DENIED);
    assert_eq!(
        kind_of(&bed, &bed.ask("x"), pong()).await,
        Kind::AccessDenied
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_request_is_not_answered() {
    let bed = Bed::start().await;
    bed.send(&bed.ask_with("x", 1, |header| {
        header.deadline = deadline(Duration::from_secs(5))
    }))
    .await;
    // SQS's time is learned from the answers to the responder's own calls, so this receive is made with `bed.sqs`.
    let input =
        aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageInputBuilder::default();
    let input = input
        .queue_url(&bed.requests)
        .message_attribute_names("All");
    let input =
        input.message_system_attribute_names(aws_sdk_sqs::types::MessageSystemAttributeName::All);
    let message = bed
        .sqs
        .receive_message(input)
        .await
        .unwrap()
        .messages
        .unwrap()
        .remove(0);
    sleep(7).await;
    let error = responder(&bed).reply(&message, "pong").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_direct_reply_that_is_too_large_becomes_an_error() {
    let bed = Bed::start().await;
    let large = Reply::new("x".repeat(1024 * 1024));
    assert_eq!(kind_of(&bed, &bed.ask("x"), large).await, Kind::TooLarge);
    assert_eq!(
        bed.reply().await.unwrap().code().as_deref(),
        Some("reply_too_large")
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_request_queue_no_address_can_be_checked() {
    let bed = Bed::start().await;
    bed.send(&bed.ask("x")).await;
    let message = bed.receive(&bed.requests, 1).await.unwrap();
    let error = bed.responder().reply(&message, "pong").await.unwrap_err();
    assert_eq!(error.kind(), Kind::NoRequestQueue);
}

#[test]
fn a_reply_without_a_runtime_is_an_error() {
    let local = local_sqs::LocalSqs::start();
    let queue = "https://sqs.us-east-1.amazonaws.com/000000000000/q";
    let responder = sqs_responder::Responder::builder(local.client())
        .request_queue(queue.parse().unwrap())
        .build();
    let message = aws_sdk_sqs::types::Message::builder()
        .message_attributes(
            names::RESPONSE_QUEUE_URL,
            string(&format!("{queue}-{}", temporary_name(0))),
        )
        .build();
    let reply = responder.unwrap();
    let error = reply
        .reply(&message, "pong")
        .now_or_never()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NoRuntime);
}
