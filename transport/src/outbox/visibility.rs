//! Changes of visibility timeouts.

use std::time::Duration;

use aws_sdk_sqs::operation::change_message_visibility_batch::builders::ChangeMessageVisibilityBatchInputBuilder;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use sqs_rpc_protocol::HostQueueUrl;

use super::kind::{BatchAnswer, Kind};
use super::words::What;
use crate::stats::{Action, Counter};
use crate::{Fault, Sqs};

#[derive(Debug)]
pub(super) struct ChangeVisibility;

pub(super) struct Change {
    pub(super) receipt_handle: String,
    pub(super) timeout: Duration,
}

impl Change {
    /// Whole seconds, rounded up, because zero would mean "visible now". SQS refuses timeouts that are too long for
    /// this field anyway.
    fn seconds(&self) -> i32 {
        let up = u64::from(self.timeout.subsec_nanos() > 0);
        i32::try_from(self.timeout.as_secs().saturating_add(up)).unwrap_or(i32::MAX)
    }
}

impl Kind for ChangeVisibility {
    type Input = Change;
    type SdkEntry = ChangeMessageVisibilityBatchRequestEntry;
    type Output = ();

    const ACTION: Action = Action::ChangeMessageVisibilityBatch;
    const FAILED: Option<Counter> = Some(Counter::ChangesFailed);

    fn size(change: &Change) -> usize {
        change.receipt_handle.len()
    }

    fn lingers(change: &Change, queue: &HostQueueUrl) -> bool {
        !(queue.is_fifo() && change.timeout.is_zero())
    }

    fn word(change: &Change, attended: bool) -> Option<(&str, What)> {
        let what = if attended {
            What::Change
        } else {
            What::Unattended
        };
        Some((&change.receipt_handle, what))
    }

    fn given_way() -> Option<()> {
        Some(())
    }

    fn entry(change: &Change, id: String) -> Self::SdkEntry {
        let builder = ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(&change.receipt_handle)
            .visibility_timeout(change.seconds());
        builder
            .build()
            .expect("id and receipt handle are all that is required")
    }

    async fn call(
        sqs: &Sqs,
        queue: &HostQueueUrl,
        entries: Vec<Self::SdkEntry>,
    ) -> Result<BatchAnswer<()>, Fault> {
        let input = ChangeMessageVisibilityBatchInputBuilder::default()
            .queue_url(queue.as_str())
            .set_entries(Some(entries));
        let output = sqs.change_message_visibility_batch(input).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_second_are_rounded_up() {
        let seconds = |timeout| {
            Change {
                receipt_handle: String::new(),
                timeout,
            }
            .seconds()
        };
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(30)), 30);
        assert_eq!(seconds(Duration::MAX), i32::MAX);
    }
}
