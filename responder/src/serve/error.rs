//! [`ServeError`]: why a queue cannot be served.

use std::error::Error;
use std::fmt;

use sqs_rpc_protocol::{HostQueueUrl, QueueUrlError};
use sqs_rpc_transport::{Action, Fault, NoRuntime};

/// Why a queue cannot be served. Only faults at the start and the end of the runtime are errors. After later faults,
/// serving goes on.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sqs_responder::{Responder, ServeErrorKind};
///
/// # let local = local_sqs::LocalSqs::start();
/// # let client = local.client();
/// let responder = Responder::builder(client).build()?;
/// let error = responder.serve("requests", async || "pong").await.unwrap_err();
/// assert_eq!(error.kind(), ServeErrorKind::InvalidQueueUrl);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ServeError {
    kind: ServeErrorKind,
    queue: Option<HostQueueUrl>,
    source: Box<dyn Error + Send + Sync>,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServeErrorKind {
    /// The text is not the URL of a real queue. The source says what is allowed.
    InvalidQueueUrl,
    /// The queue does not exist. Reported after 2 s, because SQS may not know a new queue for its first second. Check
    /// URL, account and region.
    QueueNotFound,
    /// A policy denies this action: allow it in the IAM policy. Missing or refused credentials are not reported as an
    /// error, because they may be valid a moment later; polling goes on.
    AccessDenied(Action),
    /// The client can make no call: for example, because it has no region or no credentials provider. The source says
    /// what is missing.
    CannotCall,
    /// There is no Tokio runtime here. Await [`Serve`](crate::Serve) within one.
    NoRuntime,
    /// The Tokio runtime in which serving began has ended, and all its polls and calls with it. Call
    /// [`serve`](crate::Responder::serve) again in the current runtime.
    RuntimeEnded,
}

impl ServeError {
    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> ServeErrorKind {
        self.kind
    }

    pub(super) fn queue_not_found(queue: HostQueueUrl, fault: Fault) -> Self {
        Self {
            kind: ServeErrorKind::QueueNotFound,
            queue: Some(queue),
            source: fault.into(),
        }
    }

    pub(super) fn access_denied(queue: HostQueueUrl, fault: Fault) -> Self {
        Self {
            kind: ServeErrorKind::AccessDenied(fault.action()),
            queue: Some(queue),
            source: fault.into(),
        }
    }

    pub(super) fn cannot_call(queue: HostQueueUrl, fault: Fault) -> Self {
        Self {
            kind: ServeErrorKind::CannotCall,
            queue: Some(queue),
            source: fault.into(),
        }
    }

    pub(super) fn runtime_ended(queue: HostQueueUrl) -> Self {
        Self {
            kind: ServeErrorKind::RuntimeEnded,
            queue: Some(queue),
            source: CutOff.into(),
        }
    }
}

/// The source of [`ServeErrorKind::RuntimeEnded`].
#[derive(Debug, thiserror::Error)]
#[error("the runtime's polls and calls have ended with it")]
struct CutOff;

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ServeErrorKind::InvalidQueueUrl => f.write_str("the request queue's URL is not valid"),
            ServeErrorKind::QueueNotFound => f.write_str("the request queue does not exist"),
            ServeErrorKind::AccessDenied(action) => {
                write!(f, "sqs:{action} on the request queue is denied")
            }
            ServeErrorKind::CannotCall => f.write_str("the client can make no call"),
            ServeErrorKind::NoRuntime => f.write_str("the queue cannot be served"),
            ServeErrorKind::RuntimeEnded => {
                f.write_str("the Tokio runtime in which serving began has ended")
            }
        }?;
        match &self.queue {
            Some(queue) => write!(f, ": {queue}"),
            None => Ok(()),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<QueueUrlError> for ServeError {
    fn from(error: QueueUrlError) -> Self {
        Self {
            kind: ServeErrorKind::InvalidQueueUrl,
            queue: None,
            source: error.into(),
        }
    }
}

impl From<NoRuntime> for ServeError {
    fn from(error: NoRuntime) -> Self {
        Self {
            kind: ServeErrorKind::NoRuntime,
            queue: None,
            source: error.into(),
        }
    }
}
