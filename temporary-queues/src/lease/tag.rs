//! The text of a lease in a queue's tags.
//!
//! Our values are `1:<stamp>:<retention>:<watch>`. `1` is the version. The stamp is `s` and SQS's time in ms, or `b` and
//! a count if SQS's answers have no time. The retention is in seconds. The watch is `w` if the owner watches other hosts,
//! `n` if not. Each value is a complete lease, because two tags may be read at different ages. The values are under up to
//! 20 keys, `SqsRpcLease`, `SqsRpcLease1` and so on, and the lease that ends last counts. There are several keys because an
//! owner avoids a key while an earlier write may still land there. Two more tags are Java's, for Java's sweepers.
//!
//! Invariant: a value that does not have exactly this form is no lease, and no queue is deleted because of it, because
//! anyone with permission to tag the queue may have written it.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use sqs_rpc_protocol::limits::{MAX_RETENTION, MAX_TAGS};
use sqs_rpc_protocol::{SqsTime, names};

/// How long a lease may last.
pub(crate) const RETENTION: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(12 * 60 * 60);
/// The retentions accepted from Java's client, in seconds.
const JAVA_RETENTION: RangeInclusive<u64> = 1..=MAX_RETENTION.as_secs();
/// 13 digits of milliseconds last until the year 2286. A value with more digits is no time.
const MOST_DIGITS: usize = 13;

/// The maximum number of keys of one host.
///
/// A key is out of use for 31 minutes after a renewal of unknown outcome. With the shortest R of 1 minute, ten renewals
/// take 2 minutes and more, so every tenth renewal of unknown outcome blocks at most 16 keys at once; with the default R,
/// 4. One key holds the host, one is written next, and two are spare.
const MOST_KEYS: usize = 20;
/// [`MAX_TAGS`] minus Java's two tags and the tag that names this crate as the creator.
const MOST_TAGS: usize = MAX_TAGS - 3;

/// The number of lease keys on a host that has `users` tags of the user: at most 20, and 7 beside 40 tags.
pub(crate) const fn keys_beside(users: usize) -> usize {
    let room = MOST_TAGS.saturating_sub(users);
    if room < 1 {
        1
    } else if room > MOST_KEYS {
        MOST_KEYS
    } else {
        room
    }
}

/// The key with this number.
fn key(number: usize) -> String {
    match number {
        0 => names::LEASE_TAG.to_owned(),
        _ => format!("{}{number}", names::LEASE_TAG),
    }
}

/// Whether a text is one of the lease keys that a host may have.
fn is_key(text: &str) -> bool {
    (0..MOST_KEYS).any(|number| key(number) == text)
}

/// Whether a key belongs to a lease, ours or Java's. Every key that begins with ours counts as ours, because a later
/// version may use more keys.
pub(crate) fn is_lease_tag(key: &str) -> bool {
    let java = [names::LEASE_RETENTION_TAG, names::LEASE_HEARTBEAT_TAG];
    key.starts_with(names::LEASE_TAG) || java.contains(&key)
}

/// A value that changes with each renewal of a lease, for watchers that can only watch it in silence: a digest of all its
/// tags, and the longest retention in them.
pub(crate) fn mark(tags: &HashMap<String, String>) -> (u64, Duration) {
    let lease = tags.iter().filter(|(key, _)| is_lease_tag(key));
    let mut lease: Vec<_> = lease.collect();
    lease.sort_unstable();
    // FNV-1a.
    let mut digest = 0xcbf2_9ce4_8422_2325u64;
    let bytes = lease.iter().flat_map(|(key, value)| {
        let text = [key.as_bytes(), b"\0", value.as_bytes(), b"\0"];
        text.into_iter().flatten()
    });
    for byte in bytes {
        digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let ours = lease.iter().filter_map(|(_, value)| Lease::parse(value));
    let java = match Tag::read(tags) {
        Tag::Java(java) => Some(java.retention),
        _ => None,
    };
    let longest = ours.map(|lease| lease.retention).chain(java).max();
    (digest, longest.unwrap_or_default())
}

/// A lease in our format: the host belongs to its owner for [`retention`](Self::retention) from its stamp on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// When its renewal began.
    pub stamp: Stamp,
    /// How long it lasts from the stamp on: 1 minute to 12 hours, in whole seconds.
    pub retention: Duration,
    /// Whether the owner watches other hosts.
    pub watches: bool,
}

