//! The tasks of one driver: owned, counted, and stopped in order.

use std::fmt;

use tokio::runtime::{Handle, Id};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::{Clock, Elapsed, Moment};
use super::task_hook::TaskHook;

/// A set of tasks with one way to stop them. Cheap to clone; clones share the set.
///
/// **Invariant:** every task of the crate is in such a set. A task watches [`stopping`](Self::stopping) and ends by
/// itself. Tasks are not aborted, because an aborted poll may already have received messages.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    handle: Handle,
    hook: TaskHook,
}

/// There is no Tokio runtime to run tasks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no Tokio runtime here")]
pub struct NoRuntime;

impl Tasks {
    /// An empty set whose tasks will run on the current runtime.
    ///
    /// # Errors
    /// [`NoRuntime`] outside of a Tokio runtime.
    pub fn on_current_runtime() -> Result<Self, NoRuntime> {
        Self::with_hook(TaskHook::default())
    }

    /// Does the same as [`on_current_runtime`](Self::on_current_runtime), with each task wrapped by `hook` before it
    /// is spawned.
    ///
    /// # Errors
    /// [`NoRuntime`] outside of a Tokio runtime.
    pub fn with_hook(hook: TaskHook) -> Result<Self, NoRuntime> {
        let handle = Handle::try_current().map_err(|_| NoRuntime)?;
        Ok(Self {
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            handle,
            hook,
        })
    }

    /// Starts a task. On a runtime that has ended, `task` is dropped at once, so waiters must detect that drop.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // The join handle is not needed: the tracker counts the task.
        drop(self.tracker.spawn_on(self.hook.wrap(task), &self.handle));
    }

    /// The runtime that they run on.
    #[must_use]
    pub fn runtime(&self) -> Id {
        self.handle.id()
    }

    /// The token that is cancelled when the tasks must end.
    #[must_use]
    pub const fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Asks all tasks to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Asks all tasks to end and waits for them until `at`.
    ///
    /// # Errors
    /// [`Elapsed`] if some tasks were still running at `at`. They continue until they end by themselves.
    pub async fn stopped_by(&self, clock: &Clock, at: Moment) -> Result<(), Elapsed> {
        self.stop();
        self.tracker.close();
        clock.timeout_at(at, self.tracker.wait()).await
    }

    /// The number of tasks that have not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tracker.len()
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}
