//! The URL of a real queue.
//!
//! Owns the syntax, and the rule whether two URLs mean the same queue. Invariant: the offsets are at
//! ASCII characters of the text, so that every accessor returns a slice.

use super::{
    HostKey, QueueUrlError, QueueUrlErrorKind as Kind,
    endpoint::{Endpoint, Region, endpoint, split_port},
    name::is_name_byte,
};
use crate::limits::MAX_QUEUE_NAME;
use crate::text::parsed_text;
use std::{fmt, sync::Arc};

/// The longest URL, in bytes. Amazon's URLs have at most 200.
const MAX_BYTES: usize = 1_024;
const ACCOUNT_DIGITS: usize = 12;

/// The URL of a real SQS queue, as SQS and local servers write it. Cheap to clone.
///
/// `http` or `https`, a host, and a path that ends in an account of 12 digits and the queue's name.
/// No user name, no query, no fragment; at most 1,024 bytes. In Amazon's URLs the path contains nothing
/// else, the region is in the partition of the host name, and the port is 443 or 80.
///
/// Two URLs are equal if they mean the same queue: account, name and service are equal. The service at
/// Amazon is the region, whatever the host name (legacy, VPC endpoint, FIPS, dual-stack) and the scheme.
/// Elsewhere the service is host, port and region, where `localhost`, its addresses and LocalStack's name
/// for it are the same host. The original text is kept, because SQS expects it in calls. There is neither
/// hash nor order, because tables of queues must use [`HostKey`]s.
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
/// assert!(url == legacy && url.as_str() != legacy.as_str());
/// # Ok::<(), sqs_rpc_protocol::QueueUrlError>(())
/// ```
#[derive(Clone)]
pub struct HostQueueUrl {
    text: Arc<str>,
    /// The server in normalized spelling: host, port, and the path before the account without the region. `None` for
    /// Amazon.
    server: Option<Arc<str>>,
    region: Option<Region>,
    /// The offset after the scheme's `://`.
    authority_start: u16,
    /// The offset of the slash that begins the path.
    path_start: u16,
    /// The offset of the account; a slash and the name follow the account.
    account_start: u16,
}

impl HostQueueUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`QueueUrlError`], which shows what is wrong and what is allowed.
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

    /// The queue's name, including `.fifo` of a FIFO queue.
    pub fn queue_name(&self) -> &str {
        &self.text[usize::from(self.account_start) + ACCOUNT_DIGITS + 1..]
    }

    /// Whether the queue is a FIFO queue: its name ends in `.fifo`.
    pub fn is_fifo(&self) -> bool {
        self.queue_name().ends_with(".fifo")
    }

    /// The region in lower case, if the URL contains a region: in one of Amazon's host names, in a host name
    /// that begins with `sqs.<region>.` or `<region>.queue.`, or in the path `/queue/<region>/…` of a local
    /// server.
    pub fn region(&self) -> Option<&str> {
        self.region.as_ref().map(Region::as_str)
    }

    /// Whether the host name is one of Amazon SQS. A name from the user's own DNS for an endpoint of
    /// Amazon is not.
    pub fn is_aws(&self) -> bool {
        self.server.is_none()
    }

    /// [`parse`](Self::parse) for callers whose error shows a longer text.
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
        // The order matters: `user:p?w@host` must be reported as user information, not as a query.
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
        let path_front = &path[..path.len() - (ACCOUNT_DIGITS + 1 + name.len())];
        let (server, region) = service(text, authority, path_front)?;
        let offset = |from_end: usize| u16::try_from(text.len() - from_end).unwrap_or(u16::MAX);
        Ok(Self {
            server,
            region,
            authority_start: offset(rest.len()),
            path_start: offset(path.len() + 1),
            account_start: offset(ACCOUNT_DIGITS + 1 + name.len()),
            text: text.into(),
        })
    }

    /// Whether `other` may be in the region of this queue.
    ///
    /// At Amazon the regions must be equal. Elsewhere host names prove nothing: each container may reach a
    /// local server by another name, and a VPC endpoint may have names from the user's own DNS. There, only
    /// a different region is refused.
    pub(crate) fn admits_region_of(&self, other: &Self) -> bool {
        match (self.region, other.region) {
            (Some(a), Some(b)) => a == b && (other.is_aws() || !self.is_aws()),
            (Some(_), None) => !self.is_aws(),
            (None, _) => true,
        }
    }

    /// The key, with the region of the client if the URL contains no region.
    fn key_of(&self, client_region: impl FnOnce() -> Option<Region>) -> HostKey {
        let region = self.region.or_else(client_region);
        HostKey::of(region, Arc::clone(&self.text), self.account_start)
    }
}

impl HostKey {
    /// The key of the queue that `url` means for a client of this region.
    ///
    /// `client_region` matters only for URLs without a region. If it is `None` (unknown), all such URLs are
    /// taken to be in one region that differs from all known regions.
    pub fn new(url: &HostQueueUrl, client_region: Option<&str>) -> Self {
        url.key_of(|| client_region.and_then(Region::new))
    }
}

// Compares the queues, not the spelling. `HostKey` recognizes even more spellings, because it knows the client's region.
impl PartialEq for HostQueueUrl {
    fn eq(&self, other: &Self) -> bool {
        let identity = |url: &Self| url.key_of(|| None);
        self.server == other.server && identity(self) == identity(other)
    }
}

impl Eq for HostQueueUrl {}

