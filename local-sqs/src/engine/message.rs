//! A message in a queue.

use super::Timestamp;
use super::api::MessageAttribute;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A message's number: unique in an engine, never reused, and in order of sending.
pub(super) type Number = u64;

/// The sent message, and the facts that are recorded about it since.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: Arc<str>,
    pub(super) body: Arc<str>,
    pub(super) md5: Arc<str>,
    /// The digest of all attributes; a receive may return fewer attributes.
    pub(super) md5_of_attributes: Option<Arc<str>>,
    pub(super) attributes: BTreeMap<Arc<str>, MessageAttribute>,
    pub(super) trace_header: Option<Arc<str>>,
    pub(super) sender: Arc<str>,
    /// Shown as `SentTimestamp`.
    pub(super) sent: Timestamp,
    /// The retention period begins here. A dead-letter queue of a standard queue keeps this time.
    pub(super) enqueued: Timestamp,
    pub(super) group: Option<Arc<str>>,
    pub(super) deduplication_id: Option<Arc<str>>,
    pub(super) sequence_number: Option<u64>,
    /// The ARN of the queue that the message was moved from as a dead letter.
    pub(super) dead_letter_source: Option<Arc<str>>,
    pub(super) receives: u32,
    /// Receives from the current queue: a dead letter begins at zero.
    pub(super) receives_here: u32,
    pub(super) first_received: Option<Timestamp>,
}
