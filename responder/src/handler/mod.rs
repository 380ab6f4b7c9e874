//! Handlers in axum's style: async functions whose arguments are made from the request.
//!
//! Owns: which functions are handlers ([`Handler`]), how arguments are made ([`FromRequest`]), and how results become
//! replies ([`IntoReply`]). Does not own: when a handler runs. Invariant: the function is called only if all its
//! arguments could be made.

mod boxed;
mod extract;
mod from_request;
mod into_reply;
#[cfg(feature = "json")]
mod json;

pub(crate) use boxed::{BoxedHandler, Outcome};
pub use extract::{Attributes, Body, MessageId, State};
pub use from_request::{FromRef, FromRequest};
pub use into_reply::IntoReply;

use crate::{Reply, ReplyError, Request};

/// A function that handles requests.
///
/// It is implemented for functions and closures
/// - that are `async` (or return a future that is `Send`),
/// - with up to eight arguments, each of which implements [`FromRequest`],
/// - whose result implements [`IntoReply`],
/// - and which are `Clone + Send + Sync + 'static`.
///
/// `Args` is the tuple of the arguments' types, which the compiler infers. A handler runs as a task of the runtime and
/// must not block its thread: use `tokio::task::spawn_blocking` for blocking work.
///
/// # Examples
///
/// ```
/// use sqs_responder::{Body, Handler, State};
///
/// #[derive(Clone)]
/// struct Greeting(&'static str);
///
/// async fn greet(State(greeting): State<Greeting>, Body(name): Body) -> String {
///     format!("{}, {name}", greeting.0)
/// }
///
/// fn is_handler<Args>(_: impl Handler<Args, Greeting>) {}
/// is_handler(greet);
/// is_handler(async || "pong");
/// ```
///
/// A function with an argument that cannot be made does not compile. The compiler's message says which arguments are
/// allowed:
///
/// ```compile_fail
/// # use sqs_responder::{Handler, State};
/// # #[derive(Clone)]
/// # struct Greeting(&'static str);
/// # fn is_handler<Args>(_: impl Handler<Args, Greeting>) {}
/// async fn greet(State(count): State<u32>) -> String {
///     format!("{count} times hello")
/// }
///
/// is_handler(greet); // the state is a `Greeting`, which has no `u32`
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of requests",
    label = "not a handler",
    note = "a handler is an async function; its arguments implement `FromRequest` for the responder's state (`State`, `Json`, `Body`, `Attributes`, `Deadline`, `Request`, ..), and its result implements `IntoReply`",
    note = "an argument `State<T>` needs `Responder::builder(..).state(..)` with a `T`, or with a state from which `FromRef` makes one"
)]
pub trait Handler<Args, S>: Clone + Send + Sync + 'static {
    /// Handles one request.
    ///
    /// # Errors
    ///
    /// The errors of the function's arguments and of its result.
    ///
    /// # Cancel safety
    ///
    /// The same as that of the function. The future is dropped unfinished at the [handler's
    /// timeout](crate::HandlerTimeout), at the end of a shutdown's drain time, and when the [`Serve`](crate::Serve)
    /// future is dropped.
    fn handle(
        self,
        request: Request,
        state: S,
    ) -> impl Future<Output = Result<Reply, ReplyError>> + Send;
}

macro_rules! handler {
    ($($arg:ident),*) => {
        impl<F, Fut, R, S, $($arg),*> Handler<($($arg,)*), S> for F
        where
            F: Fn($($arg),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send,
            R: IntoReply,
            S: Send + Sync + 'static,
            $($arg: FromRequest<S> + Send,)*
        {
            #[allow(non_snake_case, reason = "the arguments are named as their types")]
            #[allow(unused_variables, reason = "without arguments the request is not looked at")]
            async fn handle(self, request: Request, state: S) -> Result<Reply, ReplyError> {
                $(let $arg = $arg::from_request(&request, &state)?;)*
                drop(request);
                self($($arg),*).await.into_reply()
            }
        }
    };
}

handler!();
handler!(A);
handler!(A, B);
handler!(A, B, C);
handler!(A, B, C, D);
handler!(A, B, C, D, E);
handler!(A, B, C, D, E, G);
handler!(A, B, C, D, E, G, H);
handler!(A, B, C, D, E, G, H, I);
