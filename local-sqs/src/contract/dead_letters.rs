//! Dead-letter queues.

use super::subject::{INVALID_ATTRIBUTE, Outcome, Subject, ensure_code, ensure_eq, only};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};

fn policy(arn: &str, count: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}"#)
}

/// A queue, and its dead-letter queue for messages that were received `count` times.
async fn pair(subject: &Subject, count: u32) -> Result<(String, String), super::Disagreement> {
    let dead = subject.queue().await?;
    let policy = policy(&subject.arn(&dead).await?, count);
    Ok((
        subject
            .queue_with([(QueueAttributeName::RedrivePolicy, policy.as_str())])
            .await?,
        dead,
    ))
}

/// Receives with visibility timeout zero, so that the message can be received again at once.
async fn receive(subject: &Subject, url: &str) -> Result<Vec<Message>, super::Disagreement> {
    let receive = subject
        .client()
        .receive_message()
        .queue_url(url)
        .visibility_timeout(0)
        .wait_time_seconds(1);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    Ok(receive.send().await?.messages.unwrap_or_default())
}

pub(super) async fn message_received_too_often_is_moved(subject: &Subject) -> Outcome {
    let (url, dead) = pair(subject, 2).await?;
    let sent = subject.send(&url, "x").await?;
    for _ in 0..2 {
        only(receive(subject, &url).await?)?;
    }
    ensure_eq(
        receive(subject, &url).await?.len(),
        0,
        "messages after two receives",
    )?;
    let moved = only(receive(subject, &dead).await?)?;
    ensure_eq(
        (moved.message_id(), moved.body()),
        (sent.message_id(), Some("x")),
        "the dead letter",
    )
}

pub(super) async fn moved_message_has_its_source_queue(subject: &Subject) -> Outcome {
    let (url, dead) = pair(subject, 1).await?;
    subject.send(&url, "x").await?;
    let first = only(receive(subject, &url).await?)?;
    receive(subject, &url).await?;
    let moved = only(receive(subject, &dead).await?)?;
    let of = |message: &Message, name| message.attributes().and_then(|it| it.get(&name)).cloned();
    let source = of(&moved, MessageSystemAttributeName::DeadLetterQueueSourceArn);
    ensure_eq(
        source,
        Some(subject.arn(&url).await?),
        "DeadLetterQueueSourceArn",
    )?;
    let sent = |message| of(message, MessageSystemAttributeName::SentTimestamp);
    ensure_eq(sent(&moved), sent(&first), "SentTimestamp")
}

pub(super) async fn source_queues_are_listed(subject: &Subject) -> Outcome {
    let (url, dead) = pair(subject, 1).await?;
    let listed = subject
        .client()
        .list_dead_letter_source_queues()
        .queue_url(&dead)
        .send()
        .await?;
    ensure_eq(listed.queue_urls().to_vec(), vec![url.clone()], "sources")?;
    let none = subject
        .client()
        .list_dead_letter_source_queues()
        .queue_url(&url)
        .send()
        .await?;
    ensure_eq(
        none.queue_urls().len(),
        0,
        "sources of a queue without sources",
    )
}

pub(super) async fn allow_policy_restricts_source_queues(subject: &Subject) -> Outcome {
    let dead = subject
        .queue_with([(
            QueueAttributeName::RedriveAllowPolicy,
            r#"{"redrivePermission":"denyAll"}"#,
        )])
        .await?;
    let url = subject.queue().await?;
    let policy = policy(&subject.arn(&dead).await?, 1);
    let set = subject
        .client()
        .set_queue_attributes()
        .queue_url(&url)
        .attributes(QueueAttributeName::RedrivePolicy, policy);
    ensure_code(set.send().await, INVALID_ATTRIBUTE)
}
