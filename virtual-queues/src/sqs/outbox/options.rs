//! What a user may set about batches.

use std::time::Duration;

use sqs_rpc_protocol::limits::MAX_MESSAGE_BYTES;

use super::coalescer::Limits;

/// The most entries that one batch takes (SQS).
pub(super) const MAX_BATCH_ENTRIES: usize = 10;

/// Bounds and waits of an [`Outbox`](super::Outbox). All of them count per queue and kind of call.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sqs_virtual_queues::sqs::BatchOptions;
///
/// let mut options = BatchOptions::default();
/// options.linger = Duration::from_millis(20); // fewer calls, later
/// assert_eq!(options.max_calls_out, 8);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BatchOptions {
    /// The most calls out at a time. Default 8. 1 (and 0, which means 1) gives the fullest batches, but one stuck call
    /// holds up all behind it. Sends to a FIFO queue go one call at a time, whatever is set here.
    pub max_calls_out: usize,
    /// How long an entry waits for company while a call is out; with none out it goes at once. Default 5 ms. Zero: it
    /// goes at once even then, and batches are filled only by what comes in the same turn of the scheduler.
    pub linger: Duration,
    /// How long an entry that nobody waits for (`delete_later`, `change_visibility_later`) waits for company, call out
    /// or not. Default 50 ms. Keep it well under the visibility timeout. On a FIFO queue deletes, and changes to zero, do
    /// not wait, whatever is set here: their group would wait with them.
    pub delete_linger: Duration,
    /// The most entries accepted and not yet answered. Default 10,000. At the bound a caller waits for room, and an
    /// entry that nobody waits for is dropped and counted. 0 means 1.
    pub max_waiting: usize,
    /// The most bytes in one batch: bodies, and names, types and values of message attributes. Default, and the most,
    /// 1 MiB; set it lower for a queue whose `MaximumMessageSize` is lower. An entry above it is refused.
    pub max_bytes: usize,
    /// After how long with nothing to do the task of a queue ends. Default 10 s. The next entry starts another.
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