/// When the renewal of a lease began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stamp {
    /// SQS's time.
    Sqs(SqsTime),
    /// A count of renewals, because SQS's answers have no time. It is not a time: a watcher can only see that it changes.
    Beat(u64),
}

/// A lease of Java's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JavaLease {
    /// How long Java's sweepers wait: 1 s to 14 days.
    pub retention: Duration,
    /// The last heartbeat by the clock of the owner's machine. It is never compared with another clock.
    pub heartbeat: u64,
}

/// The lease in the tags of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tag {
    /// A lease in our format: the one of all keys that ends last. Java's tags beside it are ignored. A lease with a count
    /// is preferred to one with a time, because the two cannot be compared.
    Ours(Lease),
    /// A lease of Java's client.
    Java(JavaLease),
    /// There are lease tags, but they are not a valid lease.
    Unreadable,
    /// There are no lease tags: not a temporary queue.
    Absent,
}

impl Tag {
    /// Reads a queue's tags.
    #[must_use]
    pub fn read(tags: &HashMap<String, String>) -> Self {
        let of = |name| tags.get(name).map(String::as_str);
        let mut ours = tags.iter();
        if ours.any(|(key, _)| key.starts_with(names::LEASE_TAG)) {
            return Lease::read(tags).map_or(Self::Unreadable, Self::Ours);
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
    /// The lease that ends last; `None` if a value under one of our keys is not a lease, or if the first key is missing: it
    /// is written when the queue is created.
    fn read(tags: &HashMap<String, String>) -> Option<Self> {
        let first = Self::parse(tags.get(names::LEASE_TAG)?)?;
        if sqs_rpc_transport::mutant!("first-key-only") {
            return Some(first);
        }
        let ours = tags
            .iter()
            .filter(|(key, _)| key.starts_with(names::LEASE_TAG));
        ours.map(|(key, text)| is_key(key).then(|| Self::parse(text)).flatten())
            .try_fold(first, |last, lease| Some(last.later(lease?)))
    }

    /// The lease of the two that ends later.
    fn later(self, other: Self) -> Self {
        let end = |lease: &Self| match lease.stamp {
            Stamp::Sqs(time) => (0, (time + lease.retention).as_millis(), time.as_millis()),
            Stamp::Beat(count) => (1, count, 0),
        };
        let order = |lease: &Self| (end(lease), lease.retention, lease.watches);
        if order(&other) > order(&self) {
            other
        } else {
            self
        }
    }

    /// Reads the value of one of our tags.
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

    /// The value of one of our tags.
    #[must_use]
    pub fn encode(&self) -> String {
        let stamp = match self.stamp {
            Stamp::Sqs(time) => format!("s{time}"),
            Stamp::Beat(count) => format!("b{count}"),
        };
        let watches = if self.watches { "w" } else { "n" };
        format!("1:{stamp}:{}:{watches}", self.retention.as_secs())
    }

    /// The tags that a renewal under the key with this number writes. `wall`, in ms since 1970, is for Java's tag if SQS's
    /// time is not known.
    pub(crate) fn tags(&self, number: usize, wall: u64) -> [(String, String); 3] {
        let heartbeat = match self.stamp {
            Stamp::Sqs(time) => time.as_millis(),
            Stamp::Beat(_) => wall,
        };
        [
            (key(number), self.encode()),
            (
                names::LEASE_RETENTION_TAG.to_owned(),
                self.retention.as_secs().to_string(),
            ),
            (names::LEASE_HEARTBEAT_TAG.to_owned(), heartbeat.to_string()),
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

/// Parses decimal digits without a leading zero, so that each number has exactly one text.
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
    fn a_lease_is_written_to_its_tags() {
        let lease = Lease {
            stamp: Stamp::Sqs(SqsTime::from_millis(1_800_000_000_000)),
            retention: Duration::from_secs(300),
            watches: true,
        };
        assert_eq!(lease.encode(), "1:s1800000000000:300:w");
        let written: HashMap<_, _> = lease.tags(0, 7).into();
        assert_eq!(written[names::LEASE_RETENTION_TAG], "300");
        assert_eq!(written[names::LEASE_HEARTBEAT_TAG], "1800000000000");
        assert_eq!(Tag::read(&written), Tag::Ours(lease));
        let beat = Lease {
            stamp: Stamp::Beat(3),
            watches: false,
            ..lease
        };
        assert_eq!(beat.encode(), "1:b3:300:n");
        assert_eq!(beat.tags(0, 7)[2].1, "7", "Java's tag gets the local time");
    }

    #[test]
    fn text_that_is_not_exactly_a_lease_is_refused() {
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
            assert_eq!(read, Tag::Unreadable, "Java's tags do not help: {text}");
        }
    }

    #[test]
    fn the_lease_that_ends_last_counts_whatever_its_key() {
        let read = |tags: &[(&str, &str)]| {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            Tag::read(&tags.iter().map(owned).collect())
        };
        let ours = |text| Tag::Ours(Lease::parse(text).unwrap());
        let (old, new) = ("1:s1800000000000:300:w", "1:s1800000075000:300:n");
        for (first, second) in [(old, new), (new, old)] {
            let both = [("SqsRpcLease", first), ("SqsRpcLease19", second)];
            assert_eq!(read(&both), ours(new));
        }
        // The lease that was written earlier ends last, because its retention is longer.
        let long = "1:s1800000000000:600:w";
        assert_eq!(
            read(&[("SqsRpcLease", long), ("SqsRpcLease1", new)]),
            ours(long)
        );
        let (beat, later) = ("1:b7:300:w", "1:b8:300:w");
        let counts = [
            ("SqsRpcLease", later),
            ("SqsRpcLease1", beat),
            ("SqsRpcLease2", new),
        ];
        assert_eq!(read(&counts), ours(later));
        for odd in [
            &[
                ("SqsRpcLease", new),
                ("SqsRpcLease1", "2:s1800000075000:300:n"),
            ][..],
            &[("SqsRpcLease", new), ("SqsRpcLease20", new)],
            &[("SqsRpcLease", new), ("SqsRpcLease01", new)],
            &[("SqsRpcLease", new), ("SqsRpcLeaseX", new)],
            &[("SqsRpcLease1", new)],
        ] {
            assert_eq!(read(odd), Tag::Unreadable, "{odd:?}");
        }
    }

    #[test]
    fn a_mark_changes_with_each_renewal_under_any_key() {
        let lease = |ms| Lease {
            stamp: Stamp::Sqs(SqsTime::from_millis(ms)),
            retention: Duration::from_secs(300),
            watches: true,
        };
        let mut tags: HashMap<_, _> = lease(1).tags(0, 0).into();
        let mut marks = vec![mark(&tags)];
        for number in [1, 2, 0] {
            tags.extend(lease(2 + number as u64).tags(number, 0));
            marks.push(mark(&tags));
        }
        tags.insert("team".to_owned(), "orders".to_owned());
        assert_eq!(marks.last(), Some(&mark(&tags)));
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), 4);
    }

    #[test]
    fn keys_and_the_users_tags_fit_into_fifty() {
        assert_eq!([0, 27, 28, 40].map(keys_beside), [20, 20, 19, 7]);
        assert_eq!(keys_beside(60), 1);
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
        fn a_written_lease_is_read_back(lease in leases()) {
            let text = lease.encode();
            prop_assert!(text.len() <= 256 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == ':'));
            prop_assert_eq!(Lease::parse(&text), Some(lease));
        }

        #[test]
        fn each_lease_has_exactly_one_text(text in prop_oneof![any::<String>(), "[12]?:?[sb]?[0-9]{0,15}:?[0-9]{0,6}:?[wn]?"]) {
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
