//! FIFO queues.

use super::subject::{
    INVALID_ATTRIBUTE, INVALID_VALUE, MISSING, Outcome, Subject, disagreement, ensure, ensure_code,
    ensure_eq, handle,
};
use aws_sdk_sqs::types::{
    Message, MessageSystemAttributeName as System, QueueAttributeName as Name,
};
use std::time::Duration;

const A_MOMENT: Duration = Duration::from_millis(300);

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::body).collect()
}

pub(super) async fn fifo_suffix_and_attribute_require_each_other(subject: &Subject) -> Outcome {
    let fifo = format!("{}.fifo", subject.new_name());
    ensure_code(
        subject
            .client()
            .create_queue()
            .queue_name(&fifo)
            .send()
            .await,
        INVALID_VALUE,
    )?;
    let create = subject
        .client()
        .create_queue()
        .queue_name(subject.new_name())
        .attributes(Name::FifoQueue, "true");
    ensure_code(create.send().await, INVALID_VALUE)
}

pub(super) async fn messages_are_received_in_order(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    let sent: Vec<_> = (0..25).map(|number| number.to_string()).collect();
    for body in &sent {
        subject.send_in(&url, "g", body).await?;
    }
    let mut received = Vec::new();
    while received.len() < sent.len() {
        let messages = subject.receive(&url).await?;
        ensure(!messages.is_empty(), "messages are missing")?;
        for message in messages {
            subject.delete(&url, handle(&message)?).await?;
            received.extend(message.body);
        }
    }
    ensure_eq(received, sent, "bodies")
}

pub(super) async fn group_waits_for_its_message_in_flight(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    subject.send_in(&url, "g", "1").await?;
    subject.send_in(&url, "g", "2").await?;
    let first = subject.receive_one(&url).await?;
    ensure_eq(first.body(), Some("1"), "body")?;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "messages of a group with a message in flight",
    )?;
    subject.delete(&url, handle(&first)?).await?;
    ensure_eq(subject.receive_one(&url).await?.body(), Some("2"), "body")
}

pub(super) async fn a_receive_returns_many_messages_of_a_group(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    for body in ["1", "2", "3"] {
        subject.send_in(&url, "g", body).await?;
    }
    let received = subject.receive(&url).await?;
    ensure_eq(bodies(&received), vec!["1", "2", "3"], "bodies")
}

pub(super) async fn other_groups_do_not_wait(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    subject.send_in(&url, "g", "1").await?;
    ensure_eq(subject.receive_one(&url).await?.body(), Some("1"), "body")?;
    subject.send_in(&url, "g", "2").await?;
    subject.send_in(&url, "h", "3").await?;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec!["3".to_owned()],
        "bodies",
    )
}

pub(super) async fn same_id_is_accepted_once(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    let send = |body| {
        let send = subject
            .client()
            .send_message()
            .queue_url(&url)
            .message_body(body);
        send.message_group_id("g").message_deduplication_id("id")
    };
    let first = send("1").send().await?;
    let second = send("2").send().await?;
    ensure_eq(
        second.message_id(),
        first.message_id(),
        "MessageId of a duplicate",
    )?;
    let received = subject.receive(&url).await?;
    ensure_eq(bodies(&received), vec!["1"], "bodies")?;
    // The id is not accepted again even after the message was deleted.
    subject.delete(&url, handle(&received[0])?).await?;
    send("3").send().await?;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "bodies after the first was deleted",
    )
}

pub(super) async fn same_body_is_accepted_once_with_content_based_deduplication(
    subject: &Subject,
) -> Outcome {
    let url = subject
        .fifo([(Name::ContentBasedDeduplication, "true")])
        .await?;
    for body in ["1", "1", "2"] {
        subject
            .client()
            .send_message()
            .queue_url(&url)
            .message_body(body)
            .message_group_id("g")
            .send()
            .await?;
    }
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec!["1".to_owned(), "2".to_owned()],
        "bodies",
    )
}

pub(super) async fn ids_count_per_group_with_group_scope(subject: &Subject) -> Outcome {
    let url = subject
        .fifo([(Name::DeduplicationScope, "messageGroup")])
        .await?;
    subject.send_in(&url, "g", "1").await?;
    subject.send_in(&url, "h", "1").await?;
    subject.send_in(&url, "h", "1").await?;
    let mut received = subject.receive_bodies(&url).await?;
    received.extend(subject.receive_bodies(&url).await?);
    ensure_eq(received, vec!["1".to_owned(), "1".to_owned()], "bodies")
}

