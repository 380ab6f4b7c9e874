//! Receipt handles: deleting messages, and changing their visibility timeout.

use super::subject::{
    INVALID_VALUE, Outcome, Subject, disagreement, ensure, ensure_code, ensure_eq, handle, only,
};
use aws_sdk_sqs::types::Message;
use std::time::Duration;

const A_MOMENT: Duration = Duration::from_millis(300);
const A_SECOND: Duration = Duration::from_secs(1);
const NO_HANDLE: &[&str] = &["ReceiptHandleIsInvalid", "InvalidParameterValue"];

/// Sends one message and receives it.
async fn one(
    subject: &Subject,
    url: &str,
    visibility: i32,
) -> Result<Message, super::Disagreement> {
    subject.send(url, "x").await?;
    again(subject, url, visibility).await
}

async fn again(
    subject: &Subject,
    url: &str,
    visibility: i32,
) -> Result<Message, super::Disagreement> {
    let receive = subject
        .client()
        .receive_message()
        .queue_url(url)
        .wait_time_seconds(5)
        .visibility_timeout(visibility);
    only(receive.send().await?.messages.unwrap_or_default())
}

pub(super) async fn deleted_message_is_not_received_again(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let message = one(subject, &url, 1).await?;
    subject.delete(&url, handle(&message)?).await?;
    subject.wait(A_SECOND + A_MOMENT).await;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "received deleted messages",
    )
}

pub(super) async fn message_can_be_deleted_twice(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let message = one(subject, &url, 30).await?;
    subject.delete(&url, handle(&message)?).await?;
    subject.delete(&url, handle(&message)?).await
}

pub(super) async fn stale_handle_deletes_nothing(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let first = one(subject, &url, 0).await?;
    let second = again(subject, &url, 0).await?;
    // The call may succeed or fail, but the message stays: SQS's documentation says that it "might not be deleted".
    let _ = subject
        .client()
        .delete_message()
        .queue_url(&url)
        .receipt_handle(handle(&first)?)
        .send()
        .await;
    let third = again(subject, &url, 30).await?;
    ensure_eq(third.message_id(), second.message_id(), "MessageId")
}

pub(super) async fn handle_of_another_queue_is_refused(subject: &Subject) -> Outcome {
    let (url, other) = (subject.queue().await?, subject.queue().await?);
    let message = one(subject, &url, 30).await?;
    let delete = subject
        .client()
        .delete_message()
        .queue_url(&other)
        .receipt_handle(handle(&message)?);
    ensure_code(delete.send().await, NO_HANDLE)
}

pub(super) async fn malformed_handle_is_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let delete = subject
        .client()
        .delete_message()
        .queue_url(&url)
        .receipt_handle("nonsense");
    ensure_code(delete.send().await, NO_HANDLE)?;
    let change = subject
        .client()
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle("nonsense");
    ensure_code(change.visibility_timeout(1).send().await, NO_HANDLE)
}

pub(super) async fn visibility_is_extended(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let message = one(subject, &url, 1).await?;
    subject.hide(&url, handle(&message)?, 2).await?;
    subject.wait(A_SECOND + A_MOMENT).await;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "received hidden messages",
    )?;
    subject.wait(A_SECOND).await;
    ensure_eq(
        again(subject, &url, 30).await?.message_id(),
        message.message_id(),
        "MessageId",
    )
}

pub(super) async fn visibility_zero_makes_a_message_visible_at_once(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let message = one(subject, &url, 30).await?;
    subject.hide(&url, handle(&message)?, 0).await?;
    ensure_eq(
        again(subject, &url, 30).await?.message_id(),
        message.message_id(),
        "MessageId",
    )
}

pub(super) async fn visibility_is_checked(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let message = one(subject, &url, 30).await?;
    let change = subject
        .client()
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(handle(&message)?);
    for seconds in [-1, 43_201] {
        ensure_code(
            change.clone().visibility_timeout(seconds).send().await,
            INVALID_VALUE,
        )?;
    }
    Ok(())
}

pub(super) async fn visibility_of_a_deleted_message_is_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let message = one(subject, &url, 30).await?;
    subject.delete(&url, handle(&message)?).await?;
    let change = subject
        .client()
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(handle(&message)?);
    let changed = change.visibility_timeout(5).send().await;
    let Err(error) = changed else {
        return Err(disagreement(
            "the visibility of a deleted message was changed",
        ));
    };
    ensure(
        error.as_service_error().is_some(),
        format_args!("the call got no answer: {error:?}"),
    )
}
