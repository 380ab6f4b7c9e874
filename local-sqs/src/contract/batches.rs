//! Batches: errors of the whole batch, and errors of single entries.

use super::subject::{
    MISSING, Outcome, Subject, disagreement, ensure, ensure_code, ensure_eq, handle,
};
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::operation::send_message_batch::builders::SendMessageBatchFluentBuilder;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    SendMessageBatchRequestEntry,
};

fn built<T>(entry: Result<T, BuildError>) -> Result<T, super::Disagreement> {
    entry.map_err(|error| disagreement(error.to_string()))
}

fn entry(id: &str, body: &str) -> Result<SendMessageBatchRequestEntry, super::Disagreement> {
    built(
        SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body(body)
            .build(),
    )
}

fn batch(
    subject: &Subject,
    url: &str,
    entries: &[(&str, &str)],
) -> Result<SendMessageBatchFluentBuilder, super::Disagreement> {
    let entries = entries
        .iter()
        .map(|(id, body)| entry(id, body))
        .collect::<Result<_, _>>()?;
    Ok(subject
        .client()
        .send_message_batch()
        .queue_url(url)
        .set_entries(Some(entries)))
}

fn codes(name: &str) -> [String; 2] {
    [format!("AWS.SimpleQueueService.{name}"), name.to_owned()]
}

async fn refused(sent: SendMessageBatchFluentBuilder, name: &str) -> Outcome {
    let codes = codes(name);
    ensure_code(sent.send().await, &[codes[0].as_str(), codes[1].as_str()])
}

pub(super) async fn each_entry_has_its_result(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let entries: Vec<_> = (0..10)
        .map(|number| (format!("id_{number}-"), format!("body {number}")))
        .collect();
    let pairs: Vec<_> = entries
        .iter()
        .map(|(id, body)| (id.as_str(), body.as_str()))
        .collect();
    let sent = batch(subject, &url, &pairs)?.send().await?;
    ensure_eq(sent.failed().len(), 0, "number of failures")?;
    let mut ids: Vec<_> = sent
        .successful()
        .iter()
        .map(|entry| entry.id().to_owned())
        .collect();
    ids.sort();
    ensure_eq(
        ids,
        entries.iter().map(|(id, _)| id.clone()).collect(),
        "ids",
    )?;
    for result in sent.successful() {
        let body = entries
            .iter()
            .find(|(id, _)| id == result.id())
            .map(|(_, body)| body.as_str());
        let digest = crate::engine::digest::md5_of(body.unwrap_or_default().as_bytes());
        ensure_eq(
            result.md5_of_message_body(),
            digest.as_str(),
            "MD5OfMessageBody",
        )?;
    }
    Ok(())
}

pub(super) async fn an_entry_may_fail_alone(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let sent = batch(subject, &url, &[("good", "x"), ("bad", "\u{b}")])?
        .send()
        .await?;
    let good: Vec<_> = sent.successful().iter().map(|entry| entry.id()).collect();
    ensure_eq(good, vec!["good"], "ids that succeeded")?;
    let bad: Vec<_> = sent
        .failed()
        .iter()
        .map(|entry| (entry.id(), entry.sender_fault()))
        .collect();
    ensure_eq(
        bad,
        vec![("bad", true)],
        "ids that failed, with SenderFault",
    )
}

pub(super) async fn empty_batch_is_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let sent = batch(subject, &url, &[])?.send().await;
    let names = codes("EmptyBatchRequest");
    ensure_code(
        sent,
        &[&[names[0].as_str(), names[1].as_str()], MISSING].concat(),
    )
}

pub(super) async fn eleven_entries_are_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let ids: Vec<_> = (0..11).map(|number| number.to_string()).collect();
    let entries: Vec<_> = ids.iter().map(|id| (id.as_str(), "x")).collect();
    refused(
        batch(subject, &url, &entries)?,
        "TooManyEntriesInBatchRequest",
    )
    .await
}

pub(super) async fn ids_are_distinct(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    refused(
        batch(subject, &url, &[("a", "x"), ("a", "y")])?,
        "BatchEntryIdsNotDistinct",
    )
    .await
}

pub(super) async fn characters_of_ids_are_checked(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for id in ["a b", "a.b", &"a".repeat(81)] {
        refused(batch(subject, &url, &[(id, "x")])?, "InvalidBatchEntryId").await?;
    }
    Ok(())
}

pub(super) async fn batch_too_large_in_total_is_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let (half, more) = ("x".repeat(524_288), "x".repeat(524_289));
    let sent = batch(subject, &url, &[("a", &half), ("b", &half)])?
        .send()
        .await?;
    ensure_eq(
        sent.failed().len(),
        0,
        "number of failures of a batch of 1 MiB",
    )?;
    refused(
        batch(subject, &url, &[("a", &half), ("b", &more)])?,
        "BatchRequestTooLong",
    )
    .await
}

pub(super) async fn deletes_fail_alone(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject.send(&url, "x").await?;
    let message = subject.receive_one(&url).await?;
    let entry = |id: &str, handle: &str| {
        built(
            DeleteMessageBatchRequestEntry::builder()
                .id(id)
                .receipt_handle(handle)
                .build(),
        )
    };
    let delete = subject.client().delete_message_batch().queue_url(&url);
    let deleted = delete
        .entries(entry("good", handle(&message)?)?)
        .entries(entry("bad", "nonsense")?)
        .send()
        .await?;
    let good: Vec<_> = deleted
        .successful()
        .iter()
        .map(|entry| entry.id())
        .collect();
    let bad: Vec<_> = deleted.failed().iter().map(|entry| entry.id()).collect();
    ensure_eq(
        (good, bad),
        (vec!["good"], vec!["bad"]),
        "ids that succeeded and that failed",
    )
}

pub(super) async fn changes_of_visibility_fail_alone(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject.send(&url, "x").await?;
    let message = subject.receive_one(&url).await?;
    let entry = |id: &str, handle: &str, seconds| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(handle);
        built(entry.visibility_timeout(seconds).build())
    };
    let change = subject
        .client()
        .change_message_visibility_batch()
        .queue_url(&url);
    let change = change
        .entries(entry("good", handle(&message)?, 0)?)
        .entries(entry("bad", "nonsense", 0)?);
    let changed = change.send().await?;
    let good: Vec<_> = changed
        .successful()
        .iter()
        .map(|entry| entry.id())
        .collect();
    let bad: Vec<_> = changed.failed().iter().map(|entry| entry.id()).collect();
    ensure_eq(
        (good, bad),
        (vec!["good"], vec!["bad"]),
        "ids that succeeded and that failed",
    )?;
    let again = subject.receive_one(&url).await?;
    ensure(
        again.message_id() == message.message_id(),
        "the message was not made visible",
    )
}
