//! The form of the names of temporary host queues.
//!
//! Owns the form of our names and of Java's. Makes no decisions:
//! [`ReturnAddressPolicy`](crate::ReturnAddressPolicy) decides where a reply may be sent, and the ring
//! decides which queues are deleted.

use crate::hex;

/// The parts of the name of a temporary host queue: prefix, random UUID, `-` and a number.
///
/// The names of Java's failover queues end in `-Failover` after that, and the names of FIFO queues in
/// `.fifo`.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::TemporaryQueueName;
///
/// let name = TemporaryQueueName::parse("sqs-rpc-0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a-3").unwrap();
/// assert_eq!((name.prefix, name.number), ("sqs-rpc-", 3));
/// assert!(TemporaryQueueName::parse("orders").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TemporaryQueueName<'a> {
    /// The text before the UUID; may be empty.
    pub prefix: &'a str,
    /// The UUID of the process that created the queue, in lower case with dashes.
    pub uuid: &'a str,
    /// The number of the queue within its process.
    pub number: u32,
    /// Whether the queue is Java's replacement for a queue that was deleted while in use.
    pub is_failover: bool,
    /// Whether it is a FIFO queue.
    pub is_fifo: bool,
}

/// The lengths of a UUID's groups of hex digits.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const UUID_CHARS: usize = 36;

impl<'a> TemporaryQueueName<'a> {
    /// Splits a queue's name into its parts. `None` if the name has another form.
    pub fn parse(name: &'a str) -> Option<Self> {
        // Java appends `-Failover` to the whole name, so after `.fifo`, which SQS refuses. In a valid name
        // `-Failover` is before `.fifo`.
        let (rest, is_fifo) = strip(name, ".fifo");
        let (rest, is_failover) = strip(rest, "-Failover");
        let (rest, number) = rest.rsplit_once('-')?;
        let canonical = !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && (number == "0" || !number.starts_with('0'));
        let number = canonical.then(|| number.parse().ok()).flatten()?;
        let (prefix, uuid) = rest.split_at_checked(rest.len().checked_sub(UUID_CHARS)?)?;
        is_uuid(uuid).then_some(Self {
            prefix,
            uuid,
            number,
            is_failover,
            is_fifo,
        })
    }
}

fn strip<'a>(name: &'a str, end: &str) -> (&'a str, bool) {
    match name.strip_suffix(end) {
        Some(rest) => (rest, true),
        None => (name, false),
    }
}

/// Whether a text of [`UUID_CHARS`] is a UUID. Five groups and four dashes already have this length, so
/// a sixth group is impossible.
fn is_uuid(text: &str) -> bool {
    let mut groups = text.split('-');
    UUID_GROUPS.iter().all(|digits| {
        groups
            .next()
            .is_some_and(|group| hex::parse(group, *digits).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UUID: &str = "0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a";

    #[test]
    fn our_names_and_javas_are_parsed() {
        let name = format!("__RequesterClientQueues__{UUID}-0");
        assert_eq!(
            TemporaryQueueName::parse(&name).unwrap().prefix,
            "__RequesterClientQueues__"
        );
        let name = format!("p-{UUID}-12-Failover");
        let parsed = TemporaryQueueName::parse(&name).unwrap();
        assert!(
            (
                parsed.number,
                parsed.is_failover,
                parsed.is_fifo,
                parsed.uuid
            ) == (12, true, false, UUID)
        );
        let name = format!("{UUID}-12.fifo");
        let parsed = TemporaryQueueName::parse(&name).unwrap();
        assert!(parsed.prefix.is_empty() && parsed.is_fifo && !parsed.is_failover);
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "orders".to_owned(),
            UUID.to_owned(),
            format!("p-{UUID}"),
            format!("p-{UUID}-"),
            format!("p-{UUID}-x"),
            format!("p-{UUID}-01"),
            format!("p-{UUID}-99999999999"),
            format!("p-{UUID}-1-dlq"),
            format!("p-{UUID}-1-Failover-Failover"),
            format!("p-{}-1", UUID.to_uppercase()),
            format!("p-{}-1", UUID.replace('-', "")),
            format!("p-{}-1", &UUID[1..]),
        ] {
            assert_eq!(TemporaryQueueName::parse(&name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_of_a_composed_name_are_found(
            prefix in "[A-Za-z0-9_-]{0,30}",
            uuid in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            number: u32,
            is_failover: bool,
            is_fifo: bool,
        ) {
            let failover = if is_failover { "-Failover" } else { "" };
            let fifo = if is_fifo { ".fifo" } else { "" };
            let name = format!("{prefix}{uuid}-{number}{failover}{fifo}");
            let expected = TemporaryQueueName { prefix: &prefix, uuid: &uuid, number, is_failover, is_fifo };
            prop_assert_eq!(TemporaryQueueName::parse(&name), Some(expected));
        }

        #[test]
        fn never_panics(name in prop_oneof![any::<String>(), "\\PC{0,4}[0-9a-f-]{30,40}-\\PC{0,3}"]) {
            let _ = TemporaryQueueName::parse(&name);
        }
    }
}
