//! How calls end, and the marks of bodies that are refused or changed in transit.

use std::time::SystemTime;

use local_sqs::engine::Output;

/// Marks a body that SQS refuses although the framework's own checks accept it. SQS refuses a batch as a whole because of
/// one such body.
pub(crate) const GUILTY: &str = "guilty";
/// The text that is appended to a body that is changed in transit.
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
    /// SQS answered with an error.
    Service { code: &'static str, status: u16 },
    /// A proxy answered with its own page.
    Page { status: u16 },
    /// There were no credentials: nothing was sent.
    NoCredentials,
    /// The call timed out.
    TimedOut,
    /// The connection broke.
    Reset,
}

impl Failure {
    /// Whether the SDK retries after this failure.
    pub(crate) fn is_transient(self) -> bool {
        match self {
            Self::Service { code, status } => status >= 500 || code == "RequestThrottled",
            Self::Page { status } => status >= 500,
            Self::NoCredentials => false,
            Self::TimedOut | Self::Reset => true,
        }
    }
}
