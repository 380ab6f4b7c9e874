//! The URL of a real queue.
//!
//! Owns its syntax, and the question whether two URLs mean the same queue. Invariant: the offsets
//! cut the text at ASCII characters, so that every accessor is a slice.

use super::{
    QueueUrl, QueueUrlError, QueueUrlErrorKind as Kind,
    endpoint::{aws_region, split_port},
    name::is_name_byte,
};
use crate::text::parsed_text;
use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The longest URL, in bytes. Those of Amazon have 200 at the most.
const MAX_BYTES: usize = 1_024;
const ACCOUNT_DIGITS: usize = 12;
const MAX_NAME: usize = 80;

/// The URL of a real SQS queue, as SQS and local servers write it. Cheap to clone.
///
/// `http` or `https`, a host, and a path that ends in an account of 12 digits and the queue's name.
/// No user name, no query, no fragment; 1,024 bytes at the most. Equality, order and hash are those
/// of the text; [`same_queue`](Self::same_queue) sees through the different host names that one
/// queue has.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::HostQueueUrl;
///
/// let url = HostQueueUrl::parse("https://sqs.us-west-2.amazonaws.com/123456789012/login.fifo")?;
/// assert_eq!(url.region(), Some("us-west-2"));
/// assert_eq!(url.account_id(), "123456789012");
/// assert_eq!(url.queue_name(), "login.fifo");
/// assert!(url.is_fifo());
///
/// let legacy = HostQueueUrl::parse("https://us-west-2.queue.amazonaws.com/123456789012/login.fifo")?;
/// assert!(url != legacy && url.same_queue(&legacy));
/// # Ok::<(), sqs_rpc_protocol::QueueUrlError>(())
/// ```
// The derived equality and order look at `text` first, and the offsets follow from it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostQueueUrl {
    text: Arc<str>,
    /// Where the scheme's `://` has ended.
    authority_start: u16,
    /// Where the path begins, with a slash.
    path_start: u16,
    /// Where the account begins; the name follows it and a slash.
    account_start: u16,
}

impl HostQueueUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`QueueUrlError`], which says what is wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Self, QueueUrlError> {
        Self::parse_kind(text).map_err(|kind| QueueUrlError::host(text, kind))
    }

    /// The URL's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port, as in `localhost:9324`.
    pub fn authority(&self) -> &str {
        &self.text[usize::from(self.authority_start)..usize::from(self.path_start)]
    }

    /// The account that owns the queue: 12 digits.
    pub fn account_id(&self) -> &str {
        let start = usize::from(self.account_start);
        &self.text[start..start + ACCOUNT_DIGITS]
    }

    /// The queue's name, with `.fifo` if it has that.
    pub fn queue_name(&self) -> &str {
        &self.text[usize::from(self.account_start) + ACCOUNT_DIGITS + 1..]
    }

    /// Whether it is a FIFO queue: its name ends in `.fifo`.
    pub fn is_fifo(&self) -> bool {
        self.queue_name().ends_with(".fifo")
    }

    /// The region, where the URL tells: by a host name of Amazon's, or by a path
    /// `/queue/<region>/…` of a local server.
    pub fn region(&self) -> Option<&str> {
        self.aws_region().or_else(|| self.path_region())
    }

    /// Whether the host name is one of Amazon SQS. A name that the user's own DNS gives an endpoint
    /// is not.
    pub fn is_aws(&self) -> bool {
        self.aws_region().is_some()
    }

    /// Whether both URLs mean the same queue, though they may name its host differently.
    ///
    /// Account and name must be equal, and the service too: at Amazon that is the region, whatever
    /// the host name (legacy, VPC endpoint, FIPS, dual-stack, and either scheme); elsewhere it is
    /// host, port and region of the path, where `localhost`, `127.0.0.1` and `[::1]` are one host.
    ///
    /// # Examples
    ///
    /// ```
    /// use sqs_rpc_protocol::HostQueueUrl;
    ///
    /// let a = HostQueueUrl::parse("http://localhost:9324/000000000000/q")?;
    /// assert!(a.same_queue(&HostQueueUrl::parse("http://127.0.0.1:9324/000000000000/q")?));
    /// assert!(!a.same_queue(&HostQueueUrl::parse("http://localhost:9325/000000000000/q")?));
    /// # Ok::<(), sqs_rpc_protocol::QueueUrlError>(())
    /// ```
    pub fn same_queue(&self, other: &Self) -> bool {
        self.account_id() == other.account_id()
            && self.queue_name() == other.queue_name()
            && self.same_service(other)
    }

    /// [`parse`](Self::parse), for the callers that have a longer text to show in the error.
    pub(super) fn parse_kind(text: &str) -> Result<Self, Kind> {
        if text.len() > MAX_BYTES {
            return Err(Kind::TooLong {
                length: text.len(),
                max: MAX_BYTES,
            });
        }
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(Kind::Scheme)?;
        // In this order, so that each is named for what it is: `user:p?w@host` has user
        // information.
        for (mark, kind) in [
            ('@', Kind::UserInfo),
            ('?', Kind::Query),
            ('#', Kind::Fragment),
        ] {
            if rest.contains(mark) {
                return Err(kind);
            }
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_authority(authority) {
            return Err(Kind::Authority);
        }
        let (front, name) = path.rsplit_once('/').ok_or(Kind::Path)?;
        let (segments, account) = front.rsplit_once('/').unwrap_or(("", front));
        let segments_are_plain = front == account || segments.split('/').all(is_segment);
        let is_account =
            account.len() == ACCOUNT_DIGITS && account.bytes().all(|b| b.is_ascii_digit());
        if !segments_are_plain || !is_account {
            return Err(Kind::Path);
        }
        if !is_queue_name(name) {
            return Err(Kind::QueueName);
        }
        let offset = |from_end: usize| u16::try_from(text.len() - from_end).unwrap_or(u16::MAX);
        Ok(Self {
            authority_start: offset(rest.len()),
            path_start: offset(path.len() + 1),
            account_start: offset(ACCOUNT_DIGITS + 1 + name.len()),
            text: text.into(),
        })
    }

    /// Whether `other` can be in the region of this queue.
    ///
    /// At Amazon the regions must be equal. Elsewhere host names prove nothing: one local server
    /// has as many as there are containers that reach it, and a VPC endpoint has those of the
    /// user's own DNS. There, only a different region speaks against it.
    pub(crate) fn admits_region_of(&self, other: &Self) -> bool {
        match (self.region(), other.region()) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b) && (other.is_aws() || !self.is_aws()),
            (Some(_), None) => !self.is_aws(),
            (None, _) => true,
        }
    }

    fn same_service(&self, other: &Self) -> bool {
        match (self.aws_region(), other.aws_region()) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (None, None) => {
                local_host(self.authority()) == local_host(other.authority())
                    && self.port() == other.port()
                    && self.path_front() == other.path_front()
            }
            _ => false,
        }
    }

    fn aws_region(&self) -> Option<&str> {
        aws_region(self.authority())
    }

    fn path_region(&self) -> Option<&str> {
        self.path_front()
            .strip_prefix("/queue/")?
            .strip_suffix('/')
            .filter(|region| !region.contains('/'))
    }

    /// The path before the account: `/`, or `/queue/<region>/`.
    fn path_front(&self) -> &str {
        &self.text[usize::from(self.path_start)..usize::from(self.account_start)]
    }

    /// The port, or the scheme's own.
    fn port(&self) -> &str {
        match split_port(self.authority()).1 {
            "" if self.text.starts_with("https:") => "443",
            "" => "80",
            port => port,
        }
    }
}

