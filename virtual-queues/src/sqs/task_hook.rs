//! What a user may do to every future that the framework runs.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Either};
use tokio::sync::oneshot;

/// Wraps each task before it is spawned. The default wraps nothing and costs nothing.
#[derive(Clone, Default)]
pub struct TaskHook(Option<Arc<Wrap>>);

type Wrap = dyn Fn(BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + Sync;

impl TaskHook {
    /// A hook that puts each task through `wrap`.
    pub fn new(
        wrap: impl Fn(BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(wrap)))
    }

    /// The task as it is to be spawned. Its output passes the hook by.
    ///
    /// # Cancel safety
    /// Dropping the result drops the wrapped task.
    pub fn wrap<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        let Some(wrap) = self.0.clone() else {
            return Either::Left(task);
        };
        Either::Right(async move {
            let (put, output) = oneshot::channel();
            // Nobody is there to take it only if this future was dropped, and the task with it.
            wrap(task.map(|output| drop(put.send(output))).boxed()).await;
            match output.await {
                Ok(output) => output,
                // A hook that ends before its task has thrown the task away: so does this.
                Err(_) => std::future::pending().await,
            }
        })
    }
}

impl fmt::Debug for TaskHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskHook").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn every_task_passes_through_the_hook_and_its_output_past_it() {
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&polls);
        let hook = TaskHook::new(move |mut task| {
            let counted = Arc::clone(&counted);
            std::future::poll_fn(move |cx| {
                counted.fetch_add(1, Ordering::Relaxed);
                task.poll_unpin(cx)
            })
            .boxed()
        });
        assert_eq!(hook.wrap(async { 7 }).await, 7);
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        assert_eq!(TaskHook::default().wrap(async { 8 }).await, 8);
    }
}
