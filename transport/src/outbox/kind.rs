//! The interface that sends, deletes and visibility changes implement.

use std::fmt;

use aws_sdk_sqs::types::BatchResultErrorEntry;
use sqs_rpc_protocol::HostQueueUrl;

use super::words::What;
use crate::stats::{Action, Counter};
use crate::{Fault, Sqs};

/// A kind of batch call.
pub(super) trait Kind: fmt::Debug + Send + Sync + 'static {
    /// What a caller passes in. Kept until the answer, because it may have to be sent again.
    type Input: Send + Sync + 'static;
    /// The SDK's batch entry.
    type SdkEntry: Send + 'static;
    /// SQS's answer for one entry.
    type Output: Send + 'static;

    /// The batch action.
    const ACTION: Action;
    /// Counted for each entry that failed permanently.
    const FAILED: Option<Counter>;

    /// The bytes that count against the limit of a batch.
    fn size(input: &Self::Input) -> usize;

    /// Whether the order of entries matters on this queue.
    fn is_ordered(_queue: &HostQueueUrl) -> bool {
        false
    }

    /// Whether an entry waits for more entries. Not if a group of a FIFO queue waits for it: SQS returns no further
    /// messages of that group before.
    fn lingers(_input: &Self::Input, _queue: &HostQueueUrl) -> bool {
        true
    }

    /// The group within which the order matters, on an ordered queue.
    fn group(_input: &Self::Input) -> Option<&str> {
        None
    }

    /// The receipt handle of the entry's message, and the operation on the message. `None` if the order of operations
    /// does not matter.
    fn word(_input: &Self::Input, _attended: bool) -> Option<(&str, What)> {
        None
    }

    /// The answer to an entry that a newer operation on its message replaced.
    fn given_way() -> Option<Self::Output> {
        None
    }

    /// The SDK's entry, with this id.
    fn entry(input: &Self::Input, id: String) -> Self::SdkEntry;

    /// Makes the call.
    fn call(
        sqs: &Sqs,
        queue: &HostQueueUrl,
        entries: Vec<Self::SdkEntry>,
    ) -> impl Future<Output = Result<BatchAnswer<Self::Output>, Fault>> + Send;

    /// Compares what SQS says it accepted with what was sent.
    ///
    /// # Errors
    /// The fault for the caller.
    fn check(_input: &Self::Input, _output: &Self::Output) -> Result<(), Fault> {
        Ok(())
    }
}

/// SQS's answer to a batch call: by id, in any order.
#[derive(Debug)]
pub(super) struct BatchAnswer<T> {
    pub(super) successful: Vec<(String, T)>,
    pub(super) failed: Vec<BatchResultErrorEntry>,
}

impl<T> BatchAnswer<T> {
    /// The answer for each of `len` entries whose ids are their indices. `None`: SQS listed the entry in neither
    /// list.
    ///
    /// Unknown ids are ignored. If an id has two answers, the first answer counts, and a success counts before a
    /// failure.
    pub(super) fn by_entry(self, action: Action, len: usize) -> Vec<Option<Result<T, Fault>>> {
        let mut answers: Vec<_> = std::iter::repeat_with(|| None).take(len).collect();
        let successful = self
            .successful
            .into_iter()
            .map(|(id, output)| (id, Ok(output)));
        let failed = self.failed.into_iter().map(|failed| {
            let fault = Fault::of_entry(action, &failed.code, failed.sender_fault);
            let fault = fault.saying(failed.message.as_deref());
            (failed.id, Err(fault))
        });
        for (id, answer) in successful.chain(failed) {
            let slot = id
                .parse()
                .ok()
                .and_then(|index: usize| answers.get_mut(index));
            if let Some(slot @ None) = slot {
                *slot = Some(answer);
            }
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_ids_are_ignored_and_the_first_answer_counts() {
        let failed = |id: &str| {
            BatchResultErrorEntry::builder()
                .id(id)
                .code("x")
                .sender_fault(true)
                .build()
                .unwrap()
        };
        let ids = ["1", "1", "7", "", "a", "-1"];
        let answer = BatchAnswer {
            successful: ids
                .iter()
                .enumerate()
                .map(|(i, id)| ((*id).to_owned(), i))
                .collect(),
            failed: vec![failed("1"), failed("2"), failed("9")],
        };
        let answers = answer.by_entry(Action::SendMessageBatch, 3);
        assert!(
            matches!(answers[..], [None, Some(Ok(0)), Some(Err(_))]),
            "{answers:?}"
        );
    }
}
