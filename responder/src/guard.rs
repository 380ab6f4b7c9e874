//! Runs code of the user so that its panics end there.
//!
//! Owns: catching a panic of a future's start, of each of its polls and of its drop, and what is said of it. Does not
//! count. Invariant: nothing in here unwinds into the caller, also if what a panic carries panics when it is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

/// A future of the user. It is dropped as soon as it ends.
pub(crate) struct Guarded<T> {
    /// For the log: whose code it is.
    what: &'static str,
    work: Option<BoxFuture<'static, T>>,
    on_drop_panic: Option<Box<dyn FnOnce() + Send>>,
}

/// The user's code panicked; that was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

impl<T> Guarded<T> {
    /// Guards `work`. `on_drop_panic` is called if its drop panics, which does not change its outcome.
    pub(crate) fn new(
        what: &'static str,
        work: BoxFuture<'static, T>,
        on_drop_panic: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self {
            what,
            work: Some(work),
            on_drop_panic: Some(Box::new(on_drop_panic)),
        }
    }

    fn drop_work(&mut self) {
        let work = self.work.take();
        if caught("drop", self.what, || drop(work)).is_err()
            && let Some(tell) = self.on_drop_panic.take()
        {
            tell();
        }
    }
}

impl<T> Future for Guarded<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let what = self.what;
        let Some(work) = &mut self.work else {
            return Poll::Ready(Err(Panicked));
        };
        let ended = match caught("run", what, || work.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(ended)) => Ok(ended),
            Err(panicked) => Err(panicked),
        };
        self.drop_work();
        Poll::Ready(ended)
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        self.drop_work();
    }
}

/// Runs code of the user. What it shares with others is its own to keep sound, as in any task.
pub(crate) fn caught<T>(
    when: &'static str,
    what: &'static str,
    work: impl FnOnce() -> T,
) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        // What it says may quote the request: the panic hook has it, and no line of ours.
        tracing::error!(when, "{what} panicked");
        // What a panic carries is the user's, too.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
            std::mem::forget(again);
        }
        Panicked
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }

    fn guarded<T: 'static>(
        work: impl Future<Output = T> + Send + 'static,
    ) -> (Guarded<T>, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let tell = move || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        (Guarded::new("a test", work.boxed(), tell), count)
    }

    #[test]
    fn a_panic_while_it_runs_is_its_outcome() {
        let (work, _) = guarded(async { panic!("x") });
        assert_eq!(work.now_or_never(), Some(Err::<(), _>(Panicked)));
    }

    #[test]
    fn a_panic_in_its_drop_ends_there_and_is_told() {
        let bomb = Bomb;
        let (work, told) = guarded(async move {
            std::future::pending::<()>().await;
            drop(bomb);
        });
        drop(work);
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_a_panic_carries_may_panic_when_dropped() {
        let (work, _) = guarded(async { std::panic::panic_any(Bomb) });
        assert_eq!(work.now_or_never(), Some(Err::<(), _>(Panicked)));
    }
}
