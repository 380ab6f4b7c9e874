//! What a message says of itself.

use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use sqs_rpc_protocol::{SqsTime, VirtualQueueName, names};

/// The longest time for which a message is put back.
const LONGEST_PUT_BACK: Duration = Duration::from_secs(300);

/// The virtual queue that a message is for. A name that is none is nobody's.
pub(super) fn name_of(message: &Message) -> Option<VirtualQueueName> {
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

/// 2 s after the first receive, doubled with each further one: never 0, or the same ten messages would come again.
pub(super) fn put_back_for(message: &Message) -> Duration {
    let doublings = receive_count(message).clamp(1, 16);
    Duration::from_secs(1 << doublings).min(LONGEST_PUT_BACK)
}

pub(super) fn is_older_than(message: &Message, age: Duration, server_now: Option<SqsTime>) -> bool {
    let sent = system_attribute(message, &MessageSystemAttributeName::SentTimestamp)
        .and_then(SqsTime::parse_millis);
    matches!((sent, server_now), (Some(sent), Some(now)) if sent + age < now)
}

/// What a message costs in memory, roughly: its texts, and a constant for the rest.
pub(super) fn size_of(message: &Message) -> usize {
    const OVERHEAD: usize = 512;
    let text = |text: Option<&str>| text.map_or(0, str::len);
    let attributes = message.message_attributes().into_iter().flatten();
    let attributes: usize = attributes
        .map(|(name, value)| name.len() + text(value.string_value()) + 64)
        .sum();
    OVERHEAD + text(message.body()) + text(message.receipt_handle()) + attributes
}
