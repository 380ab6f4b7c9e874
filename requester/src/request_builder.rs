//! [`RequestBuilder`]: a request and the requester that sends it.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::MessageAttributeValue;
use futures::future::BoxFuture;
use sqs_rpc_protocol::TraceContext;

use crate::exchange::exchange;
use crate::shared::Shared;
use crate::{Reply, Request, RequestError};

/// A request about to be sent, made by [`Requester::request`](crate::Requester::request): `.await` it, or call
/// [`send`](Self::send) where a plain future is needed.
///
/// The request is sent when its future is first polled, and its timeout begins then.
///
/// # Errors
///
/// See [`RequestErrorKind`](crate::RequestErrorKind) for all kinds and what to do about each. A mistake in the request
/// itself is found before any call.
///
/// # Delivery
///
/// [`RequestError::delivery`] says whether the request may have been sent. A responder may still handle a request that
/// timed out here; it drops requests whose deadline it knows to have passed.
///
/// # Cancel safety
///
/// Dropping the future gives the request up, which may have been sent. Its slot is free at once, and a reply that comes
/// later is deleted and counted ([`Stats::late_replies`](sqs_rpc_transport::Stats::late_replies)).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use sqs_requester::Requester;
/// use tokio::task::JoinSet;
///
/// # mod responder { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/echo.rs")); }
/// # let local = local_sqs::LocalSqs::start();
/// # let queue_url = local.create_queue("echo").await?;
/// # tokio::spawn(responder::echo(local.client(), queue_url.clone()));
/// let requester = Requester::new(&local.client());
/// let reply = requester
///     .request(&queue_url, "hello")
///     .timeout(Duration::from_secs(20))
///     .attribute("tenant", "a")
///     .idempotency_key("order-17")
///     .await?;
/// assert_eq!(reply.body(), "hello");
///
/// let mut tasks = JoinSet::new();
/// for i in 0..3 {
///     tasks.spawn(requester.request(&queue_url, format!("hello {i}")).send());
/// }
/// let replies = tasks.join_all().await;
/// assert!(replies.iter().all(Result::is_ok));
/// # requester.shutdown(Duration::from_secs(1)).await;
/// # Ok(())
/// # }
/// ```
#[must_use = "a request does nothing unless it is awaited"]
pub struct RequestBuilder {
    shared: Arc<Shared>,
    request: Request,
}

/// Gives [`RequestBuilder`] setters of [`Request`], where they are implemented and documented.
macro_rules! setters_of_request {
    ($($setter:ident($($argument:ident: $type:ty),*);)*) => {
        $(
            #[doc = concat!("See [`Request::", stringify!($setter), "`].")]
            pub fn $setter(self, $($argument: $type),*) -> Self {
                Self {
                    request: self.request.$setter($($argument),*),
                    ..self
                }
            }
        )*
    };
}

impl RequestBuilder {
    pub(crate) const fn new(shared: Arc<Shared>, request: Request) -> Self {
        Self { shared, request }
    }

    setters_of_request! {
        timeout(timeout: Duration);
        attribute(name: impl Into<String>, value: impl Into<String>);
        message_attribute(name: impl Into<String>, value: MessageAttributeValue);
        group(group: impl Into<String>);
        idempotency_key(key: impl AsRef<str>);
        trace_context(context: TraceContext);
    }

    /// Sends the request and returns its reply as a plain future, for `JoinSet::spawn`, `join_all` and the like.
    /// Nothing is sent before the first poll.
    ///
    /// # Errors
    ///
    /// See [`RequestBuilder`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up; see [`RequestBuilder`].
    pub fn send(self) -> impl Future<Output = Result<Reply, RequestError>> + Send + 'static {
        exchange(self.shared, self.request)
    }
}

impl IntoFuture for RequestBuilder {
    type Output = Result<Reply, RequestError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "json")]
mod json {
    use super::*;
    use serde::de::DeserializeOwned;
    use std::marker::PhantomData;

    impl RequestBuilder {
        /// Reads the reply's body as JSON, like [`Reply::json`]: awaiting the result returns a `T`.
        ///
        /// # Examples
        ///
        /// ```
        /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// use sqs_requester::{Json, Requester};
        ///
        /// # mod responder { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/echo.rs")); }
        /// # let local = local_sqs::LocalSqs::start();
        /// # let queue_url = local.create_queue("echo").await?;
        /// # tokio::spawn(responder::echo(local.client(), queue_url.clone()));
        /// # let requester = Requester::new(&local.client());
        /// let numbers: Vec<u32> = requester.request(&queue_url, Json([1, 2, 3])).json().await?;
        /// assert_eq!(numbers, [1, 2, 3]);
        /// # requester.shutdown(std::time::Duration::from_secs(1)).await;
        /// # Ok(())
        /// # }
        /// ```
        pub fn json<T: DeserializeOwned + 'static>(self) -> JsonRequest<T> {
            JsonRequest {
                request: self,
                reply: PhantomData,
            }
        }
    }

    /// A request about to be sent whose reply is read as JSON. Made by [`RequestBuilder::json`].
    ///
    /// Errors, delivery and cancel safety are those of [`RequestBuilder`]. There is also an error of kind
    /// [`Codec`](crate::RequestErrorKind::Codec) if the reply's body is not a `T` in JSON.
    #[must_use = "a request does nothing unless it is awaited"]
    pub struct JsonRequest<T> {
        request: RequestBuilder,
        reply: PhantomData<fn() -> T>,
    }

    impl<T: DeserializeOwned + 'static> JsonRequest<T> {
        /// Sends the request and returns its reply as a plain future, like [`RequestBuilder::send`].
        ///
        /// # Errors
        ///
        /// See [`JsonRequest`].
        ///
        /// # Cancel safety
        ///
        /// Dropping the future gives the request up; see [`RequestBuilder`].
        pub fn send(self) -> impl Future<Output = Result<T, RequestError>> + Send + 'static {
            let reply = self.request.send();
            async move { reply.await?.json() }
        }
    }

    impl<T: DeserializeOwned + 'static> IntoFuture for JsonRequest<T> {
        type Output = Result<T, RequestError>;
        type IntoFuture = BoxFuture<'static, Self::Output>;

        fn into_future(self) -> Self::IntoFuture {
            Box::pin(self.send())
        }
    }

    impl<T> fmt::Debug for JsonRequest<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("JsonRequest")
                .field("request", &self.request.request)
                .finish_non_exhaustive()
        }
    }
}

#[cfg(feature = "json")]
pub use json::JsonRequest;
