//! [`Deadline`]: until when a requester waits, on this process's clock.
//!
//! Owns: the moment. Does not own: how the moment is computed from SQS's time (`sqs-rpc-protocol`). Invariant: an unknown
//! deadline has not passed.

use std::fmt;
use std::time::Duration;

use sqs_rpc_transport::{Clock, Moment};

/// Until when the requester waits for the reply. Cheap to clone; can be an argument of handlers.
///
/// A deadline is never too early: while SQS's time is unknown, the requester's whole timeout counts from the receive.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use sqs_responder::{Deadline, ErrorCode, ReplyError};
///
/// async fn search(deadline: Deadline) -> Result<String, ReplyError> {
///     let time = deadline.remaining().unwrap_or(Duration::from_secs(10));
///     if time < Duration::from_millis(50) {
///         return Err(ReplyError::new(ErrorCode::OVERLOADED, "too little time is left"));
///     }
///     Ok(format!("searched for at most {time:?}"))
/// }
/// ```
#[derive(Clone)]
pub struct Deadline {
    at: Option<Moment>,
    clock: Clock,
}

impl Deadline {
    pub(crate) const fn new(at: Option<Moment>, clock: Clock) -> Self {
        Self { at, clock }
    }

    /// The time that remains: zero once the deadline has passed, `None` if the requester (a Java requester) sent no
    /// deadline.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.at.map(|at| at.since(self.clock.now()))
    }

    /// Whether the deadline has passed, so that nobody waits any more.
    #[must_use]
    pub fn is_past(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// The deadline as a moment on the clock that the responder was built with; `None` if there is no deadline.
    #[must_use]
    pub const fn moment(&self) -> Option<Moment> {
        self.at
    }

    /// Waits until the deadline has passed; forever if there is no deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn passed(&self) {
        match self.at {
            Some(at) => self.clock.sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline")
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
