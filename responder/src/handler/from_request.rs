//! [`FromRequest`] and [`FromRef`]: the traits that make a handler's arguments.

use sqs_rpc_protocol::{ContentType, IdempotencyKey, Operation, RequestId, TraceContext};

use crate::{Deadline, ReplyError, Request};

/// An argument of a handler, which is made from a request and the responder's state.
///
/// Values of the header can be arguments directly or in `Option`. If the requester did not send the value, the `Option`
/// is `None`, and without `Option` the request is refused as undecodable. A Java requester sends no header at all.
///
/// # Examples
///
/// ```
/// use sqs_responder::{ErrorCode, FromRequest, ReplyError, Request};
///
/// struct Tenant(String);
///
/// impl<S> FromRequest<S> for Tenant {
///     fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
///         match request.attribute("tenant").and_then(|value| value.string_value()) {
///             Some(tenant) => Ok(Self(tenant.to_owned())),
///             None => Err(ReplyError::new(ErrorCode::from_static("no_tenant"), "say which tenant")),
///         }
///     }
/// }
///
/// async fn orders(Tenant(tenant): Tenant) -> String {
///     format!("the orders of {tenant}")
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an argument of a handler whose state is `{S}`",
    label = "not an argument of a handler",
    note = "`State<T>` needs a state from which `FromRef` makes a `T`; `Json<T>` needs `T: serde::de::DeserializeOwned`"
)]
pub trait FromRequest<S>: Sized {
    /// Makes the argument.
    ///
    /// # Errors
    ///
    /// The error reply that the requester gets. The handler does not run, and the request is deleted, as after a
    /// handler's error. After [`ReplyError::undecodable`] the request stays for the dead-letter queue if the reply
    /// cannot be sent, or with [`keep_undecodable`](crate::ResponderBuilder::keep_undecodable).
    fn from_request(request: &Request, state: &S) -> Result<Self, ReplyError>;
}

/// A part of the responder's state. Every state is a part of itself.
///
/// # Examples
///
/// ```
/// use sqs_responder::{FromRef, State};
///
/// #[derive(Clone)]
/// struct Db;
///
/// #[derive(Clone)]
/// struct App {
///     db: Db,
/// }
///
/// impl FromRef<App> for Db {
///     fn from_ref(app: &App) -> Self {
///         app.db.clone()
///     }
/// }
///
/// async fn login(State(db): State<Db>) -> &'static str {
///     "welcome"
/// }
/// ```
pub trait FromRef<S> {
    /// Makes the part from the state.
    fn from_ref(state: &S) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    fn from_ref(state: &T) -> Self {
        state.clone()
    }
}

impl<S> FromRequest<S> for Request {
    fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
        Ok(request.clone())
    }
}

impl<S> FromRequest<S> for Deadline {
    fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
        Ok(request.deadline().clone())
    }
}

/// Implements [`FromRequest`] for a value of the header, optional and required.
macro_rules! of_header {
    ($($type:ty, $name:literal, $take:expr;)*) => {$(
        impl<S> FromRequest<S> for Option<$type> {
            fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
                Ok($take(request))
            }
        }

        impl<S> FromRequest<S> for $type {
            fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
                $take(request).ok_or_else(|| ReplyError::undecodable(concat!("the request has no ", $name)))
            }
        }
    )*};
}

of_header! {
    RequestId, "id", |request: &Request| request.request_id();
    IdempotencyKey, "idempotency key", |request: &Request| request.idempotency_key().cloned();
    Operation, "operation", |request: &Request| request.operation().cloned();
    ContentType, "content type", |request: &Request| request.content_type().cloned();
    TraceContext, "trace context", |request: &Request| request.trace_context().cloned();
}
