//! A message as it lies in a queue.

use super::Timestamp;
use super::api::MessageAttribute;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A message's number: unique in an engine and never used again, in order of sending.
pub(super) type Number = u64;

/// What was sent, and what is known of it since.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: Arc<str>,
    pub(super) body: Arc<str>,
    pub(super) md5: Arc<str>,
    /// Of all of them; a receive may show fewer.
    pub(super) md5_of_attributes: Option<Arc<str>>,
    pub(super) attributes: BTreeMap<Arc<str>, MessageAttribute>,
    pub(super) trace_header: Option<Arc<str>>,
    pub(super) sender: Arc<str>,
    /// Shown as `SentTimestamp`.
    pub(super) sent: Timestamp,
    /// Retention counts from here; a dead-letter queue of a standard queue keeps it.
    pub(super) enqueued: Timestamp,
    pub(super) group: Option<Arc<str>>,
    pub(super) deduplication_id: Option<Arc<str>>,
    pub(super) sequence_number: Option<u64>,
    /// The ARN of the queue it was moved away from, as a dead letter.
    pub(super) dead_letter_source: Option<Arc<str>>,
    pub(super) receives: u32,
    /// Receives from the queue that it lies in: a dead letter begins again.
    pub(super) receives_here: u32,
    pub(super) first_received: Option<Timestamp>,
}
