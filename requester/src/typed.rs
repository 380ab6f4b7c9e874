//! [`TypedService`]: one queue, with the types of its requests and replies.

use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqs_rpc_protocol::QueueUrl;
use tower_service::Service;

use crate::{Json, JsonRequest, Request, RequestError, Requester};

/// One queue, with requests of type `Q` and replies of type `R`, both in JSON. Made by [`Requester::typed`].
///
/// It is a [`tower_service::Service`] of `Q`. Without tower, use [`request`](Self::request). Cheap to clone.
pub struct TypedService<Q, R> {
    requester: Requester,
    queue: Result<QueueUrl, RequestError>,
    timeout: Option<Duration>,
    types: PhantomData<fn(Q) -> R>,
}

impl Requester {
    /// Makes a service of one queue, with the types of its requests and replies.
    ///
    /// If the URL is malformed, each request fails with kind [`InvalidRequest`](crate::RequestErrorKind::InvalidRequest).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use serde::{Deserialize, Serialize};
    /// use sqs_requester::Requester;
    /// use tower::{ServiceBuilder, ServiceExt};
    ///
    /// #[derive(Serialize, Deserialize, Debug, PartialEq)]
    /// struct Ping {
    ///     number: u32,
    /// }
    ///
    /// # mod responder { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/echo.rs")); }
    /// # let local = local_sqs::LocalSqs::start();
    /// # let queue_url = local.create_queue("echo").await?;
    /// # tokio::spawn(responder::echo(local.client(), queue_url.clone()));
    /// # let requester = Requester::new(&local.client());
    /// let pings = requester.typed::<Ping, Ping>(&queue_url);
    /// assert_eq!(pings.request(&Ping { number: 1 }).await?, Ping { number: 1 });
    ///
    /// // With a layer of tower:
    /// let limited = ServiceBuilder::new().concurrency_limit(64).service(pings);
    /// assert_eq!(limited.oneshot(Ping { number: 2 }).await?, Ping { number: 2 });
    /// # requester.shutdown(std::time::Duration::from_secs(1)).await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn typed<Q, R>(&self, queue_url: impl AsRef<str>) -> TypedService<Q, R> {
        let queue = QueueUrl::parse(queue_url.as_ref()).map_err(RequestError::invalid);
        TypedService {
            requester: self.clone(),
            queue,
            timeout: None,
            types: PhantomData,
        }
    }
}

impl<Q, R> TypedService<Q, R> {
    /// How long each request waits for its reply. Default and bounds: those of [`Request::timeout`].
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..self
        }
    }
}

impl<Q: Serialize, R: DeserializeOwned + 'static> TypedService<Q, R> {
    /// Prepares a request with this body: `.await` it, or [`send`](JsonRequest::send) it. Errors, delivery and cancel
    /// safety are those of [`JsonRequest`].
    pub fn request(&self, body: &Q) -> JsonRequest<R> {
        let request = Request::to(self.queue.clone(), Json(body));
        let request = match self.timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        };
        self.requester.prepare(request).json()
    }
}

impl<Q: Serialize, R: DeserializeOwned + 'static> Service<Q> for TypedService<Q, R> {
    type Response = R;
    type Error = RequestError;
    type Future = BoxFuture<'static, Result<R, RequestError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RequestError>> {
        self.requester.poll_ready(cx)
    }

    fn call(&mut self, body: Q) -> Self::Future {
        Box::pin(self.request(&body).send())
    }
}

impl<Q, R> Clone for TypedService<Q, R> {
    fn clone(&self) -> Self {
        Self {
            requester: self.requester.clone(),
            queue: self.queue.clone(),
            timeout: self.timeout,
            types: PhantomData,
        }
    }
}

impl<Q, R> fmt::Debug for TypedService<Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedService")
            .field("queue", &self.queue)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
