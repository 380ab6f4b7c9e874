//! The members of the requests that are served here, named as in SQS's API reference.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::Value;

macro_rules! requests {
    ($($name:ident { $($(#[$meta:meta])* $member:ident: $kind:ty,)* })*) => {
        $(
            #[derive(Debug, Default, Deserialize)]
            #[serde(rename_all = "PascalCase", default)]
            pub(super) struct $name {
                $($(#[$meta])* pub(super) $member: Option<$kind>,)*
            }
        )*
    };
}

requests! {
    CreateQueue {
        queue_name: String,
        attributes: BTreeMap<String, String>,
        // The published model has the lower-case name.
        #[serde(rename = "tags")]
        tags: BTreeMap<String, String>,
    }
    GetQueueUrl { queue_name: String, }
    // For operations that need only the URL.
    Addressed { queue_url: String, }
    GetQueueAttributes { queue_url: String, attribute_names: Vec<String>, }
    SetQueueAttributes { queue_url: String, attributes: BTreeMap<String, String>, }
    TagQueue { queue_url: String, tags: BTreeMap<String, String>, }
    UntagQueue { queue_url: String, tag_keys: Vec<String>, }
    Sent {
        message_body: String,
        delay_seconds: i64,
        message_attributes: BTreeMap<String, Value>,
        message_system_attributes: BTreeMap<String, Value>,
        message_group_id: String,
        message_deduplication_id: String,
    }
    ReceiveMessage {
        queue_url: String,
        max_number_of_messages: i64,
        wait_time_seconds: i64,
        visibility_timeout: i64,
        message_attribute_names: Vec<String>,
        // The older name of the next member.
        attribute_names: Vec<String>,
        message_system_attribute_names: Vec<String>,
        receive_request_attempt_id: String,
    }
    Received { receipt_handle: String, }
    Change { receipt_handle: String, visibility_timeout: i64, }
}

/// The single form of an operation on a message: the queue, and the members that a batch entry has, too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct To<T> {
    pub(super) queue_url: Option<String>,
    #[serde(flatten)]
    pub(super) members: T,
}

/// The batch form.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchRequest<T> {
    pub(super) queue_url: Option<String>,
    pub(super) entries: Option<Vec<BatchEntry<T>>>,
}

/// An entry of a batch: an id, and the members of the single form.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchEntry<T> {
    pub(super) id: Option<String>,
    #[serde(flatten)]
    pub(super) members: T,
}