/// A host without its port, with one spelling for the loopback interface.
fn local_host(authority: &str) -> String {
    let host = split_port(authority).0.to_ascii_lowercase();
    if matches!(host.as_str(), "127.0.0.1" | "[::1]") {
        "localhost".to_owned()
    } else {
        host
    }
}

/// A host name or address, and maybe a port.
fn is_authority(authority: &str) -> bool {
    let (host, port) = split_port(authority);
    let port_is_valid = if port.is_empty() {
        // `host:` is no port.
        !authority.ends_with(':')
    } else {
        port.len() <= 5
            && port.bytes().all(|b| b.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    let host_is_valid = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            host.len() <= 253
                && host.split('.').all(|label| {
                    (1..=63).contains(&label.len())
                        // Container hosts do have underscores.
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                })
        }
    };
    host_is_valid && port_is_valid
}

/// A piece of the path in front of the account; `.` and `..` would be cut out by some and not by
/// others.
fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
}

fn is_queue_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    name.len() <= MAX_NAME && !stem.is_empty() && stem.bytes().all(is_name_byte)
}

parsed_text!(HostQueueUrl, QueueUrlError);

// By the text alone, which says all.
impl Hash for HostQueueUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for HostQueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostQueueUrl({self})")
    }
}

impl TryFrom<QueueUrl> for HostQueueUrl {
    type Error = QueueUrlError;

