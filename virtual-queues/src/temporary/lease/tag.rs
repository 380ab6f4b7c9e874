//! What a lease looks like in a queue's tags.
//!
//! One value of ours, `1:<stamp>:<retention>:<watch>`: the version; `s` and SQS's time in ms, or `b` and a count where
//! SQS does not tell its time; seconds; `w` if the owner watches others, `n` if not. It is one value because two tags
//! may be read at different ages. Two more are Java's, for Java's sweepers.
//!
//! Invariant: what is not exactly of this form is no lease, and nobody deletes by it. Anybody who may tag a queue may
//! have written it.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use sqs_rpc_protocol::{SqsTime, names};

/// How long a lease may last.
pub(crate) const RETENTION: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(12 * 60 * 60);
/// What Java's client may have been set to: SQS's longest retention of a message, and more than anybody needs.
const JAVA_RETENTION: RangeInclusive<u64> = 1..=14 * 24 * 60 * 60;
/// The year 2286. A value with more digits is no time.
const MOST_DIGITS: usize = 13;

/// Whether a tag is one of a lease, ours or Java's.
pub(crate) fn is_lease_tag(key: &str) -> bool {
    [
        names::LEASE_TAG,
        names::LEASE_RETENTION_TAG,
        names::LEASE_HEARTBEAT_TAG,
    ]
    .contains(&key)
}

/// A lease of ours: the host is its owner's for [`retention`](Self::retention) from its stamp on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// When its renewal began.
    pub stamp: Stamp,
    /// How long it lasts from there: 1 minute to 12 hours, in whole seconds.
    pub retention: Duration,
    /// Whether the owner looks after other hosts, too.
    pub watches: bool,
}

/// When the renewal of a lease began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stamp {
    /// SQS's time.
    Sqs(SqsTime),
    /// SQS told no time: a count of renewals, which can only be seen to change.
    Beat(u64),
}

/// A lease of Java's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JavaLease {
    /// How long Java's sweepers wait: 1 s to 14 days.
    pub retention: Duration,
    /// The last heartbeat by the clock of the owner's machine, which is compared with no other.
    pub heartbeat: u64,
}

/// What the tags of a queue say about its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tag {
    /// A lease of ours. Java's tags beside it do not count.
    Ours(Lease),
    /// A lease of Java's.
    Java(JavaLease),
    /// There is something, and it is not a lease.
    Unreadable,
    /// No lease at all: not a temporary queue.
    Absent,
}

impl Tag {
    /// Reads a queue's tags.
    #[must_use]
    pub fn read(tags: &HashMap<String, String>) -> Self {
        let of = |name| tags.get(name).map(String::as_str);
        if let Some(text) = of(names::LEASE_TAG) {
            return Lease::parse(text).map_or(Self::Unreadable, Self::Ours);
        }
        match (
            of(names::LEASE_RETENTION_TAG),
            of(names::LEASE_HEARTBEAT_TAG),
        ) {
            (Some(retention), Some(heartbeat)) => {
                JavaLease::parse(retention, heartbeat).map_or(Self::Unreadable, Self::Java)
            }
            (None, None) => Self::Absent,
            _ => Self::Unreadable,
        }
    }
}

impl Lease {
    /// Reads the value of our tag.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (version, stamp) = (parts.next()?, parts.next()?);
        let (retention, watches) = (parts.next()?, parts.next()?);
        if version != "1" || parts.next().is_some() {
            return None;
        }
        let stamp = match stamp.split_at_checked(1)? {
            ("s", millis) => Stamp::Sqs(SqsTime::from_millis(number(millis)?)),
            ("b", count) => Stamp::Beat(number(count)?),
            _ => return None,
        };
        let retention = Duration::from_secs(number(retention)?);
        let watches = match watches {
            "w" => true,
            "n" => false,
            _ => return None,
        };
        RETENTION.contains(&retention).then_some(Self {
            stamp,
            retention,
            watches,
        })
    }

    /// The value of our tag.
    #[must_use]
    pub fn encode(&self) -> String {
        let stamp = match self.stamp {
            Stamp::Sqs(time) => format!("s{time}"),
            Stamp::Beat(count) => format!("b{count}"),
        };
        let watches = if self.watches { "w" } else { "n" };
        format!("1:{stamp}:{}:{watches}", self.retention.as_secs())
    }

    /// All tags of the lease. `wall` is for Java's where SQS's time is not known, in ms since 1970.
    pub(crate) fn tags(&self, wall: u64) -> [(&'static str, String); 3] {
        let heartbeat = match self.stamp {
            Stamp::Sqs(time) => time.as_millis(),
            Stamp::Beat(_) => wall,
        };
        [
            (names::LEASE_TAG, self.encode()),
            (
                names::LEASE_RETENTION_TAG,
                self.retention.as_secs().to_string(),
            ),
            (names::LEASE_HEARTBEAT_TAG, heartbeat.to_string()),
        ]
    }
}

