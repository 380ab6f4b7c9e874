//! How calls end, and what the network does to bodies.

use std::time::SystemTime;

use local_sqs::engine::Output;

/// SQS refuses a batch as a whole if one of its bodies is not allowed. The framework checks what it sends; a body that it
/// lets pass and SQS does not is one that has this in it.
pub(crate) const GUILTY: &str = "guilty";
/// What is appended to a body that is changed on the way.
pub(crate) const CHANGED: &str = " (changed)";

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) date: Option<SystemTime>,
    pub(crate) result: Result<Output, Failure>,
}

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// SQS answered an error.
    Service { code: &'static str, status: u16 },
    /// A proxy answered with a page of its own.
    Page { status: u16 },
    /// There were no credentials: nothing was sent.
    NoCredentials,
    /// No answer came in time.
    TimedOut,
    /// The connection broke.
    Reset,
}

impl Failure {
    /// Whether the SDK tries again.
    pub(crate) fn is_transient(self) -> bool {
        match self {
            Self::Service { code, status } => status >= 500 || code == "RequestThrottled",
            Self::Page { status } => status >= 500,
            Self::NoCredentials => false,
            Self::TimedOut | Self::Reset => true,
        }
    }
}
