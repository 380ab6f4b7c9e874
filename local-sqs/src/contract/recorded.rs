//! Behavior that was recorded on Amazon SQS, by the tests of LocalStack that were validated against it.
//!
//! The documentation does not describe this behavior, or describes it less exactly. If the recording has a text, a part
//! of the text is compared.

use super::subject::{Disagreement, Outcome, Subject, disagreement, ensure, ensure_eq, handle};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, QueueAttributeName as Name, SendMessageBatchRequestEntry,
};
use aws_smithy_types::base64;
use std::fmt;
use std::time::Duration;

const A_SECOND: Duration = Duration::from_secs(1);
const A_MOMENT: Duration = Duration::from_millis(300);

/// The call must fail with this code of the Query protocol, and a text that contains `text`.
fn ensure_refused<T, E>(answer: Result<T, SdkError<E>>, code: &str, text: &str) -> Outcome
where
    E: ProvideErrorMetadata + fmt::Debug,
{
    let Err(error) = answer else {
        return Err(disagreement(format!(
            "a call succeeded instead of failing with {code}"
        )));
    };
    let seen = (
        error.code().unwrap_or_default(),
        error.message().unwrap_or_default(),
    );
    ensure(
        seen.0 == code && seen.1.contains(text),
        format_args!("{}: {:?}, instead of {code}: {text:?}", seen.0, seen.1),
    )
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::body).collect()
}

/// A FIFO queue with messages of one group in flight, in their order.
async fn in_flight(
    subject: &Subject,
    sent: &[&str],
) -> Result<(String, Vec<Message>), Disagreement> {
    let url = subject.fifo([]).await?;
    for body in sent {
        subject.send_in(&url, "g", body).await?;
    }
    let messages = subject.receive(&url).await?;
    ensure_eq(bodies(&messages), sent.to_vec(), "bodies")?;
    Ok((url, messages))
}

pub(super) async fn visibility_can_be_changed_after_its_end(subject: &Subject) -> Outcome {
    let url = subject.queue_with([(Name::VisibilityTimeout, "1")]).await?;
    subject.send(&url, "x").await?;
    let message = subject.receive_one(&url).await?;
    subject.wait(A_SECOND + A_MOMENT).await;
    subject.hide(&url, handle(&message)?, 2).await?;
    ensure_eq(subject.receive(&url).await?.len(), 0, "messages")?;
    let again = subject.receive_one(&url).await?;
    ensure_eq(again.message_id(), message.message_id(), "MessageId")
}

pub(super) async fn visible_message_before_one_in_flight_is_offered(subject: &Subject) -> Outcome {
    let (url, messages) = in_flight(subject, &["1", "2"]).await?;
    subject.hide(&url, handle(&messages[0])?, 1).await?;
    subject.wait(2 * A_SECOND + A_MOMENT).await;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec!["1".to_owned()],
        "bodies",
    )
}

pub(super) async fn messages_behind_an_extended_message_are_hidden(subject: &Subject) -> Outcome {
    let (url, messages) = in_flight(subject, &["1", "2", "3"]).await?;
    for (message, seconds) in messages.iter().zip([1, 20, 1]) {
        subject.hide(&url, handle(message)?, seconds).await?;
    }
    subject.wait(2 * A_SECOND + A_MOMENT).await;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec!["1".to_owned()],
        "bodies",
    )
}

