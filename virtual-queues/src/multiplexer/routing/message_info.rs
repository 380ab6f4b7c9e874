//! Facts that a message contains: its queue, its group, its age, its size.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use sqs_rpc_protocol::{SqsTime, VirtualQueueName, names};
use sqs_rpc_transport::message_size;

/// The maximum time for which a message is put back.
const LONGEST_PUT_BACK: Duration = Duration::from_secs(300);

/// The virtual queue that a message is for. `None` if the name is missing or not valid.
pub(crate) fn name_of(message: &Message) -> Option<VirtualQueueName> {
    let value = message
        .message_attributes()?
        .get(names::VIRTUAL_QUEUE_NAME)?
        .string_value()?;
    VirtualQueueName::try_from(value).ok()
}

fn system_attribute<'a>(
    message: &'a Message,
    name: &MessageSystemAttributeName,
) -> Option<&'a str> {
    Some(message.attributes()?.get(name)?.as_str())
}

pub(super) fn receive_count(message: &Message) -> u32 {
    system_attribute(
        message,
        &MessageSystemAttributeName::ApproximateReceiveCount,
    )
    .and_then(|count| count.parse().ok())
    .unwrap_or(1)
}

/// The message group, on a FIFO host.
pub(crate) fn group_of(message: &Message) -> &str {
    system_attribute(message, &MessageSystemAttributeName::MessageGroupId).unwrap_or_default()
}

/// 2 s after the first receive, doubled with each further receive. Never 0, because the same ten messages would then
/// return at once.
pub(crate) fn put_back_for(message: &Message) -> Duration {
    let doublings = receive_count(message).clamp(1, 16);
    Duration::from_secs(1 << doublings).min(LONGEST_PUT_BACK)
}

pub(super) fn is_older_than(message: &Message, age: Duration, server_now: Option<SqsTime>) -> bool {
    let sent = system_attribute(message, &MessageSystemAttributeName::SentTimestamp)
        .and_then(SqsTime::parse_millis);
    matches!((sent, server_now), (Some(sent), Some(now)) if sent + age < now)
}

/// The approximate memory that a message needs: its bytes, SQS's attributes, and constants for the rest.
pub(super) fn size_of(message: &Message) -> usize {
    const OVERHEAD: usize = 512;
    const PER_ATTRIBUTE: usize = 64;
    let attributes = message.message_attributes().into_iter().flatten();
    let count = message.message_attributes().map_or(0, HashMap::len);
    let told = message.attributes().into_iter().flatten();
    let told: usize = told
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    OVERHEAD
        + PER_ATTRIBUTE * count
        + message.receipt_handle().map_or(0, str::len)
        + told
        + message_size(message.body().unwrap_or_default(), attributes)
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageAttributeValue;
    use aws_smithy_types::Blob;

    use super::*;

    #[test]
    fn all_bytes_of_a_message_count() {
        let value = MessageAttributeValue::builder()
            .data_type("Binary")
            .binary_value(Blob::new(vec![7; 900_000]))
            .build()
            .unwrap();
        let sender = "x".repeat(1_000);
        let message = Message::builder()
            .body("body")
            .receipt_handle("r".repeat(100))
            .message_attributes("a", value)
            .attributes(MessageSystemAttributeName::SenderId, sender)
            .build();
        let rest = 512 + 64 + "SenderId".len();
        assert_eq!(
            size_of(&message),
            4 + 100 + (1 + 6 + 900_000) + 1_000 + rest
        );
    }
}
