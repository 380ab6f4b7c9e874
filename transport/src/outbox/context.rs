//! What all lanes of an outbox share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::options::BatchOptions;
use super::table::Table;
use crate::{Sqs, Tasks};

/// What all lanes of an outbox share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) sqs: Sqs,
    pub(super) tasks: Tasks,
    pub(super) options: BatchOptions,
    /// Cancelled when nothing new is accepted any more: by the shutdown, by the last outbox's drop, or with the tasks.
    pub(super) closing: CancellationToken,
    /// Cancelled when the shutdown's time is up.
    pub(super) given_up: CancellationToken,
    /// Counts the workers.
    pub(super) workers: TaskTracker,
    /// What is being said about messages.
    pub(super) words: Arc<Table>,
}
