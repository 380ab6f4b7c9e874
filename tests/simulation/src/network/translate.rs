//! Converts between the SDK's types and those of local-sqs's engine.
//!
//! Makes no decisions. The values go across directly, without the wire format.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_sdk_sqs::types::{self as sdk, MessageSystemAttributeName};
use aws_smithy_types::Blob;
use local_sqs::engine::api::{
    Blob as EngineBlob, MessageAttribute,
    outputs::{self, FailedEntry},
    requests,
};

/// Creates a request of the engine from its default, because its types are non-exhaustive.
macro_rules! request {
    ($kind:ident { $($member:ident: $value:expr,)* }) => {{
        let mut request = requests::$kind::default();
        $(request.$member = $value;)*
        request
    }};
}
pub(super) use request;

pub(super) fn attributes(
    given: Option<&HashMap<String, sdk::MessageAttributeValue>>,
) -> Option<BTreeMap<Arc<str>, MessageAttribute>> {
    let given = given?.iter().map(|(name, value)| {
        let bytes = value.binary_value.as_ref();
        let value = MessageAttribute {
            binary_value: bytes.map(|bytes| EngineBlob(bytes.as_ref().into())),
            data_type: Some(value.data_type.as_str().into()),
            string_value: value.string_value.as_deref().map(Into::into),
            ..MessageAttribute::default()
        };
        (name.as_str().into(), value)
    });
    Some(given.collect())
}

pub(super) fn send_entry(
    entry: &sdk::SendMessageBatchRequestEntry,
) -> requests::SendMessageBatchEntry {
    request!(SendMessageBatchEntry {
        id: Some(entry.id.clone()),
        message_body: Some(entry.message_body.as_str().into()),
        delay_seconds: entry.delay_seconds.map(i64::from),
        message_attributes: attributes(entry.message_attributes.as_ref()),
        message_group_id: entry.message_group_id.as_deref().map(Into::into),
        message_deduplication_id: entry.message_deduplication_id.as_deref().map(Into::into),
    })
}

pub(super) fn message(message: outputs::Message) -> sdk::Message {
    let system = message
        .attributes
        .into_iter()
        .map(|(name, value)| (MessageSystemAttributeName::from(name), value));
    let attributes = message.message_attributes.into_iter().map(|(name, value)| {
        let bytes = value
            .binary_value
            .map(|EngineBlob(bytes)| Blob::new(&*bytes));
        let value = sdk::MessageAttributeValue::builder()
            .data_type(value.data_type.as_deref().unwrap_or_default())
            .set_string_value(value.string_value.as_deref().map(str::to_owned))
            .set_binary_value(bytes)
            .build()
            .expect("the data type, the only required member, is set");
        (name.to_string(), value)
    });
    sdk::Message::builder()
        .message_id(message.message_id)
        .receipt_handle(message.receipt_handle)
        .md5_of_body(message.md5_of_body)
        .body(&*message.body)
        .set_md5_of_message_attributes(message.md5_of_message_attributes)
        .set_attributes(Some(system.collect()))
        .set_message_attributes(Some(attributes.collect()))
        .build()
}

pub(super) fn sent_entry(entry: outputs::SentEntry) -> sdk::SendMessageBatchResultEntry {
    let outputs::SentEntry { id, sent } = entry;
    sdk::SendMessageBatchResultEntry::builder()
        .id(id)
        .message_id(sent.message_id)
        .md5_of_message_body(sent.md5_of_message_body)
        .set_md5_of_message_attributes(sent.md5_of_message_attributes)
        .set_sequence_number(sent.sequence_number)
        .build()
        .expect("all required members are set")
}

pub(super) fn failed_entry(entry: FailedEntry) -> sdk::BatchResultErrorEntry {
    sdk::BatchResultErrorEntry::builder()
        .id(entry.id)
        .sender_fault(entry.sender_fault)
        .code(entry.code)
        .message(entry.message)
        .build()
        .expect("all required members are set")
}

pub(super) fn names<T: AsRef<str>>(given: Option<&Vec<T>>) -> Option<Vec<String>> {
    Some(given?.iter().map(|name| name.as_ref().to_owned()).collect())
}

pub(super) fn sorted<K: AsRef<str>>(
    given: Option<&HashMap<K, String>>,
) -> Option<BTreeMap<String, String>> {
    let given = given?
        .iter()
        .map(|(name, value)| (name.as_ref().to_owned(), value.clone()));
    Some(given.collect())
}
