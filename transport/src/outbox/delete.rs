//! Deletes.

use aws_sdk_sqs::operation::delete_message::builders::DeleteMessageInputBuilder;
use aws_sdk_sqs::operation::delete_message_batch::builders::DeleteMessageBatchInputBuilder;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use sqs_rpc_protocol::HostQueueUrl;

use super::kind::{BatchAnswer, Kind};
use super::words::What;
use crate::mutant;
use crate::stats::{Action, Counter};
use crate::{Fault, Sqs};

#[derive(Debug)]
pub(super) struct Delete;

impl Kind for Delete {
    /// The receipt handle.
    type Input = String;
    type SdkEntry = DeleteMessageBatchRequestEntry;
    type Output = ();

    const ACTION: Action = Action::DeleteMessageBatch;
    const FAILED: Option<Counter> = Some(Counter::DeletesFailed);

    fn size(receipt_handle: &String) -> usize {
        receipt_handle.len()
    }

    fn lingers(_: &String, queue: &HostQueueUrl) -> bool {
        !queue.is_fifo()
    }

    fn word(receipt_handle: &String, _: bool) -> Option<(&str, What)> {
        Some((receipt_handle, What::Delete))
    }

    fn entry(receipt_handle: &String, id: String) -> Self::SdkEntry {
        let builder = DeleteMessageBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(receipt_handle);
        builder
            .build()
            .expect("id and receipt handle are all that is required")
    }

    async fn call(
        sqs: &Sqs,
        queue: &HostQueueUrl,
        entries: Vec<Self::SdkEntry>,
    ) -> Result<BatchAnswer<()>, Fault> {
        if mutant!("deletes-one-by-one")
            && let [entry] = &entries[..]
        {
            let input = DeleteMessageInputBuilder::default()
                .queue_url(queue.as_str())
                .receipt_handle(entry.receipt_handle());
            let id = entry.id().to_owned();
            sqs.delete_message(input).await?;
            let (successful, failed) = (vec![(id, ())], Vec::new());
            return Ok(BatchAnswer { successful, failed });
        }
        let input = DeleteMessageBatchInputBuilder::default()
            .queue_url(queue.as_str())
            .set_entries(Some(entries));
        let output = sqs.delete_message_batch(input).await?;
        let successful = output
            .successful
            .into_iter()
            .map(|entry| (entry.id, ()))
            .collect();
        Ok(BatchAnswer {
            successful,
            failed: output.failed,
        })
    }
}
