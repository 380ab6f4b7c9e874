//! The life of one message in a queue.

use crate::support::over_http;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use local_sqs::LocalSqs;

/// Sends, receives and deletes a message, and checks all answers.
async fn one_message(client: &Client) {
    let made = client
        .create_queue()
        .queue_name("jobs")
        .attributes(QueueAttributeName::VisibilityTimeout, "7")
        .tags("team", "a")
        .send()
        .await
        .expect("made");
    let url = made.queue_url().expect("a URL");
    let value = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("v")
        .build()
        .expect("complete");
    let sent = client
        .send_message()
        .queue_url(url)
        .message_body("message digest")
        .message_attributes("k", value)
        .send()
        .await
        .expect("sent");
    assert_eq!(
        sent.md5_of_message_body(),
        Some("f96b697d7cb7938d525a2f31aaf161d0")
    );

    let received = client
        .receive_message()
        .queue_url(url)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await
        .expect("received");
    let [message] = received.messages() else {
        panic!("one message, not {received:?}")
    };
    assert_eq!(message.body(), Some("message digest"));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(
        message.md5_of_message_attributes(),
        sent.md5_of_message_attributes()
    );
    let count = &message.attributes().expect("asked for")
        [&MessageSystemAttributeName::ApproximateReceiveCount];
    assert_eq!(count, "1");

    let attributes = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All);
    let attributes = attributes.send().await.expect("described");
    let attributes = attributes.attributes().expect("asked for");
    assert_eq!(
        attributes[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible],
        "1"
    );
    assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "7");
    assert_eq!(
        attributes[&QueueAttributeName::QueueArn],
        "arn:aws:sqs:us-east-1:000000000000:jobs"
    );

    let handle = message.receipt_handle().expect("a handle");
    client
        .delete_message()
        .queue_url(url)
        .receipt_handle(handle)
        .send()
        .await
        .expect("deleted");
    let tags = client
        .list_queue_tags()
        .queue_url(url)
        .send()
        .await
        .expect("listed");
    assert_eq!(tags.tags().expect("one")["team"], "a");

    client
        .delete_queue()
        .queue_url(url)
        .send()
        .await
        .expect("deleted");
    let error = client
        .send_message()
        .queue_url(url)
        .message_body("late")
        .send()
        .await
        .expect_err("gone");
    assert!(
        error
            .as_service_error()
            .is_some_and(|error| error.is_queue_does_not_exist()),
        "{error:?}"
    );
    let error = client
        .create_queue()
        .queue_name("jobs")
        .send()
        .await
        .expect_err("too soon");
    assert_eq!(
        error.code(),
        Some("AWS.SimpleQueueService.QueueDeletedRecently")
    );
}

#[tokio::test]
async fn in_process_a_message_is_received_as_sent() {
    one_message(&LocalSqs::start().client()).await;
}

#[tokio::test]
async fn over_http_a_message_is_received_as_sent() {
    let (_sqs, server, client) = over_http().await;
    one_message(&client).await;
    server.shutdown().await;
}

#[tokio::test]
async fn a_queue_is_reached_through_any_host() {
    let (sqs, server, client) = over_http().await;
    let url = sqs.create_queue("jobs").await.expect("made");
    assert!(url.starts_with("https://sqs.us-east-1.amazonaws.com/"));
    client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await
        .expect("sent");
    let found = client
        .get_queue_url()
        .queue_name("jobs")
        .send()
        .await
        .expect("found");
    assert_eq!(found.queue_url(), Some(server.queue_url("jobs").as_str()));
    let received = sqs
        .client()
        .receive_message()
        .queue_url(server.queue_url("jobs"))
        .send()
        .await
        .expect("received");
    assert_eq!(received.messages().len(), 1);
    server.shutdown().await;
}
