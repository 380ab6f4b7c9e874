//! What is known of one message of a virtual queue.

use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct MessageFacts {
    /// How often SQS accepted it.
    pub(crate) accepted: u32,
    /// When SQS accepted it last, in true time.
    pub(crate) accepted_at: Duration,
    /// How many of them were received by the user of its queue.
    pub(crate) received: u32,
    /// The user has asked for its deletion.
    pub(crate) asked_delete: bool,
    /// The deletion took effect.
    pub(crate) deleted: bool,
}
