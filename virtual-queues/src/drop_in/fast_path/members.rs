//! Converts the SDK's inputs to the service's requests, and its answers to the SDK's outputs. All values are moved,
//! none is copied.

use aws_sdk_sqs::operation::delete_message::{DeleteMessageInput, DeleteMessageOutput};
use aws_sdk_sqs::operation::delete_message_batch::{
    DeleteMessageBatchInput, DeleteMessageBatchOutput,
};
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageInput, ReceiveMessageOutput};
use aws_sdk_sqs::operation::send_message::{SendMessageInput, SendMessageOutput};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchInput, SendMessageBatchOutput};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, DeleteMessageBatchResultEntry, Message, SendMessageBatchResultEntry,
};

use crate::drop_in::answers::{BatchAnswer, Done, Empty, Failed, Sent as Answer};
use crate::drop_in::requests::{BatchEntry, BatchRequest, ReceiveMessage, Received, Sent, To};

/// Converts an answer of the service to an output of the SDK.
pub(super) trait IntoOutput<T> {
    fn into_output(self) -> T;
}

/// The members of a message to be sent. The single operation and a batch entry have the same names for them.
macro_rules! sent {
    ($input:ident, $body:expr) => {
        Sent {
            message_body: $body,
            delay_seconds: $input.delay_seconds.map(i64::from),
            message_attributes: $input.message_attributes.map(|all| {
                let all = all.into_iter();
                all.map(|(name, value)| (name, value.into())).collect()
            }),
            message_system_attributes: $input.message_system_attributes.map(|all| {
                let all = all.into_iter();
                all.map(|(name, value)| (name.as_str().to_owned(), value.into()))
                    .collect()
            }),
            message_group_id: $input.message_group_id,
            message_deduplication_id: $input.message_deduplication_id,
        }
    };
}

impl From<SendMessageInput> for To<Sent> {
    fn from(input: SendMessageInput) -> Self {
        Self {
            queue_url: input.queue_url,
            members: sent!(input, input.message_body),
        }
    }
}

impl From<SendMessageBatchInput> for BatchRequest<Sent> {
    fn from(input: SendMessageBatchInput) -> Self {
        let entries = input.entries.map(|entries| {
            let entries = entries.into_iter().map(|entry| BatchEntry {
                id: Some(entry.id),
                members: sent!(entry, Some(entry.message_body)),
            });
            entries.collect()
        });
        Self {
            queue_url: input.queue_url,
            entries,
        }
    }
}

impl From<ReceiveMessageInput> for ReceiveMessage {
    #[expect(deprecated, reason = "the older name of an attribute is served, too")]
    fn from(input: ReceiveMessageInput) -> Self {
        Self {
            queue_url: input.queue_url,
            max_number_of_messages: input.max_number_of_messages.map(i64::from),
            wait_time_seconds: input.wait_time_seconds.map(i64::from),
            visibility_timeout: input.visibility_timeout.map(i64::from),
            message_attribute_names: input.message_attribute_names,
            attribute_names: input
                .attribute_names
                .map(|names| names.iter().map(|it| it.as_str().to_owned()).collect()),
            message_system_attribute_names: input
                .message_system_attribute_names
                .map(|names| names.iter().map(|it| it.as_str().to_owned()).collect()),
            receive_request_attempt_id: input.receive_request_attempt_id,
        }
    }
}

impl From<DeleteMessageInput> for To<Received> {
    fn from(input: DeleteMessageInput) -> Self {
        Self {
            queue_url: input.queue_url,
            members: Received {
                receipt_handle: input.receipt_handle,
            },
        }
    }
}

impl From<DeleteMessageBatchInput> for BatchRequest<Received> {
    fn from(input: DeleteMessageBatchInput) -> Self {
        let entries = input.entries.map(|entries| {
            let entries = entries.into_iter().map(|entry| BatchEntry {
                id: Some(entry.id),
                members: Received {
                    receipt_handle: Some(entry.receipt_handle),
                },
            });
            entries.collect()
        });
        Self {
            queue_url: input.queue_url,
            entries,
        }
    }
}

impl IntoOutput<SendMessageOutput> for Answer {
    fn into_output(self) -> SendMessageOutput {
        SendMessageOutput::builder()
            .message_id(self.message_id)
            .md5_of_message_body(self.md5_of_message_body)
            .set_md5_of_message_attributes(self.md5_of_message_attributes)
            .set_md5_of_message_system_attributes(self.md5_of_message_system_attributes)
            .set_sequence_number(self.sequence_number)
            .build()
    }
}

impl IntoOutput<ReceiveMessageOutput> for Vec<Message> {
    fn into_output(self) -> ReceiveMessageOutput {
        let messages = Some(self).filter(|messages| !messages.is_empty());
        ReceiveMessageOutput::builder()
            .set_messages(messages)
            .build()
    }
}

impl IntoOutput<DeleteMessageOutput> for Empty {
    fn into_output(self) -> DeleteMessageOutput {
        DeleteMessageOutput::builder().build()
    }
}

impl IntoOutput<SendMessageBatchOutput> for BatchAnswer<Answer> {
    fn into_output(self) -> SendMessageBatchOutput {
        let done = |Done { id, members }: Done<Answer>| {
            SendMessageBatchResultEntry::builder()
                .id(id)
                .message_id(members.message_id)
                .md5_of_message_body(members.md5_of_message_body)
                .set_md5_of_message_attributes(members.md5_of_message_attributes)
                .set_md5_of_message_system_attributes(members.md5_of_message_system_attributes)
                .set_sequence_number(members.sequence_number)
                .build()
                .expect("id, message id and digest are all that is required")
        };
        SendMessageBatchOutput::builder()
            .set_successful(Some(self.successful.into_iter().map(done).collect()))
            .set_failed(Some(self.failed.into_iter().map(failed).collect()))
            .build()
            .expect("both lists, which are all that is required, are set")
    }
}

impl IntoOutput<DeleteMessageBatchOutput> for BatchAnswer<Empty> {
    fn into_output(self) -> DeleteMessageBatchOutput {
        let done = |Done { id, .. }: Done<Empty>| {
            DeleteMessageBatchResultEntry::builder()
                .id(id)
                .build()
                .expect("the id is all that is required")
        };
        DeleteMessageBatchOutput::builder()
            .set_successful(Some(self.successful.into_iter().map(done).collect()))
            .set_failed(Some(self.failed.into_iter().map(failed).collect()))
            .build()
            .expect("both lists, which are all that is required, are set")
    }
}

fn failed(entry: Failed) -> BatchResultErrorEntry {
    BatchResultErrorEntry::builder()
        .id(entry.id)
        .sender_fault(entry.sender_fault)
        .code(entry.code)
        .message(entry.message)
        .build()
        .expect("id, fault and code are all that is required")
}
