//! The options of batches.

use std::time::Duration;

use sqs_rpc_protocol::limits::{MAX_BATCH_ENTRIES, MAX_MESSAGE_BYTES};

use super::coalescer::Limits;

/// Limits and waits of an [`Outbox`](super::Outbox). All of them apply per queue and kind of call.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sqs_rpc_transport::BatchOptions;
///
/// let mut options = BatchOptions::default();
/// options.linger = Duration::from_millis(20); // fewer calls, later
/// assert_eq!(options.max_calls_out, 8);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BatchOptions {
    /// The maximum number of calls in flight. Default 8. With 1 (and 0, which means 1) batches are fullest, but one
    /// stuck call holds up all later entries. Sends to a FIFO queue always go one call at a time.
    pub max_calls_out: usize,
    /// How long an entry waits for more entries while a call is in flight. With no call in flight it is sent at once.
    /// Default 5 ms. With zero every entry is sent at once, and a batch contains only entries of the same turn of the
    /// scheduler.
    pub linger: Duration,
    /// How long an entry without a waiting caller (`delete_later`, `change_visibility_later`) waits for more entries,
    /// whether a call is in flight or not. Default 50 ms. Keep it well below the visibility timeout. On a FIFO queue
    /// deletes, and changes to zero, never wait, because their group would wait with them.
    pub delete_linger: Duration,
    /// The maximum number of unanswered entries. Default 10,000. At this limit a caller waits for room, and an entry
    /// without a waiting caller is dropped and counted. 0 means 1.
    pub max_waiting: usize,
    /// The maximum number of bytes in one batch: bodies, and names, types and values of message attributes. The
    /// default and the upper limit are 1 MiB. Set it lower for a queue with a lower `MaximumMessageSize`. A larger
    /// entry is refused.
    pub max_bytes: usize,
    /// How long the task of a queue stays without entries before it ends. Default 10 s. The next entry starts a new
    /// task.
    pub idle: Duration,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            max_calls_out: 8,
            linger: Duration::from_millis(5),
            delete_linger: Duration::from_millis(50),
            max_waiting: 10_000,
            max_bytes: MAX_MESSAGE_BYTES,
            idle: Duration::from_secs(10),
        }
    }
}

impl BatchOptions {
    pub(super) fn limits(&self, ordered: bool) -> Limits {
        Limits {
            entries: MAX_BATCH_ENTRIES,
            bytes: self.bytes(),
            calls_out: if ordered {
                1
            } else {
                self.max_calls_out.max(1)
            },
            ordered,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.max_bytes.min(MAX_MESSAGE_BYTES)
    }

    pub(super) fn room(&self) -> usize {
        self.max_waiting
            .clamp(1, tokio::sync::Semaphore::MAX_PERMITS)
    }
}
