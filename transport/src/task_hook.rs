//! Lets the user wrap every future that the framework runs.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{BoxFuture, Either};
use tokio::sync::oneshot;

use super::user_code::UserCode;
use crate::stats::Counters;

/// Wraps each task before it is spawned. The default wraps nothing and costs nothing.
#[derive(Clone, Default)]
pub struct TaskHook {
    hook: Option<Hook>,
    /// Where panics of the hook are counted.
    counters: Counters,
}

#[derive(Clone)]
struct Hook {
    wrap: Arc<Wrap>,
    code: UserCode,
}

type Wrap = dyn Fn(BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + Sync;

impl TaskHook {
    /// A hook that wraps each task with `wrap`.
    ///
    /// If `wrap`, or the future that it returns, panics, the task continues without the hook. A panic of the task
    /// itself passes through `wrap`'s future and ends the task.
    pub fn new<W>(wrap: W) -> Self
    where
        W: Fn(BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    {
        let hook = Hook {
            wrap: Arc::new(wrap),
            code: UserCode::of::<W>("the hook around tasks"),
        };
        Self {
            hook: Some(hook),
            counters: Counters::default(),
        }
    }

    /// The same hook, with its panics counted in `counters`.
    pub(super) fn counting(self, counters: Counters) -> Self {
        Self { counters, ..self }
    }

    /// The wrapped task, ready to be spawned. The hook does not see the task's output. If the hook drops the task
    /// before its end, the result never completes.
    ///
    /// # Cancel safety
    /// Dropping the result drops the wrapped task.
    pub fn wrap<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        let wrapped = self.wrap_or_lose(task);
        async move {
            match wrapped.await {
                Some(output) => output,
                None => std::future::pending().await,
            }
        }
    }

    /// Does the same as [`wrap`](Self::wrap), but returns `None` if the hook's future has ended before the task.
    ///
    /// # Cancel safety
    /// Dropping the result drops the wrapped task.
    pub fn wrap_or_lose<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send + 'static {
        let Some(hook) = self.hook.clone() else {
            return Either::Left(task.map(Some));
        };
        let counters = self.counters.clone();
        Either::Right(async move {
            let (put, output) = oneshot::channel();
            // The send fails only if this future, and the task with it, was dropped.
            hook.run(&counters, task.map(|output| drop(put.send(output))).boxed())
                .await;
            output.await.ok()
        })
    }
}

impl Hook {
    /// Ends with the task, or when the hook's future ends before the task.
    async fn run(self, counters: &Counters, task: BoxFuture<'static, ()>) {
        let task = SharedTask(Arc::new(Mutex::new(Progress::Running(task))));
        let given = task.clone().boxed();
        let Ok(wrapped) = self.code.call(counters, || (self.wrap)(given)) else {
            return task.await;
        };
        let mut wrapped = wrapped;
        let polled =
            poll_fn(
                |cx| match catch_unwind(AssertUnwindSafe(|| wrapped.poll_unpin(cx))) {
                    Ok(polled) => polled.map(Ok),
                    Err(panic) => Poll::Ready(Err(panic)),
                },
            );
        let ended = polled.await;
        let thrown_away = ended.is_ok();
        if let Err(panic) = ended {
            if task.panicked() {
                resume_unwind(panic);
            }
            self.code.report(counters, panic);
        }
        self.code.drop(counters, wrapped);
        if !thrown_away {
            task.await;
        }
    }
}

/// The task, shared by the hook and the framework. Only one of them polls it at a time.
#[derive(Clone)]
struct SharedTask(Arc<Mutex<Progress>>);

enum Progress {
    Running(BoxFuture<'static, ()>),
    /// The task is being polled. After a panic it stays in this state.
    Polled,
    Done,
}

impl SharedTask {
    fn replace(&self, by: Progress) -> Progress {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut progress, by)
    }

    fn panicked(&self) -> bool {
        let progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*progress, Progress::Polled)
    }
}

impl Future for SharedTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Progress::Running(mut task) = self.replace(Progress::Polled) else {
            self.replace(Progress::Done);
            return Poll::Ready(());
        };
        let polled = task.poll_unpin(cx);
        self.replace(match polled {
            Poll::Ready(()) => Progress::Done,
            Poll::Pending => Progress::Running(task),
        });
        polled
    }
}

impl fmt::Debug for TaskHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskHook")
            .field(&self.hook.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn tasks_pass_through_the_hook_and_return_their_output() {
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&polls);
        let hook = TaskHook::new(move |mut task| {
            let counted = Arc::clone(&counted);
            poll_fn(move |cx| {
                counted.fetch_add(1, Ordering::Relaxed);
                task.poll_unpin(cx)
            })
            .boxed()
        });
        assert_eq!(hook.wrap(async { 7 }).await, 7);
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        assert_eq!(TaskHook::default().wrap(async { 8 }).await, 8);
    }

    #[tokio::test]
    async fn a_hook_that_panics_does_not_stop_its_task() {
        let counters = Counters::default();
        let at_once = TaskHook::new(|_| panic!("at once")).counting(counters.clone());
        assert_eq!(at_once.wrap(async { 7 }).await, 7);
        let later = TaskHook::new(|mut task| {
            async move {
                assert!(futures::poll!(&mut task).is_pending());
                panic!("later")
            }
            .boxed()
        })
        .counting(counters.clone());
        let task = async {
            tokio::task::yield_now().await;
            8
        };
        assert_eq!(later.wrap(task).await, 8);
        assert_eq!(counters.of(crate::stats::Counter::Panics), 2);
    }

    #[tokio::test]
    async fn a_task_that_the_hook_drops_is_lost() {
        let hook = TaskHook::new(|task| {
            drop(task);
            std::future::ready(()).boxed()
        });
        assert_eq!(hook.wrap_or_lose(async { 7 }).await, None);
        assert_eq!(hook.wrap(async { 7 }).now_or_never(), None);
        assert_eq!(TaskHook::default().wrap_or_lose(async { 8 }).await, Some(8));
    }

    #[tokio::test]
    async fn a_panic_of_the_task_passes_through_the_hook() {
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        let hook = TaskHook::new(move |task| {
            let count = Arc::clone(&count);
            AssertUnwindSafe(task)
                .catch_unwind()
                .map(move |ended| {
                    if let Err(panic) = ended {
                        count.fetch_add(1, Ordering::Relaxed);
                        resume_unwind(panic);
                    }
                })
                .boxed()
        });
        let ended = tokio::spawn(hook.wrap(async { panic!("the task") })).await;
        assert!(ended.is_err_and(|error| error.is_panic()));
        assert_eq!(seen.load(Ordering::Relaxed), 1);
    }
}
