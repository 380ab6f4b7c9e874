//! Adds what a message needs so that it reaches a virtual queue.

use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use sqs_rpc_protocol::limits::MAX_FIFO_ID;
use sqs_rpc_protocol::{VirtualQueueUrl, names};
use sqs_rpc_transport::{Random, mutant};

use super::error::QueueError;
use super::message::OutgoingMessage;

/// Checks a message and addresses it to a virtual queue.
///
/// On a FIFO host the group is the virtual queue, or a part of it, so that the queue keeps its order and holds up no
/// other queue. Every send carries a de-duplication id, because SQS would otherwise compare the bodies alone, and
/// equal bodies for two virtual queues would be dropped as duplicates. An id given by the caller applies within the
/// virtual queue. On a standard host the caller's group, or with `fair` the queue's name, is the tenant of SQS's fair
/// queues.
pub(super) fn address(
    message: OutgoingMessage,
    queue: &VirtualQueueUrl,
    fair: bool,
    random: &Random,
) -> Result<SendMessageBatchRequestEntryBuilder, QueueError> {
    let name = queue.name().as_str();
    // Only the routing attribute is refused. A request or a reply may be built by hand or forwarded with its protocol
    // attributes.
    let entry = message.into_entry_unless(
        |attribute| attribute == names::VIRTUAL_QUEUE_NAME,
        [(names::VIRTUAL_QUEUE_NAME, name.to_owned())],
    )?;
    if !queue.host().is_fifo() {
        let group = entry
            .get_message_group_id()
            .clone()
            .or_else(|| fair.then(|| name.to_owned()));
        return Ok(entry.set_message_group_id(group));
    }
    let group = match entry.get_message_group_id() {
        Some(group) => scoped("the message group", name, group)?,
        None => name.to_owned(),
    };
    let deduplication = match entry.get_message_deduplication_id() {
        Some(id) => scoped("the de-duplication id", name, id)?,
        None if mutant!("deduplicated-by-body") => {
            entry.get_message_body().clone().unwrap_or_default()
        }
        None => random.uuid().to_string(),
    };
    Ok(entry
        .message_group_id(group)
        .message_deduplication_id(deduplication))
}

/// Restores the caller's own id from a message of a FIFO host.
pub(super) fn unscoped<'a>(queue: &VirtualQueueUrl, id: &'a str) -> &'a str {
    id.strip_prefix(queue.name().as_str())
        .and_then(|rest| rest.strip_prefix(SEPARATOR))
        .unwrap_or(id)
}

/// Queue names cannot contain this character, so an id that contains it was scoped by this module.
const SEPARATOR: char = '.';

fn scoped(what: &'static str, name: &str, id: &str) -> Result<String, QueueError> {
    let scoped = format!("{name}{SEPARATOR}{id}");
    if scoped.len() > MAX_FIFO_ID {
        return Err(QueueError::OutOfRange {
            what,
            value: format!("{} characters long", id.len()),
            allowed: "1 to 127 minus the length of the virtual queue's name, on a FIFO host",
        });
    }
    Ok(scoped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(host: &str, message: OutgoingMessage, fair: bool) -> (Option<String>, Option<String>) {
        let url: VirtualQueueUrl = format!("http://localhost/000000000000/{host}#q")
            .parse()
            .unwrap();
        let entry = address(message, &url, fair, &Random::seeded(1)).unwrap();
        (
            entry.get_message_group_id().clone(),
            entry.get_message_deduplication_id().clone(),
        )
    }

    #[test]
    fn on_a_fifo_host_the_queue_is_the_group() {
        let (group, first) = entry("h.fifo", "b".into(), false);
        assert_eq!(group.as_deref(), Some("q"));
        assert!(first.is_some());
        let own = OutgoingMessage::new("b").group("g").deduplication("d");
        let (group, id) = entry("h.fifo", own, true);
        assert_eq!(
            (group.as_deref(), id.as_deref()),
            (Some("q.g"), Some("q.d"))
        );
        let url = "http://localhost/000000000000/h.fifo#q".parse().unwrap();
        assert_eq!([unscoped(&url, "q.g"), unscoped(&url, "q")], ["g", "q"]);
    }

    #[test]
    fn on_a_standard_host_a_group_is_a_tenant() {
        assert_eq!(entry("h", "b".into(), false), (None, None));
        assert_eq!(entry("h", "b".into(), true).0.as_deref(), Some("q"));
        let own = OutgoingMessage::new("b").group("g");
        assert_eq!(entry("h", own, true).0.as_deref(), Some("g"));
    }

    #[test]
    fn an_id_too_long_with_the_queue_name_is_refused() {
        let url = "http://localhost/000000000000/h.fifo#q".parse().unwrap();
        let with = |length| OutgoingMessage::new("b").group("g".repeat(length));
        assert!(address(with(126), &url, false, &Random::seeded(1)).is_ok());
        let error = address(with(127), &url, false, &Random::seeded(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the message group is 127 characters long; allowed is 1 to 127 minus the length of the virtual queue's name, \
             on a FIFO host"
        );
    }
}
