//! The traits that make a handler's arguments.

use sqs_rpc_protocol::{ContentType, IdempotencyKey, Operation, RequestId, TraceContext};

use crate::{Deadline, ReplyError, Request};

/// An argument of a handler: something that is made from a request and the responder's state.
///
/// `Option<..>` of the header's values says `None` where the requester sent none; the values themselves refuse such a
/// request. A Java requester sends no header at all.
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
    /// Makes it.
    ///
    /// # Errors
    ///
    /// What the requester is told instead of a result. The request is deleted then, as after a handler's error. After
    /// [`ReplyError::undecodable`] it stays for the dead-letter queue if the requester cannot be told, or with
    /// [`keep_undecodable`](crate::ResponderBuilder::keep_undecodable).
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
    /// Takes the part out.
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

/// A value of the header, as an option and as a must.
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
