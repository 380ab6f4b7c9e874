//! Batches: up to ten entries of the same request; each succeeds or fails by itself.

use super::api::outputs::{Batch, DoneEntry, FailedEntry, SentEntry};
use super::api::requests;
use super::contents;
use super::error::ErrorKind;
use super::send::{Sending, check_order};
use super::{Caller, Engine, Output, SqsError};
use std::collections::HashSet;

const MOST_ENTRIES: usize = 10;
/// The maximum size of all messages of a batch together, whatever the maximum message size of the queue is.
const LONGEST: usize = 1_048_576;

impl Engine {
    pub(super) fn send_batch(
        &mut self,
        caller: &Caller,
        request: requests::SendMessageBatch,
    ) -> Result<Output, SqsError> {
        let id = self.find_or_vanishing(caller, request.queue_url.as_deref())?;
        let entries = checked(
            request.entries,
            |entry| entry.id.as_deref(),
            "SendMessageBatchRequestEntry",
        )?;
        if entries
            .iter()
            .any(|(_, entry)| entry.message_body.as_deref().is_none_or(str::is_empty))
        {
            return Err(SqsError::missing("MessageBody"));
        }
        let length = |entry: &requests::SendMessageBatchEntry| {
            let body = entry.message_body.as_deref().unwrap_or_default();
            let none = contents::Attributes::new();
            contents::length(body, entry.message_attributes.as_ref().unwrap_or(&none))
        };
        let total: usize = entries.iter().map(|(_, entry)| length(entry)).sum();
        if total > LONGEST {
            return Err(SqsError::new(
                ErrorKind::BatchRequestTooLong,
                format!(
                    "Batch requests cannot be longer than {LONGEST} bytes. You have sent {total} bytes."
                ),
            ));
        }
        // An entry without group or de-duplication id fails the whole call, as recorded on Amazon.
        if let Some(queue) = id.and_then(|id| self.queues.get(&id))
            && queue.settings.fifo
        {
            for (_, entry) in &entries {
                let (group, id) = (&entry.message_group_id, &entry.message_deduplication_id);
                check_order(queue, group.is_some(), id.is_some())
                    .map_err(|error| SqsError::invalid(error.message()))?;
            }
        }
        let batch = self.carry_out(entries, |engine, entry_id, entry| {
            let sent = match id {
                Some(id) => engine.accept(id, caller, entry.into(), Sending::InBatch)?,
                None => engine.vanish(&entry.into()),
            };
            Ok(SentEntry { id: entry_id, sent })
        });
        id.into_iter().for_each(|id| self.settle(id));
        Ok(Output::SentBatch(batch))
    }

    pub(super) fn delete_batch(
        &mut self,
        caller: &Caller,
        request: requests::DeleteMessageBatch,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let entries = checked(
            request.entries,
            |entry| entry.id.as_deref(),
            "DeleteMessageBatchRequestEntry",
        )?;
        let batch = self.carry_out(entries, |engine, entry_id, entry| {
            engine.delete_received(id, entry.receipt_handle.as_deref())?;
            Ok(DoneEntry { id: entry_id })
        });
        self.settle(id);
        Ok(Output::Batch(batch))
    }

    pub(super) fn change_visibility_batch(
        &mut self,
        caller: &Caller,
        request: requests::ChangeMessageVisibilityBatch,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let parameter = "ChangeMessageVisibilityBatchRequestEntry";
        let entries = checked(request.entries, |entry| entry.id.as_deref(), parameter)?;
        let batch = self.carry_out(entries, |engine, entry_id, entry| {
            let timeout = entry
                .visibility_timeout
                .ok_or_else(|| SqsError::missing("VisibilityTimeout"))?;
            engine.hide_received(id, entry.receipt_handle.as_deref(), timeout)?;
            Ok(DoneEntry { id: entry_id })
        });
        self.settle(id);
        Ok(Output::Batch(batch))
    }

    /// Calls `one` for each entry; each entry succeeds or fails by itself.
    fn carry_out<T, O>(
        &mut self,
        entries: Vec<(String, T)>,
        mut one: impl FnMut(&mut Self, String, T) -> Result<O, SqsError>,
    ) -> Batch<O> {
        let mut batch = Batch {
            successful: Vec::new(),
            failed: Vec::new(),
        };
        for (id, entry) in entries {
            let done = if self.chance.happens(self.behaviour.failed_entries) {
                Err(SqsError::new(
                    ErrorKind::InternalFailure,
                    "Request processing has failed. Try again.",
                ))
            } else {
                one(self, id.clone(), entry)
            };
            match done {
                Ok(done) => batch.successful.push(done),
                Err(error) => batch.failed.push(FailedEntry {
                    id,
                    sender_fault: error.kind().is_sender_fault(),
                    code: error.kind().query_code(),
                    message: error.message().to_owned(),
                }),
            }
        }
        batch
    }
}

/// The entries with their ids, if the whole batch is well formed.
fn checked<T>(
    entries: Option<Vec<T>>,
    id: impl Fn(&T) -> Option<&str>,
    parameter: &str,
) -> Result<Vec<(String, T)>, SqsError> {
    let entries = entries.unwrap_or_default();
    if entries.is_empty() {
        let text = format!("There should be at least one {parameter} in the request.");
        return Err(SqsError::new(ErrorKind::EmptyBatchRequest, text));
    }
    if entries.len() > MOST_ENTRIES {
        let text = format!(
            "Maximum number of entries per request are 10. You have sent {}.",
            entries.len()
        );
        return Err(SqsError::new(ErrorKind::TooManyEntriesInBatchRequest, text));
    }
    let mut ids = HashSet::new();
    let entries = entries.into_iter().map(|entry| {
        let id = id(&entry).ok_or_else(|| SqsError::missing(&format!("{parameter}.Id")))?.to_owned();
        if !is_id(&id) {
            return Err(SqsError::new(
                ErrorKind::InvalidBatchEntryId,
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most \
                 80 letters long.",
            ));
        }
        if !ids.insert(id.clone()) {
            return Err(SqsError::new(ErrorKind::BatchEntryIdsNotDistinct, format!("Id {id} repeated.")));
        }
        Ok((id, entry))
    });
    entries.collect()
}

fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=80).contains(&id.len()) && id.bytes().all(allowed)
}
