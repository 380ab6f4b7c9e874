//! Until when a requester waits, on this process's clock.
//!
//! Owns: the moment. Does not own: how it was found from SQS's time, which is the protocol's. Invariant: what is not
//! known is not past.

use std::fmt;
use std::time::Duration;

use sqs_virtual_queues::sqs::{Clock, Moment};

/// Until when the requester of a request waits. Cheap to clone; an argument of handlers.
///
/// It is the careful side of what is known: where SQS's time is unknown, the whole time that the requester gave is
/// taken to remain.
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
///     Ok(format!("searched for {time:?} at the most"))
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

    /// The time that remains: zero once it is past, `None` if the requester gave none (a Java peer).
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.at.map(|at| at.since(self.clock.now()))
    }

    /// Whether nobody waits any more.
    #[must_use]
    pub fn is_past(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// The moment on the clock that the responder was built with; `None` if there is none.
    #[must_use]
    pub const fn moment(&self) -> Option<Moment> {
        self.at
    }

    /// Waits until it is past; for ever if there is none.
    ///
    /// # Cancel safety
    ///
    /// Dropping it has no effect.
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
