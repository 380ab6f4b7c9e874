//! Sends.

use aws_sdk_sqs::operation::send_message_batch::builders::SendMessageBatchInputBuilder;
use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use aws_sdk_sqs::types::{SendMessageBatchRequestEntry, SendMessageBatchResultEntry};
use sqs_rpc_protocol::HostQueueUrl;

use super::kind::{BatchAnswer, Kind};
use crate::digest::is_md5_of;
use crate::stats::{Action, Counter};
use crate::{Delivery, Fault, FaultKind, Sqs, message_size};

#[derive(Debug)]
pub(super) struct SendMessage;

/// A message that waits for its call.
pub(super) struct Letter {
    message: SendMessageBatchRequestEntry,
    /// Writes the content that depends on when the message is sent.
    stamp: Option<Stamp>,
}

/// See [`Outbox::send_stamped`](super::Outbox::send_stamped).
pub(super) type Stamp = Box<dyn Fn(&mut SendMessageBatchRequestEntry) + Send + Sync>;

/// Builds the entry before it is queued, so that a message without a body fails its own caller only.
pub(super) fn build(
    message: SendMessageBatchRequestEntryBuilder,
    stamp: Option<Stamp>,
) -> Result<Letter, Fault> {
    // The id is set by the batch.
    let built = message.id("").build();
    let message = built.map_err(|error| {
        Fault::local(
            SendMessage::ACTION,
            FaultKind::NotMade,
            Delivery::NotSent,
            error,
        )
    })?;
    Ok(Letter { message, stamp })
}

impl Kind for SendMessage {
    type Input = Letter;
    type SdkEntry = SendMessageBatchRequestEntry;
    type Output = SendMessageBatchResultEntry;

    const ACTION: Action = Action::SendMessageBatch;
    const FAILED: Option<Counter> = None;

    fn size(Letter { message, .. }: &Self::Input) -> usize {
        let attributes = message.message_attributes.iter().flatten();
        message_size(&message.message_body, attributes)
    }

    fn is_ordered(queue: &HostQueueUrl) -> bool {
        queue.is_fifo()
    }

    fn group(letter: &Self::Input) -> Option<&str> {
        letter.message.message_group_id.as_deref()
    }

    fn entry(letter: &Self::Input, id: String) -> Self::SdkEntry {
        let mut entry = letter.message.clone();
        if let Some(stamp) = &letter.stamp {
            stamp(&mut entry);
        }
        entry.id = id;
        entry
    }

    async fn call(
        sqs: &Sqs,
        queue: &HostQueueUrl,
        entries: Vec<Self::SdkEntry>,
    ) -> Result<BatchAnswer<Self::Output>, Fault> {
        let input = SendMessageBatchInputBuilder::default()
            .queue_url(queue.as_str())
            .set_entries(Some(entries));
        let output = sqs.send_message_batch(input).await?;
        let successful = output
            .successful
            .into_iter()
            .map(|entry| (entry.id.clone(), entry))
            .collect();
        Ok(BatchAnswer {
            successful,
            failed: output.failed,
        })
    }

    fn check(letter: &Self::Input, output: &Self::Output) -> Result<(), Fault> {
        let told = &output.md5_of_message_body;
        if told.is_empty() || is_md5_of(told, &letter.message.message_body) {
            return Ok(());
        }
        // SQS accepted something, but not this message. So the caller may send again: a duplicate does no harm, but a
        // lost message may.
        Err(Fault::local(
            Self::ACTION,
            FaultKind::Unreadable,
            Delivery::Unknown,
            Altered,
        ))
    }
}

/// SQS accepted another body than the body that was sent.
#[derive(Debug, thiserror::Error)]
#[error("the MD5 of the body that SQS accepted differs from that of the body sent")]
struct Altered;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_a_body_is_not_sent() {
        let built = build(SendMessageBatchRequestEntry::builder(), None);
        let fault = built.err().unwrap();
        assert_eq!(
            (fault.kind(), fault.delivery()),
            (FaultKind::NotMade, Delivery::NotSent)
        );
    }
}
