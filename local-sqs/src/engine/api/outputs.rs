//! The answers of successful calls, named as in SQS's API reference.

use super::MessageAttribute;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The answer to a successful request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Output {
    /// Of an action without members in its answer.
    Empty(Empty),
    /// Of `CreateQueue` and `GetQueueUrl`.
    QueueUrl(QueueUrl),
    /// Of `ListQueues`.
    Queues(Queues),
    /// Of `ListDeadLetterSourceQueues`.
    SourceQueues(SourceQueues),
    /// Of `GetQueueAttributes`.
    QueueAttributes(QueueAttributes),
    /// Of `ListQueueTags`.
    Tags(Tags),
    /// Of `SendMessage`.
    Sent(Sent),
    /// Of `SendMessageBatch`.
    SentBatch(Batch<SentEntry>),
    /// Of `ReceiveMessage`.
    Messages(Messages),
    /// Of `DeleteMessageBatch` and `ChangeMessageVisibilityBatch`.
    Batch(Batch<DoneEntry>),
    /// Of `StartMessageMoveTask`.
    MoveTaskStarted(MoveTaskStarted),
    /// Of `CancelMessageMoveTask`.
    MoveTaskCancelled(MoveTaskCancelled),
    /// Of `ListMessageMoveTasks`.
    MoveTasks(MoveTasks),
}

impl Output {
    pub(crate) const EMPTY: Self = Self::Empty(Empty {});
}

macro_rules! outputs {
    ($($(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $member:ident: $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Serialize)]
            #[serde(rename_all = "PascalCase")]
            pub struct $name {
                $(
                    #[doc = concat!("The member `", stringify!($member), "`, as in SQS's API reference.")]
                    $(#[$meta])*
                    pub $member: $kind,
                )*
            }
        )*
    };
}

outputs! {
    /// No members.
    Empty {}
    /// A queue's address.
    QueueUrl { queue_url: String, }
    /// A page of queues.
    Queues {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        queue_urls: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    }
    /// A page of the queues that use the same dead-letter queue.
    SourceQueues {
        // The published model spells this member in lower case.
        #[serde(rename = "queueUrls")]
        queue_urls: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    }
    /// A queue's attributes.
    QueueAttributes {
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        attributes: BTreeMap<&'static str, String>,
    }
    /// A queue's tags.
    Tags {
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        tags: BTreeMap<String, String>,
    }
    /// A message was accepted.
    Sent {
        message_id: String,
        #[serde(rename = "MD5OfMessageBody")]
        md5_of_message_body: String,
        #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
        md5_of_message_attributes: Option<String>,
        #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
        md5_of_message_system_attributes: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sequence_number: Option<String>,
    }
    /// An entry of a batch was accepted.
    SentEntry {
        id: String,
        #[serde(flatten)]
        sent: Sent,
    }
    /// An entry of a batch succeeded.
    DoneEntry { id: String, }
    /// An entry of a batch failed.
    FailedEntry {
        id: String,
        sender_fault: bool,
        code: &'static str,
        message: String,
    }
    /// Received messages.
    Messages {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        messages: Vec<Message>,
    }
    /// A received message.
    Message {
        message_id: String,
        receipt_handle: String,
        #[serde(rename = "MD5OfBody")]
        md5_of_body: String,
        body: Arc<str>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        attributes: BTreeMap<&'static str, String>,
        #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
        md5_of_message_attributes: Option<String>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        message_attributes: BTreeMap<Arc<str>, MessageAttribute>,
    }
    /// A move task was started.
    MoveTaskStarted { task_handle: String, }
    /// A move task was cancelled.
    MoveTaskCancelled { approximate_number_of_messages_moved: u64, }
    /// The latest move tasks of a queue.
    MoveTasks {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        results: Vec<MoveTask>,
    }
    /// A move task.
    MoveTask {
        #[serde(skip_serializing_if = "Option::is_none")]
        task_handle: Option<String>,
        status: &'static str,
        source_arn: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        destination_arn: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_number_of_messages_per_second: Option<u32>,
        approximate_number_of_messages_moved: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        approximate_number_of_messages_to_move: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        failure_reason: Option<String>,
        started_timestamp: u64,
    }
}

/// The results of the entries of a batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Batch<T> {
    /// The entries that succeeded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successful: Vec<T>,
    /// The entries that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedEntry>,
}
