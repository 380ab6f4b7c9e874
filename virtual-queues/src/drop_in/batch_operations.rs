//! The batch operations: the same operation up to ten times, with a separate answer for each entry.

use std::collections::HashSet;

use futures::future;
use sqs_rpc_protocol::limits::{MAX_BATCH_ENTRIES, MAX_ENTRY_ID, MAX_MESSAGE_BYTES, message_size};

use super::answer_members::{BatchAnswer, Done, Empty, Failed, Sent as SentAnswer};
use super::message_operations::{change_one, delete_one};
use super::operations::{Service, virtual_url};
use super::refusal::{Failure, Kind, Refusal};
use super::request_members::{BatchEntry, BatchRequest, Change, Received, Sent};

impl Service {
    pub(super) async fn send_batch(
        &self,
        request: BatchRequest<Sent>,
    ) -> Result<BatchAnswer<SentAnswer>, Failure> {
        let url = virtual_url(request.queue_url.as_deref())?;
        let entries = checked(request.entries, "SendMessageBatchRequestEntry")?;
        let is_empty =
            |(_, sent): &(_, Sent)| sent.message_body.as_deref().is_none_or(str::is_empty);
        if entries.iter().any(is_empty) {
            return Err(Refusal::missing("MessageBody").into());
        }
        let bytes: usize = entries.iter().map(|(_, sent)| size_of(sent)).sum();
        if bytes > MAX_MESSAGE_BYTES {
            let text = format!(
                "Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes. You have sent {bytes} bytes."
            );
            return Err(Refusal::new(Kind::BatchRequestTooLong, text).into());
        }
        answer(entries, |sent| self.send_one(&url, sent)).await
    }

    pub(super) async fn delete_batch(
        &self,
        request: BatchRequest<Received>,
    ) -> Result<BatchAnswer<Empty>, Failure> {
        let queue = self.queue(request.queue_url.as_deref())?;
        let entries = checked(request.entries, "DeleteMessageBatchRequestEntry")?;
        answer(entries, |received| delete_one(&queue, received)).await
    }

    pub(super) async fn change_batch(
        &self,
        request: BatchRequest<Change>,
    ) -> Result<BatchAnswer<Empty>, Failure> {
        let queue = self.queue(request.queue_url.as_deref())?;
        let parameter = "ChangeMessageVisibilityBatchRequestEntry";
        let entries = checked(request.entries, parameter)?;
        answer(entries, |change| change_one(&queue, change)).await
    }
}

/// Checks the batch as a whole; `parameter` is SQS's name of its entries. Returns the entries with their ids.
fn checked<T>(
    entries: Option<Vec<BatchEntry<T>>>,
    parameter: &str,
) -> Result<Vec<(String, T)>, Refusal> {
    let entries = entries.unwrap_or_default();
    if entries.is_empty() {
        let text = format!("There should be at least one {parameter} in the request.");
        return Err(Refusal::new(Kind::EmptyBatchRequest, text));
    }
    if entries.len() > MAX_BATCH_ENTRIES {
        let text = format!(
            "Maximum number of entries per request are {MAX_BATCH_ENTRIES}. You have sent {}.",
            entries.len()
        );
        return Err(Refusal::new(Kind::TooManyEntriesInBatchRequest, text));
    }
    let mut seen = HashSet::new();
    let mut checked = Vec::with_capacity(entries.len());
    for entry in entries {
        let id = entry.id;
        let id = id.ok_or_else(|| Refusal::missing(&format!("{parameter}.Id")))?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=MAX_ENTRY_ID).contains(&id.len()) || !id.bytes().all(allowed) {
            let text = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can \
                        be at most 80 letters long.";
            return Err(Refusal::new(Kind::InvalidBatchEntryId, text));
        }
        if !seen.insert(id.clone()) {
            let text = format!("Id {id} repeated.");
            return Err(Refusal::new(Kind::BatchEntryIdsNotDistinct, text));
        }
        checked.push((id, entry.members));
    }
    Ok(checked)
}

/// Performs all entries at the same time, so that their SQS calls are batched together.
async fn answer<T, A, F>(
    entries: Vec<(String, T)>,
    mut operation: impl FnMut(T) -> F,
) -> Result<BatchAnswer<A>, Failure>
where
    F: Future<Output = Result<A, Failure>>,
{
    let (ids, operations): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .map(|(id, members)| (id, operation(members)))
        .unzip();
    let mut batch = BatchAnswer {
        successful: Vec::new(),
        failed: Vec::new(),
    };
    for (id, result) in ids.into_iter().zip(future::join_all(operations).await) {
        match result {
            Ok(members) => batch.successful.push(Done { id, members }),
            Err(failure) => {
                let refusal = failure.into_refusal();
                let sender_fault = refusal.is_sender_fault();
                let (code, message) = refusal.into_parts();
                batch.failed.push(Failed {
                    id,
                    sender_fault,
                    code,
                    message,
                });
            }
        }
    }
    Ok(batch)
}

fn size_of(sent: &Sent) -> usize {
    let attributes = sent.message_attributes.iter().flatten();
    message_size(
        sent.message_body.as_deref().unwrap_or_default(),
        attributes.map(|(name, value)| {
            let (data_type, bytes) = value.counts_for();
            (&**name, data_type, bytes)
        }),
    )
}
