//! Why a text is not a queue URL.

use super::name::VirtualQueueNameError;
use crate::Excerpt;

/// A text that is not a queue URL.
///
/// The error shows what was found and what is allowed, but never credentials and query parameters.
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

    /// The text that was found, shortened and printable.
    pub fn url(&self) -> &Excerpt {
        &self.url
    }

    /// What is wrong with the URL.
    pub fn kind(&self) -> &QueueUrlErrorKind {
        &self.kind
    }
}

/// What is wrong with a [`QueueUrlError`]'s URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueUrlErrorKind {
    /// The URL is too long.
    #[error("it has {length} bytes, at most {max} are allowed")]
    TooLong {
        /// The length of the URL in bytes.
        length: usize,
        /// The maximum length in bytes.
        max: usize,
    },
    /// The scheme is missing, or neither `http` nor `https`.
    #[error("it must begin with https:// or http://")]
    Scheme,
    /// The URL contains a user name or a password.
    #[error("user names and passwords are not allowed")]
    UserInfo,
    /// The URL contains a query.
    #[error("a query (after `?`) is not allowed")]
    Query,
    /// The URL of a host queue has a fragment.
    #[error("a fragment (after `#`) is allowed only in the URL of a virtual queue")]
    Fragment,
    /// The host name or the port is malformed.
    #[error("it must name a host, as in sqs.eu-west-1.amazonaws.com or localhost:9324")]
    Authority,
    /// One of Amazon's host names has a region of another AWS partition.
    #[error(
        "its region must be in the partition of its host name, as in sqs.cn-north-1.amazonaws.com.cn"
    )]
    Partition,
    /// One of Amazon's host names has a port that SQS does not serve.
    #[error("Amazon SQS serves only the ports 443 and 80")]
    Port,
    /// The path does not end in account and queue name, or contains more than that at Amazon.
    #[error(
        "its path must end in an account of 12 digits and a queue name, and contain nothing else at Amazon"
    )]
    Path,
    /// The queue's name is malformed.
    #[error(
        "the queue name must have 1 to 80 characters of A-Z, a-z, 0-9, `_` and `-`, and may end in .fifo within these 80"
    )]
    QueueName,
    /// The URL of a virtual queue has no `#`.
    #[error("the name of the virtual queue, after a `#`, is missing")]
    NoVirtualName,
    /// The virtual queue's name is malformed.
    #[error(transparent)]
    VirtualName(#[from] VirtualQueueNameError),
}
