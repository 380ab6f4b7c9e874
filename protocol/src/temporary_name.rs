//! The form of the names of temporary host queues.
//!
//! Owns the form, ours and Java's. Does not decide anything by it: who may be sent a reply is the
//! [`ReturnAddressPolicy`](crate::ReturnAddressPolicy)'s, and what may be deleted is the ring's.

use crate::hex;

/// The name of a temporary host queue, taken apart: prefix, random UUID, `-` and a number.
///
/// Java's failover queues (`-Failover`) and FIFO queues (`.fifo`) have the same form with that at
/// the end.
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
    /// What stands before the UUID; may be empty.
    pub prefix: &'a str,
    /// The UUID of the process that made it, in lower case with dashes.
    pub uuid: &'a str,
    /// Which of its queues it is.
    pub number: u32,
    /// Whether it is Java's replacement of a queue that was deleted in use.
    pub is_failover: bool,
    /// Whether it is a FIFO queue.
    pub is_fifo: bool,
}

/// The lengths of a UUID's groups of hex digits.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const UUID_CHARS: usize = 36;

impl<'a> TemporaryQueueName<'a> {
    /// Takes a queue's name apart, or `None` if it has another form.
    pub fn parse(name: &'a str) -> Option<Self> {
        // Java appends `-Failover` to the whole name, so it comes after `.fifo`; SQS would refuse
        // that, so ours is before.
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

/// Whether a text of [`UUID_CHARS`] is a UUID. Groups and dashes fill it, so there is no room for a
/// sixth group.
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
    fn ours_and_javas() {
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
    fn other_names() {
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
        fn what_is_put_together_is_taken_apart(
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