    fn try_from(url: QueueUrl) -> Result<Self, Self::Error> {
        match url {
            QueueUrl::Host(url) => Ok(url),
            QueueUrl::Virtual(url) => Err(QueueUrlError::host(url.as_str(), Kind::Fragment)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::arbitrary;
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> HostQueueUrl {
        HostQueueUrl::parse(text).unwrap()
    }

    fn kind(text: &str) -> Kind {
        HostQueueUrl::parse(text).unwrap_err().kind().clone()
    }

    #[test]
    fn the_parts() {
        let plain = url("https://sqs.us-west-2.amazonaws.com/123456789012/q");
        assert_eq!(plain.authority(), "sqs.us-west-2.amazonaws.com");
        assert_eq!(
            (plain.account_id(), plain.queue_name()),
            ("123456789012", "q")
        );
        assert!(plain.is_aws() && !plain.is_fifo());

        let by_path = url("http://localhost:4566/queue/eu-west-1/000000000000/q.fifo");
        assert_eq!(by_path.authority(), "localhost:4566");
        assert_eq!(by_path.region(), Some("eu-west-1"));
        assert_eq!(
            (by_path.account_id(), by_path.queue_name()),
            ("000000000000", "q.fifo")
        );
        assert!(by_path.is_fifo() && !by_path.is_aws());

        assert_eq!(
            url("http://proxy.example/sqs/v1/123456789012/q").region(),
            None
        );
        assert_eq!(
            url("http://[::1]:9324/123456789012/q").authority(),
            "[::1]:9324"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(kind(""), Kind::Scheme);
        assert_eq!(kind("q"), Kind::Scheme);
        assert_eq!(kind("HTTPS://h/123456789012/q"), Kind::Scheme);
        assert_eq!(kind("arn:aws:sqs:us-east-1:123456789012:q"), Kind::Scheme);
        assert_eq!(kind("https://u:p@h/123456789012/q"), Kind::UserInfo);
        assert_eq!(kind("https://h/123456789012/q?a=b"), Kind::Query);
        assert_eq!(kind("https://h/123456789012/q#v"), Kind::Fragment);
        assert!(matches!(
            kind(&format!("https://h/{}/123456789012/q", "x".repeat(1_024))),
            Kind::TooLong { .. }
        ));
        for authority in [
            "", ":80", "h:", "h:0", "h:65536", "h:+1", "a b", "é", "a..b", "[::1", "[x]", "[::1]x",
            "h:1:2",
        ] {
            assert_eq!(
                kind(&format!("https://{authority}/123456789012/q")),
                Kind::Authority,
                "{authority}"
            );
        }
        for path in [
            "",
            "/",
            "/q",
            "/12345678901/q",
            "/1234567890123/q",
            "/12345678901x/q",
            "//123456789012/q",
            "/a//123456789012/q",
            "/../123456789012/q",
            "/./123456789012/q",
            "/a b/123456789012/q",
            "/123456789012",
        ] {
            assert_eq!(kind(&format!("https://h{path}")), Kind::Path, "{path}");
        }
        for name in [
            "",
            ".fifo",
            "a.b",
            "a b",
            "é",
            "q.fifo.fifo",
            "a%41",
            &"x".repeat(81),
            &format!("{}.fifo", "x".repeat(76)),
        ] {
            assert_eq!(
                kind(&format!("https://h/123456789012/{name}")),
                Kind::QueueName,
                "{name}"
            );
        }
    }

    #[test]
    fn one_queue_has_many_host_names() {
        let queue = url("https://sqs.us-east-1.amazonaws.com/123456789012/q");
        for same in [
            "https://queue.amazonaws.com/123456789012/q",
            "http://us-east-1.queue.amazonaws.com/123456789012/q",
            "https://sqs-fips.us-east-1.amazonaws.com/123456789012/q",
            "https://sqs.us-east-1.api.aws/123456789012/q",
            "https://vpce-1-2.sqs.us-east-1.vpce.amazonaws.com/123456789012/q",
            "https://SQS.us-east-1.AMAZONAWS.com:443/123456789012/q",
        ] {
            assert!(queue.same_queue(&url(same)), "{same}");
        }
        for other in [
            "https://sqs.us-west-2.amazonaws.com/123456789012/q",
            "https://sqs.us-east-1.amazonaws.com/123456789013/q",
            "https://sqs.us-east-1.amazonaws.com/123456789012/Q",
            "https://sqs.us-east-1.amazonaws.com.evil.example/123456789012/q",
            "http://localhost:9324/queue/us-east-1/123456789012/q",
        ] {
            assert!(!queue.same_queue(&url(other)), "{other}");
        }
    }

    #[test]
    fn local_servers_are_told_apart_by_host_port_and_path() {
        let queue = url("http://localhost:9324/000000000000/q");
        assert!(queue.same_queue(&url("http://[::1]:9324/000000000000/q")));
        assert!(!queue.same_queue(&url("http://localhost/000000000000/q")));
        assert!(!queue.same_queue(&url("http://other:9324/000000000000/q")));
        assert!(!queue.same_queue(&url("http://localhost:9324/queue/eu-west-1/000000000000/q")));
        assert!(url("http://h:80/000000000000/q").same_queue(&url("http://h/000000000000/q")));
    }

    proptest! {
        #[test]
        fn being_the_same_queue_goes_both_ways(a in arbitrary::host(), b in arbitrary::host()) {
            prop_assert_eq!(a.same_queue(&b), b.same_queue(&a));
        }

        #[test]
        fn round_trips(url in arbitrary::host()) {
            prop_assert_eq!(HostQueueUrl::parse(url.as_str()), Ok(url.clone()));
            prop_assert!(url.same_queue(&url));
            let rebuilt = format!("{}{}", url.authority(), &url.text[usize::from(url.path_start)..]);
            prop_assert!(url.as_str().ends_with(&rebuilt));
            let end = format!("/{}/{}", url.account_id(), url.queue_name());
            prop_assert!(url.as_str().ends_with(&end));
        }
    }
}
