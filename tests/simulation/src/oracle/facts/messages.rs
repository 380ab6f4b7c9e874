//! The facts about one message of a virtual queue.

use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct MessageFacts {
    /// How often SQS accepted it.
    pub(crate) accepted: u32,
    /// When SQS last accepted it, in true time.
    pub(crate) accepted_at: Duration,
    /// How often the user of its queue has received it.
    pub(crate) received: u32,
    /// Whether the user has called delete.
    pub(crate) asked_delete: bool,
    /// When the deletion took effect.
    pub(crate) deleted: Option<Duration>,
}
