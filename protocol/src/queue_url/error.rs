//! Why a text is no queue URL.

use super::name::VirtualQueueNameError;
use crate::Excerpt;

/// A text that is no queue URL.
///
/// Its text says what was found and what is allowed; credentials and query parameters are never
/// shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} is not the URL of a {what}: {kind}")]
pub struct QueueUrlError {
    url: Excerpt,
    /// `host queue` or `virtual queue`.
    what: &'static str,
    kind: QueueUrlErrorKind,
}

impl QueueUrlError {
    pub(super) fn host(text: &str, kind: QueueUrlErrorKind) -> Self {
        Self {
            url: Excerpt::of_url(text),
            what: "host queue",
            kind,
        }
    }

    pub(super) fn virtual_url(text: &str, kind: QueueUrlErrorKind) -> Self {
        Self {
            url: Excerpt::of_url(text),
            what: "virtual queue",
            kind,
        }
    }

    /// What was found, cut short and made printable.
    pub fn url(&self) -> &Excerpt {
        &self.url
    }

    /// What is wrong with it.
    pub fn kind(&self) -> &QueueUrlErrorKind {
        &self.kind
    }
}

/// What is wrong with a [`QueueUrlError`]'s URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueUrlErrorKind {
    /// It is too long.
    #[error("it has {length} bytes, and {max} are allowed")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// What is allowed.
        max: usize,
    },
    /// The scheme is missing or another one.
    #[error("it must begin with https:// or http://")]
    Scheme,
    /// It has a user name or a password.
    #[error("user names and passwords are not allowed")]
    UserInfo,
    /// It has a query.
    #[error("a query (after `?`) is not allowed")]
    Query,
    /// A host queue's URL has a fragment.
    #[error("a fragment (after `#`) is allowed in the URL of a virtual queue only")]
    Fragment,
    /// The host name or the port is malformed.
    #[error("it must name a host, as in sqs.eu-west-1.amazonaws.com or localhost:9324")]
    Authority,
    /// A host name in the form of Amazon's has a region of another AWS partition.
    #[error(
        "its region must be in the partition of its host name, as in sqs.cn-north-1.amazonaws.com.cn"
    )]
    Partition,
    /// A host name of Amazon's has a port that SQS does not have.
    #[error("SQS has the ports 443 and 80 only")]
    Port,
    /// The path does not end in account and queue name, or, at Amazon, is more than these.
    #[error(
        "its path must end in an account of 12 digits and a queue name, and at Amazon be nothing else"
    )]
    Path,
    /// The queue's name is malformed.
    #[error(
        "the queue name must have 1 to 80 characters of A-Z, a-z, 0-9, `_` and `-`, and may end in .fifo within these 80"
    )]
    QueueName,
    /// A virtual queue's URL has no `#`.
    #[error("the name of the virtual queue, after a `#`, is missing")]
    NoVirtualName,
    /// The virtual queue's name is malformed.
    #[error(transparent)]
    VirtualName(#[from] VirtualQueueNameError),
}