/// The server of a URL (`None` for Amazon), and the region if the URL contains a region.
fn service(
    url: &str,
    authority: &str,
    path_front: &str,
) -> Result<(Option<Arc<str>>, Option<Region>), Kind> {
    let (host, port) = split_port(authority);
    match endpoint(host) {
        Endpoint::WrongPartition => Err(Kind::Partition),
        Endpoint::Amazon(_) if !path_front.is_empty() => Err(Kind::Path),
        Endpoint::Amazon(_) if !matches!(port, "" | "80" | "443") => Err(Kind::Port),
        Endpoint::Amazon(region) => Ok((None, Region::new(region))),
        Endpoint::Other { name, region } => {
            let port = match port.trim_start_matches('0') {
                "" if url.starts_with("https:") => "443",
                "" => "80",
                port => port,
            };
            let in_path = path_front
                .strip_prefix("queue/")
                .and_then(|rest| Region::new(rest.strip_suffix('/')?));
            let front = if in_path.is_some() { "" } else { path_front };
            let region = in_path.or_else(|| region.and_then(Region::new));
            Ok((Some(format!("{name}:{port}/{front}").into()), region))
        }
    }
}

/// Whether the text is a host name or address with an optional port.
fn is_authority(authority: &str) -> bool {
    let (host, port) = split_port(authority);
    let port_is_valid = if port.is_empty() {
        // A colon without a port, as in `host:`, is not valid.
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
                        // Names of containers may have underscores.
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                })
        }
    };
    host_is_valid && port_is_valid
}

/// Whether the text is a valid path segment before the account. `.` and `..` are refused, because some
/// HTTP clients remove them and others do not.
fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
}

fn is_queue_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    name.len() <= MAX_QUEUE_NAME && !stem.is_empty() && stem.bytes().all(is_name_byte)
}

parsed_text!(HostQueueUrl, QueueUrlError);

impl fmt::Debug for HostQueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostQueueUrl({self})")
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
    fn the_parts_of_a_url_are_found() {
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
    fn malformed_urls_are_refused_with_the_reason() {
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
            assert_eq!(queue, url(same));
        }
        for other in [
            "https://sqs.us-west-2.amazonaws.com/123456789012/q",
            "https://sqs.us-east-1.amazonaws.com/123456789013/q",
            "https://sqs.us-east-1.amazonaws.com/123456789012/Q",
            "https://sqs.us-east-1.amazonaws.com.evil.example/123456789012/q",
            "http://localhost:9324/queue/us-east-1/123456789012/q",
        ] {
            assert_ne!(queue, url(other));
        }
    }

    #[test]
    fn local_servers_differ_by_host_port_and_path() {
        let queue = url("http://localhost:9324/000000000000/q");
        for same in [
            "http://[::1]:9324/000000000000/q",
            "http://127.0.0.1:9324/000000000000/q",
            "http://LOCALHOST:09324/000000000000/q",
            "http://localhost.localstack.cloud:9324/000000000000/q",
        ] {
            assert_eq!(queue, url(same));
        }
        for other in [
            "http://localhost/000000000000/q",
            "http://localhost:9325/000000000000/q",
            "http://other:9324/000000000000/q",
            "http://localhost:9324/queue/eu-west-1/000000000000/q",
            "http://sqs.eu-west-1.localhost.localstack.cloud:9324/000000000000/q",
            "http://localhost:9324/sqs/000000000000/q",
        ] {
            assert_ne!(queue, url(other));
        }
        assert_eq!(
            url("http://localhost:4566/queue/eu-west-1/000000000000/q"),
            url("http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/q")
        );
        assert_eq!(
            url("http://h:80/000000000000/q"),
            url("http://h/000000000000/q")
        );
    }

    #[test]
    fn paths_at_amazon_have_only_account_and_name() {
        for path in [
            "210987654321/victim/123456789012/q",
            "queue/eu-west-1/123456789012/q",
            "sqs/123456789012/q",
        ] {
            for host in [
                "sqs.eu-west-1.amazonaws.com",
                "queue.amazonaws.com",
                "sqs.eu-west-1.api.aws",
                "vpce-1-2.sqs.eu-west-1.vpce.amazonaws.com",
            ] {
                assert_eq!(kind(&format!("https://{host}/{path}")), Kind::Path);
            }
        }
        let refused = |host| kind(&format!("https://{host}/123456789012/q"));
        assert_eq!(refused("sqs.eu-west-1.amazonaws.com.cn"), Kind::Partition);
        assert_eq!(refused("sqs.cn-north-1.amazonaws.com"), Kind::Partition);
        assert_eq!(refused("sqs.eu-west-1.amazonaws.com:81"), Kind::Port);
        assert_eq!(refused("sqs.eu-west-1.amazonaws.com."), Kind::Authority);
    }

    proptest! {
        #[test]
        fn equality_is_symmetric(a in arbitrary::host(), b in arbitrary::host()) {
            prop_assert_eq!(a == b, b == a);
        }

        #[test]
        fn round_trips(url in arbitrary::host()) {
            prop_assert_eq!(HostQueueUrl::parse(url.as_str()), Ok(url.clone()));
            let again = HostQueueUrl::parse(url.as_str()).unwrap();
            prop_assert_eq!(again.as_str(), url.as_str());
            let rebuilt = format!("{}{}", url.authority(), &url.text[usize::from(url.path_start)..]);
            prop_assert!(url.as_str().ends_with(&rebuilt));
            let end = format!("/{}/{}", url.account_id(), url.queue_name());
            prop_assert!(url.as_str().ends_with(&end));
        }
    }
}