pub(super) async fn same_id_is_accepted_again_after_five_minutes(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    subject.send_in(&url, "g", "1").await?;
    let first = subject.receive_one(&url).await?;
    subject.delete(&url, handle(&first)?).await?;
    subject.wait(Duration::from_secs(301)).await;
    subject.send_in(&url, "g", "1").await?;
    ensure_eq(subject.receive_one(&url).await?.body(), Some("1"), "body")
}

pub(super) async fn group_is_needed(subject: &Subject) -> Outcome {
    let url = subject
        .fifo([(Name::ContentBasedDeduplication, "true")])
        .await?;
    let send = subject
        .client()
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await;
    ensure_code(send, MISSING)
}

pub(super) async fn id_is_needed(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    let send = subject
        .client()
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .message_group_id("g");
    ensure_code(send.send().await, INVALID_VALUE)
}

pub(super) async fn delay_of_a_message_is_refused(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    let send = subject
        .client()
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .delay_seconds(1);
    ensure_code(
        send.message_group_id("g")
            .message_deduplication_id("x")
            .send()
            .await,
        INVALID_VALUE,
    )
}

pub(super) async fn sequence_numbers_grow(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    let mut last = 0_u128;
    for body in ["1", "2", "3"] {
        let sent = subject.send_in(&url, "g", body).await?;
        let number = sent.sequence_number().and_then(|text| text.parse().ok());
        let number = number.ok_or_else(|| disagreement("no sequence number"))?;
        ensure(
            number > last,
            format_args!("{number} is not greater than {last}"),
        )?;
        last = number;
    }
    Ok(())
}

pub(super) async fn expired_handle_is_refused(subject: &Subject) -> Outcome {
    let url = subject.fifo([(Name::VisibilityTimeout, "1")]).await?;
    subject.send_in(&url, "g", "1").await?;
    let message = subject.receive_one(&url).await?;
    subject.wait(Duration::from_secs(1) + A_MOMENT).await;
    let delete = subject
        .client()
        .delete_message()
        .queue_url(&url)
        .receipt_handle(handle(&message)?);
    ensure_code(
        delete.send().await,
        &[INVALID_VALUE, &["ReceiptHandleIsInvalid"]].concat(),
    )?;
    ensure_eq(
        subject.receive_one(&url).await?.message_id(),
        message.message_id(),
        "MessageId",
    )
}

pub(super) async fn attempt_can_be_repeated(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    subject.send_in(&url, "g", "1").await?;
    subject.send_in(&url, "g", "2").await?;
    let receive = subject
        .client()
        .receive_message()
        .queue_url(&url)
        .receive_request_attempt_id("attempt");
    let first = receive.clone().send().await?.messages.unwrap_or_default();
    let again = receive.clone().send().await?.messages.unwrap_or_default();
    ensure_eq(bodies(&first), vec!["1"], "bodies")?;
    ensure_eq(bodies(&again), vec!["1"], "bodies of the repeated attempt")?;
    let other = receive.receive_request_attempt_id("other").send().await?;
    ensure_eq(other.messages().len(), 0, "messages of another attempt")
}

pub(super) async fn fifo_attributes_are_returned(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    for (name, expected) in [
        (Name::FifoQueue, "true"),
        (Name::ContentBasedDeduplication, "false"),
        (Name::DeduplicationScope, "queue"),
        (Name::FifoThroughputLimit, "perQueue"),
    ] {
        ensure_eq(
            subject.attribute(&url, name.clone()).await?.as_deref(),
            Some(expected),
            name.as_str(),
        )?;
    }
    let set = subject.client().set_queue_attributes().queue_url(&url);
    ensure_code(
        set.attributes(Name::FifoThroughputLimit, "perMessageGroupId")
            .send()
            .await,
        INVALID_ATTRIBUTE,
    )?;
    subject.send_in(&url, "g", "x").await?;
    let receive = subject
        .client()
        .receive_message()
        .queue_url(&url)
        .message_system_attribute_names(System::All);
    let messages = receive.send().await?.messages.unwrap_or_default();
    let attributes = messages
        .first()
        .and_then(Message::attributes)
        .cloned()
        .unwrap_or_default();
    for (name, expected) in [
        (System::MessageGroupId, "g"),
        (System::MessageDeduplicationId, "x"),
    ] {
        ensure_eq(
            attributes.get(&name).map(String::as_str),
            Some(expected),
            name.as_str(),
        )?;
    }
    ensure(
        attributes.contains_key(&System::SequenceNumber),
        "no SequenceNumber",
    )
}
