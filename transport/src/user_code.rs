//! Calls the user's code: handlers, hooks, and any other code that is not part of this framework.
//!
//! Owns: the effect of a panic in such code. The panic is caught, logged and counted. It ends neither a driver nor
//! another handler. Does not own: what happens to the message or request for which the code was called.
//!
//! A caught panic contains no location. Only a panic hook receives the `Location`, and a library must not set the
//! panic hook, because it belongs to the process. The log line has the panicking function as a type name
//! (`my_service::main::{{closure}}`) and the panic's text. The process's own panic hook prints file and line.
//!
//! **Invariant:** no panic of the user's code, or of a destructor of its values, propagates out of this module.

use std::any::{Any, type_name};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::stats::{Counter, Counters};

/// A function or future of the user, with its names for the log.
#[derive(Debug, Clone, Copy)]
pub struct UserCode {
    what: &'static str,
    function: &'static str,
    is_confidential: bool,
}

/// The user's code panicked. The panic is already logged and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the user's code panicked")]
pub struct Panicked;

/// A future of the user, created by [`UserCode::run`].
///
/// After a panic it is not polled again. Panics of its destructor are caught, whether the future has ended or not.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct Guarded<F: Future + ?Sized> {
    code: UserCode,
    counters: Counters,
    /// `None` once the future has ended. Boxed, because a panic of a destructor can only be caught if the value can
    /// be moved.
    future: Option<Pin<Box<F>>>,
}

/// The maximum number of bytes of a panic's text that is logged.
const LONGEST_TEXT: usize = 500;

impl UserCode {
    /// Code of type `F`. `what` describes it, for example "the orphan hook".
    #[must_use]
    pub fn of<F: ?Sized>(what: &'static str) -> Self {
        Self {
            what,
            function: type_name::<F>(),
            is_confidential: false,
        }
    }

    /// Keeps the text of its panics out of the log, because the text may quote a message. The process's own panic
    /// hook still prints the text.
    #[must_use]
    pub const fn confidential(self) -> Self {
        Self {
            is_confidential: true,
            ..self
        }
    }

    /// Calls a function and catches its panic.
    ///
    /// The function's captured values may be left half changed after a panic. They belong to the user; this module
    /// shares none of its own values with the function.
    ///
    /// # Errors
    /// [`Panicked`].
    ///
    /// # Examples
    /// ```
    /// use sqs_rpc_transport::{Panicked, UserCode};
    ///
    /// let counters = sqs_rpc_transport::Counters::default();
    /// let hook = || -> u32 { "x".parse().unwrap() };
    /// let called = UserCode::of::<fn() -> u32>("the hook").call(&counters, hook);
    /// assert_eq!(called, Err(Panicked));
    /// assert_eq!(counters.snapshot().panics, 1);
    /// ```
    pub fn call<T>(self, counters: &Counters, function: impl FnOnce() -> T) -> Result<T, Panicked> {
        catch_unwind(AssertUnwindSafe(function)).map_err(|payload| {
            self.report(counters, payload);
            Panicked
        })
    }

    /// Runs a future. Returns the future's output, or [`Panicked`].
    ///
    /// # Cancel safety
    /// Dropping the result drops the user's future. A panic of its destructor is caught.
    pub fn run<F: Future>(self, counters: &Counters, future: F) -> Guarded<F> {
        self.run_boxed(counters, Box::pin(future))
    }

    /// Does the same as [`run`](Self::run) with a future that is already boxed.
    ///
    /// # Cancel safety
    /// As [`run`](Self::run).
    pub fn run_boxed<F: Future + ?Sized>(
        self,
        counters: &Counters,
        future: Pin<Box<F>>,
    ) -> Guarded<F> {
        Guarded {
            code: self,
            counters: counters.clone(),
            future: Some(future),
        }
    }

    /// Drops a value of the user and catches a panic of its destructor.
    pub fn drop<T>(self, counters: &Counters, value: T) {
        // A panic is already reported, and nothing else can be done.
        let _ = self.call(counters, || drop(value));
    }

    pub(super) fn report(self, counters: &Counters, payload: Box<dyn Any + Send>) {
        counters.count(Counter::Panics);
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("(the panic carries no text)");
        let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
        let text = (!self.is_confidential).then_some(text);
        tracing::error!(
            what = self.what,
            function = self.function,
            panic = text,
            "the user's code panicked"
        );
        // The payload is a value of the user, too (`panic_any`), so its destructor may panic.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
    }
}

impl<F: Future + ?Sized> Future for Guarded<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            code,
            counters,
            future,
        } = &mut *self;
        let Some(running) = future else {
            return Poll::Pending;
        };
        let polled = code.call(counters, || running.as_mut().poll(cx));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                code.drop(counters, future.take());
                Poll::Ready(Ok(output))
            }
            Err(panicked) => {
                code.drop(counters, future.take());
                Poll::Ready(Err(panicked))
            }
        }
    }
}

impl<F: Future + ?Sized> Drop for Guarded<F> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            self.code.drop(&self.counters, future);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// Panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }

    fn code() -> UserCode {
        UserCode::of::<Bomb>("the test")
    }

    #[test]
    fn a_panic_is_caught_and_counted_for_any_payload() {
        let counters = Counters::default();
        let caught = code().call(&counters, || panic!("{} text", "a"));
        assert_eq!(caught, Err::<(), _>(Panicked));
        let payload = code().call(&counters, || std::panic::panic_any(Bomb));
        assert_eq!(payload, Err::<(), _>(Panicked));
        assert_eq!(code().call(&counters, || 7), Ok(7));
        assert_eq!(counters.of(Counter::Panics), 2);
    }

    #[test]
    fn a_future_may_panic_when_polled_and_when_dropped() {
        let counters = Counters::default();
        let panics = code().run(&counters, async {
            let _bomb = Bomb;
            std::future::ready(()).await;
        });
        assert_eq!(panics.now_or_never(), Some(Err(Panicked)));
        assert_eq!(counters.of(Counter::Panics), 1);

        let waits = code().run(&counters, async {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
        });
        assert_eq!(waits.now_or_never(), None);
        assert_eq!(counters.of(Counter::Panics), 2, "dropped while it waited");
        drop(code().run(&counters, std::future::ready(Bomb).map(|_| ())));
        assert_eq!(counters.of(Counter::Panics), 3, "dropped before it ran");
    }
}
