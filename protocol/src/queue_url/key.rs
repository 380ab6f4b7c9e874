//! Which queue a URL means, whatever its spelling.
//!
//! Owns the identity of host queues: the only allowed key of tables of queues. The spelling belongs to
//! [`HostQueueUrl`](super::HostQueueUrl).

use super::endpoint::Region;
use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The identity of a host queue, as a client sees it: the key of every table of queues.
///
/// One queue has many URLs: legacy, dual-stack, FIPS and VPC endpoints, either scheme, upper and
/// lower case, `localhost` and its addresses, the region in the path or in the host name. All URLs of a
/// queue have the same key, and different queues have different keys. A URL has neither hash nor order,
/// so that its text cannot be used as a key by mistake.
///
/// A client sends all its calls to one endpoint, and the URL only names the queue. So a host name that
/// is not one of Amazon's (a local server, a VPC endpoint under a name from the user's own DNS, a proxy)
/// is taken to be the client's endpoint. The key is then account, name and region: the region in the URL,
/// or else the client's region.
///
/// Cheap to clone.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::{HostKey, HostQueueUrl};
///
/// let key = |url| HostQueueUrl::parse(url).map(|url| HostKey::new(&url, Some("us-east-1")));
/// let today = key("https://sqs.us-east-1.amazonaws.com/123456789012/login")?;
/// assert_eq!(today, key("https://queue.amazonaws.com/123456789012/login")?);
/// assert_eq!(today, key("https://sqs.internal.example/123456789012/login")?);
/// assert_ne!(today, key("https://sqs.us-west-2.amazonaws.com/123456789012/login")?);
/// # Ok::<(), sqs_rpc_protocol::QueueUrlError>(())
/// ```
#[derive(Clone)]
pub struct HostKey {
    region: Option<Region>,
    /// A URL of the queue.
    text: Arc<str>,
    /// The offset of the account in `text`; a slash and the name follow the account.
    account_start: u16,
}

impl HostKey {
    pub(super) fn of(region: Option<Region>, text: Arc<str>, account_start: u16) -> Self {
        Self {
            region,
            text,
            account_start,
        }
    }

    /// The region in lower case, if known.
    pub fn region(&self) -> Option<&str> {
        self.region.as_ref().map(Region::as_str)
    }

    /// Account and name, with a slash between them.
    fn queue(&self) -> &str {
        &self.text[usize::from(self.account_start)..]
    }

    fn parts(&self) -> (&str, Option<Region>) {
        (self.queue(), self.region)
    }
}

impl PartialEq for HostKey {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for HostKey {}

impl PartialOrd for HostKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HostKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl Hash for HostKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The region is left out: a table has many queues of few regions.
        self.queue().hash(state);
    }
}

/// Each key has a different text: region (`-` if unknown), account and name, for example
/// `eu-west-1/123456789012/login`.
impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.region().unwrap_or("-");
        write!(f, "{region}/{}", self.queue())
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::super::HostQueueUrl;
    use super::super::arbitrary;
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn key(url: &str) -> HostKey {
        HostKey::new(&HostQueueUrl::parse(url).unwrap(), Some("us-east-1"))
    }

    #[test]
    fn all_spellings_of_a_queue_have_one_key() {
        let spellings = [
            "https://sqs.us-east-1.amazonaws.com/123456789012/q",
            "http://sqs.us-east-1.amazonaws.com:80/123456789012/q",
            "https://SQS.US-EAST-1.AMAZONAWS.COM:443/123456789012/q",
            "https://queue.amazonaws.com/123456789012/q",
            "https://us-east-1.queue.amazonaws.com/123456789012/q",
            "https://sqs-fips.us-east-1.amazonaws.com/123456789012/q",
            "https://sqs.us-east-1.api.aws/123456789012/q",
            "https://vpce-1-2.sqs.us-east-1.vpce.amazonaws.com/123456789012/q",
            "https://sqs.internal.example/123456789012/q",
            "http://localhost:4566/123456789012/q",
            "http://127.0.0.1:9324/123456789012/q",
            "http://[::1]:4566/123456789012/q",
            "http://localhost:4566/queue/us-east-1/123456789012/q",
            "http://sqs.us-east-1.localhost.localstack.cloud:4566/123456789012/q",
            "http://queue.localhost.localstack.cloud:4566/123456789012/q",
            "http://proxy.example/sqs/123456789012/q",
        ];
        let keys: HashSet<_> = spellings.map(key).into_iter().collect();
        assert_eq!(keys.len(), 1, "{keys:?}");
    }

    #[test]
    fn other_queues_have_other_keys() {
        let queues = [
            "https://sqs.us-east-1.amazonaws.com/123456789012/q",
            "https://sqs.us-east-1.amazonaws.com/123456789012/Q",
            "https://sqs.us-east-1.amazonaws.com/123456789012/q.fifo",
            "https://sqs.us-east-1.amazonaws.com/123456789013/q",
            "https://sqs.us-west-2.amazonaws.com/123456789012/q",
            "http://localhost:4566/queue/eu-west-1/123456789012/q",
        ];
        let keys: HashSet<_> = queues.map(key).into_iter().collect();
        assert_eq!(keys.len(), queues.len(), "{keys:?}");
    }

    proptest! {
        #[test]
        fn equal_urls_have_equal_keys(a in arbitrary::host(), b in arbitrary::host()) {
            let keys = [&a, &b].map(|url| HostKey::new(url, Some("eu-west-1")));
            prop_assert!(a != b || keys[0] == keys[1]);
            prop_assert_eq!(keys[0] == keys[1], keys[0].cmp(&keys[1]).is_eq());
        }
    }
}