impl JavaLease {
    fn parse(retention: &str, heartbeat: &str) -> Option<Self> {
        let retention = number(retention).filter(|seconds| JAVA_RETENTION.contains(seconds))?;
        Some(Self {
            retention: Duration::from_secs(retention),
            heartbeat: number(heartbeat)?,
        })
    }
}

/// Decimal digits and nothing else; no leading zero, so that one number has one text.
fn number(text: &str) -> Option<u64> {
    let digits =
        (1..=MOST_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags<const N: usize>(tags: [(&str, &str); N]) -> HashMap<String, String> {
        tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn a_lease_in_its_tags() {
        let lease = Lease {
            stamp: Stamp::Sqs(SqsTime::from_millis(1_800_000_000_000)),
            retention: Duration::from_secs(300),
            watches: true,
        };
        assert_eq!(lease.encode(), "1:s1800000000000:300:w");
        let written: HashMap<_, _> = lease
            .tags(7)
            .map(|(key, value)| (key.to_owned(), value))
            .into();
        assert_eq!(written[names::LEASE_RETENTION_TAG], "300");
        assert_eq!(written[names::LEASE_HEARTBEAT_TAG], "1800000000000");
        assert_eq!(Tag::read(&written), Tag::Ours(lease));
        let beat = Lease {
            stamp: Stamp::Beat(3),
            watches: false,
            ..lease
        };
        assert_eq!(beat.encode(), "1:b3:300:n");
        assert_eq!(beat.tags(7)[2].1, "7", "Java gets a time all the same");
    }

    #[test]
    fn what_is_not_exactly_a_lease_is_none() {
        for text in [
            "",
            "1",
            "2:s1800000000000:300:w",
            "1:s1800000000000:300",
            "1:s1800000000000:300:w:",
            "1:s1800000000000:300:W",
            "1:1800000000000:300:w",
            "1:s:300:w",
            "1:s-1:300:w",
            "1:s+1:300:w",
            "1:s01:300:w",
            "1:s18000000000000:300:w",
            "1:s1800000000000:59:w",
            "1:s1800000000000:43201:w",
            "1:s1800000000000:3155760000:w",
            "1:s1800000000000:0300:w",
            "1:é1800000000000:300:w",
            " 1:s1800000000000:300:w",
        ] {
            assert_eq!(Lease::parse(text), None, "{text}");
            let read = Tag::read(&tags([
                (names::LEASE_TAG, text),
                (names::LEASE_RETENTION_TAG, "300"),
                (names::LEASE_HEARTBEAT_TAG, "1"),
            ]));
            assert_eq!(read, Tag::Unreadable, "not even by Java's tags: {text}");
        }
    }

    #[test]
    fn javas_lease_needs_both_of_its_tags() {
        let both = [
            (names::LEASE_RETENTION_TAG, "300"),
            (names::LEASE_HEARTBEAT_TAG, "1800000000000"),
        ];
        assert_eq!(
            Tag::read(&tags(both)),
            Tag::Java(JavaLease {
                retention: Duration::from_secs(300),
                heartbeat: 1_800_000_000_000
            })
        );
        assert_eq!(Tag::read(&tags([both[0]])), Tag::Unreadable);
        assert_eq!(Tag::read(&tags([both[1]])), Tag::Unreadable);
        assert_eq!(Tag::read(&tags([("team", "identity")])), Tag::Absent);
        for retention in ["0", "-1", "1209601", "99999999999999999999", "5m"] {
            let odd = tags([(names::LEASE_RETENTION_TAG, retention), both[1]]);
            assert_eq!(Tag::read(&odd), Tag::Unreadable, "{retention}");
        }
    }

    fn leases() -> impl Strategy<Value = Lease> {
        let stamp = prop_oneof![
            (0..10_000_000_000_000u64).prop_map(|ms| Stamp::Sqs(SqsTime::from_millis(ms))),
            (0..10_000_000_000_000u64).prop_map(Stamp::Beat),
        ];
        (stamp, 60..=43_200u64, any::<bool>()).prop_map(|(stamp, seconds, watches)| Lease {
            stamp,
            retention: Duration::from_secs(seconds),
            watches,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(lease in leases()) {
            let text = lease.encode();
            prop_assert!(text.len() <= 256 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == ':'));
            prop_assert_eq!(Lease::parse(&text), Some(lease));
        }

        #[test]
        fn one_lease_has_one_text(text in prop_oneof![any::<String>(), "[12]?:?[sb]?[0-9]{0,15}:?[0-9]{0,6}:?[wn]?"]) {
            if let Some(lease) = Lease::parse(&text) {
                prop_assert_eq!(lease.encode(), text);
            }
        }

        #[test]
        fn hostile_tags_never_panic(ours: Option<String>, retention: Option<String>, heartbeat: Option<String>) {
            let all = [
                (names::LEASE_TAG, ours),
                (names::LEASE_RETENTION_TAG, retention),
                (names::LEASE_HEARTBEAT_TAG, heartbeat),
            ];
            let tags = all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
            let _ = Tag::read(&tags);
        }
    }
}
