//! The members of each request, named as in SQS's API reference, which describes them.

use super::MessageAttribute;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

macro_rules! requests {
    ($($name:ident { $($(#[$meta:meta])* $member:ident: $kind:ty,)* })*) => {
        $(
            #[doc = concat!("The members of `", stringify!($name), "`.")]
            #[derive(Clone, Debug, Default, Deserialize)]
            #[serde(rename_all = "PascalCase", default)]
            #[non_exhaustive]
            pub struct $name {
                $(
                    $(#[$meta])*
                    #[doc = concat!("The member `", stringify!($member), "`, as in SQS's API reference.")]
                    pub $member: Option<$kind>,
                )*
            }
        )*
    };
}

requests! {
    AddPermission {
        queue_url: String,
        label: String,
        #[serde(rename = "AWSAccountIds")]
        aws_account_ids: Vec<String>,
        actions: Vec<String>,
    }
    CancelMessageMoveTask { task_handle: String, }
    ChangeMessageVisibility { queue_url: String, receipt_handle: String, visibility_timeout: i64, }
    ChangeMessageVisibilityBatch { queue_url: String, entries: Vec<ChangeMessageVisibilityBatchEntry>, }
    ChangeMessageVisibilityBatchEntry { id: String, receipt_handle: String, visibility_timeout: i64, }
    CreateQueue {
        queue_name: String,
        attributes: BTreeMap<String, String>,
        // The published model and the API reference spell this member in lower case.
        #[serde(rename = "tags", alias = "Tags")]
        tags: BTreeMap<String, String>,
    }
    DeleteMessage { queue_url: String, receipt_handle: String, }
    DeleteMessageBatch { queue_url: String, entries: Vec<DeleteMessageBatchEntry>, }
    DeleteMessageBatchEntry { id: String, receipt_handle: String, }
    DeleteQueue { queue_url: String, }
    GetQueueAttributes { queue_url: String, attribute_names: Vec<String>, }
    GetQueueUrl {
        queue_name: String,
        #[serde(rename = "QueueOwnerAWSAccountId")]
        queue_owner_aws_account_id: String,
    }
    ListDeadLetterSourceQueues { queue_url: String, next_token: String, max_results: i64, }
    ListMessageMoveTasks { source_arn: String, max_results: i64, }
    ListQueueTags { queue_url: String, }
    ListQueues { queue_name_prefix: String, next_token: String, max_results: i64, }
    PurgeQueue { queue_url: String, }
    ReceiveMessage {
        queue_url: String,
        attribute_names: Vec<String>,
        message_system_attribute_names: Vec<String>,
        message_attribute_names: Vec<String>,
        max_number_of_messages: i64,
        visibility_timeout: i64,
        wait_time_seconds: i64,
        receive_request_attempt_id: String,
    }
    RemovePermission { queue_url: String, label: String, }
    SendMessage {
        queue_url: String,
        message_body: Arc<str>,
        delay_seconds: i64,
        message_attributes: BTreeMap<Arc<str>, MessageAttribute>,
        message_system_attributes: BTreeMap<Arc<str>, MessageAttribute>,
        message_deduplication_id: Arc<str>,
        message_group_id: Arc<str>,
    }
    SendMessageBatch { queue_url: String, entries: Vec<SendMessageBatchEntry>, }
    SendMessageBatchEntry {
        id: String,
        message_body: Arc<str>,
        delay_seconds: i64,
        message_attributes: BTreeMap<Arc<str>, MessageAttribute>,
        message_system_attributes: BTreeMap<Arc<str>, MessageAttribute>,
        message_deduplication_id: Arc<str>,
        message_group_id: Arc<str>,
    }
    SetQueueAttributes { queue_url: String, attributes: BTreeMap<String, String>, }
    StartMessageMoveTask {
        source_arn: String,
        destination_arn: String,
        max_number_of_messages_per_second: i64,
    }
    TagQueue { queue_url: String, tags: BTreeMap<String, String>, }
    UntagQueue { queue_url: String, tag_keys: Vec<String>, }
}

impl From<SendMessageBatchEntry> for SendMessage {
    /// The same send as a single request, without the entry's id.
    fn from(entry: SendMessageBatchEntry) -> Self {
        Self {
            queue_url: None,
            message_body: entry.message_body,
            delay_seconds: entry.delay_seconds,
            message_attributes: entry.message_attributes,
            message_system_attributes: entry.message_system_attributes,
            message_deduplication_id: entry.message_deduplication_id,
            message_group_id: entry.message_group_id,
        }
    }
}
