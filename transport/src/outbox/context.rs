//! The state that all lanes of an outbox share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::options::BatchOptions;
use super::table::Table;
use crate::{Sqs, Tasks};

/// The state that all lanes of an outbox share.
#[derive(Debug)]
pub(super) struct OutboxContext {
    pub(super) sqs: Sqs,
    pub(super) tasks: Tasks,
    pub(super) options: BatchOptions,
    /// Cancelled when new entries are refused: by the shutdown, by the drop of the last outbox, or with the tasks.
    pub(super) closing: CancellationToken,
    /// Cancelled at the end of the time for the shutdown.
    pub(super) given_up: CancellationToken,
    /// Counts the workers.
    pub(super) workers: TaskTracker,
    /// The operations on messages.
    pub(super) words: Arc<Table>,
}