pub(super) async fn error_contains_the_expired_handle(subject: &Subject) -> Outcome {
    let (url, messages) = in_flight(subject, &["1"]).await?;
    let handle = handle(&messages[0])?;
    subject.hide(&url, handle, 1).await?;
    subject.wait(A_SECOND + A_MOMENT).await;
    let delete = subject.client().delete_message().queue_url(&url);
    let text = format!(
        "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    );
    let deleted = delete.receipt_handle(handle).send().await;
    ensure_refused(deleted, "InvalidParameterValue", &text)
}

pub(super) async fn fifo_batch_fails_for_an_entry_without_ids(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    for (group, id) in [(None, Some("2")), (Some("g"), None)] {
        let entry = |id: &str, group: Option<&str>, deduplication_id: Option<&str>| {
            SendMessageBatchRequestEntry::builder()
                .id(id)
                .message_body(id)
                .set_message_group_id(group.map(str::to_owned))
                .set_message_deduplication_id(deduplication_id.map(str::to_owned))
                .build()
        };
        let good =
            entry("1", Some("g"), Some("1")).map_err(|error| disagreement(error.to_string()))?;
        let bad = entry("2", group, id).map_err(|error| disagreement(error.to_string()))?;
        let batch = subject.client().send_message_batch().queue_url(&url);
        let sent = batch.entries(good).entries(bad).send().await;
        ensure(
            sent.is_err(),
            "the call succeeded, or an entry failed alone",
        )?;
        ensure_eq(subject.receive(&url).await?.len(), 0, "messages")?;
    }
    Ok(())
}

pub(super) async fn ids_count_across_groups_after_the_scope_changes(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    let send = |group: &str| {
        let send = subject
            .client()
            .send_message()
            .queue_url(&url)
            .message_body("x");
        send.message_group_id(group)
            .message_deduplication_id("same")
            .send()
    };
    send("a").await?;
    let change = subject.client().set_queue_attributes().queue_url(&url);
    let change = change.attributes(Name::DeduplicationScope, "messageGroup");
    change
        .attributes(Name::FifoThroughputLimit, "perMessageGroupId")
        .send()
        .await?;
    send("a").await?;
    send("b").await?;
    ensure_eq(subject.receive(&url).await?.len(), 1, "messages")
}

pub(super) async fn error_names_fifo_attributes_of_a_standard_queue(subject: &Subject) -> Outcome {
    for (name, value) in [
        (Name::DeduplicationScope, "queue"),
        (Name::FifoThroughputLimit, "perQueue"),
    ] {
        let text = format!("You can specify the {name} only when FifoQueue is set to true.");
        let create = subject
            .client()
            .create_queue()
            .queue_name(subject.new_name());
        let created = create.attributes(name, value).send().await;
        ensure_refused(created, "InvalidAttributeName", &text)?;
    }
    Ok(())
}

pub(super) async fn type_of_a_queue_cannot_be_changed(subject: &Subject) -> Outcome {
    let url = subject.fifo([]).await?;
    let change = subject.client().set_queue_attributes().queue_url(url);
    let changed = change.attributes(Name::FifoQueue, "false").send().await;
    let text =
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.";
    ensure_refused(changed, "InvalidAttributeValue", text)
}

pub(super) async fn error_of_an_entry_too_long_has_its_own_text(subject: &Subject) -> Outcome {
    let url = subject
        .queue_with([(Name::MaximumMessageSize, "1024")])
        .await?;
    let entry = SendMessageBatchRequestEntry::builder()
        .id("1")
        .message_body("x".repeat(1025))
        .build();
    let entry = entry.map_err(|error| disagreement(error.to_string()))?;
    let batch = subject
        .client()
        .send_message_batch()
        .queue_url(url)
        .entries(entry)
        .send()
        .await?;
    let failed = batch
        .failed()
        .first()
        .ok_or_else(|| disagreement("no entry failed"))?;
    let text = "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.";
    ensure_eq(failed.message(), Some(text), "text")
}

pub(super) async fn error_names_an_empty_text_attribute(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let empty = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("")
        .build();
    let empty = empty.map_err(|error| disagreement(error.to_string()))?;
    let send = subject
        .client()
        .send_message()
        .queue_url(url)
        .message_body("x");
    let sent = send.message_attributes("note", empty).send().await;
    let text = "Message (user) attribute 'note' must contain a non-empty value of type 'String'.";
    ensure_refused(sent, "InvalidParameterValue", text)
}

pub(super) async fn star_alone_asks_for_all_attributes(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let value = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new("v"))
        .build();
    let value = value.map_err(|error| disagreement(error.to_string()))?;
    let send = subject
        .client()
        .send_message()
        .queue_url(&url)
        .message_body("x");
    send.message_attributes("a", value).send().await?;
    let receive = subject
        .client()
        .receive_message()
        .queue_url(url)
        .wait_time_seconds(5);
    let received = receive.message_attribute_names("*").send().await?;
    let count = received
        .messages()
        .first()
        .and_then(Message::message_attributes)
        .map_or(0, |it| it.len());
    ensure_eq(count, 1, "attributes")
}

pub(super) async fn name_is_accepted_in_place_of_a_url(subject: &Subject) -> Outcome {
    let name = subject.new_name();
    let url = subject.named_queue(&name, []).await?;
    ensure_eq(subject.arn(&name).await?, subject.arn(&url).await?, "ARN")
}

pub(super) async fn unknown_label_is_not_found(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let remove = subject
        .client()
        .remove_permission()
        .queue_url(url)
        .label("none")
        .send()
        .await;
    let text = "Value none for parameter Label is invalid. Reason: can't find label.";
    ensure_refused(remove, "InvalidParameterValue", text)
}

pub(super) async fn task_handles_are_checked(subject: &Subject) -> Outcome {
    let cancel = |handle: String| {
        subject
            .client()
            .cancel_message_move_task()
            .task_handle(handle)
            .send()
    };
    let handle = |source: &str| {
        let id = "10ad0330-1bf2-45ff-9471-2bb4b91ab6bb";
        base64::encode(format!(r#"{{"taskId":"{id}","sourceArn":"{source}"}}"#))
    };
    let text = "Value for parameter TaskHandle is invalid.";
    ensure_refused(
        cancel("none".to_owned()).await,
        "InvalidParameterValue",
        text,
    )?;
    let arn = subject.arn(&subject.queue().await?).await?;
    let text = "The resource that you specified for the SourceArn parameter doesn't exist.";
    let cancelled = cancel(handle(&format!("{arn}-none"))).await;
    ensure_refused(cancelled, "ResourceNotFoundException", text)?;
    let cancelled = cancel(handle(&arn)).await;
    ensure_refused(
        cancelled,
        "ResourceNotFoundException",
        "Task does not exist.",
    )
}
