//! One type for all that handles requests, so that the driver is compiled once.

use std::fmt;
use std::future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tower_service::Service;

use super::Handler;
use crate::reply_error::BoxError;
use crate::{Reply, ReplyError, Request};

/// How a handler ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With a reply, which may be an error that the handler made one of.
    Reply(Reply),
    /// With an error.
    Failed(ReplyError),
    /// With a panic. What it said is not kept: the panic hook has printed it, and it may quote the request.
    Panicked,
}

/// A handler, or a tower service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct BoxedHandler(Arc<dyn Fn(Request) -> BoxFuture<'static, Outcome> + Send + Sync>);

impl BoxedHandler {
    pub(crate) fn of_handler<H, Args, S>(handler: H, state: S) -> Self
    where
        H: Handler<Args, S>,
        S: Clone + Send + Sync + 'static,
    {
        Self(Arc::new(move |request| {
            let (handler, state) = (handler.clone(), state.clone());
            catch(async move { handler.handle(request, state).await })
        }))
    }

    pub(crate) fn of_service<V>(service: V) -> Self
    where
        V: Service<Request, Response = Reply> + Clone + Send + Sync + 'static,
        V::Error: Into<BoxError>,
        V::Future: Send,
    {
        Self(Arc::new(move |request| {
            let mut service = service.clone();
            catch(async move {
                future::poll_fn(|cx| service.poll_ready(cx))
                    .await
                    .map_err(ReplyError::internal)?;
                service.call(request).await.map_err(ReplyError::internal)
            })
        }))
    }

    /// Starts to handle a request.
    pub(crate) fn handle(&self, request: Request) -> BoxFuture<'static, Outcome> {
        (self.0)(request)
    }
}

/// A panic ends the one request. What the handler shares with others is theirs to keep sound, as in any task.
fn catch(
    work: impl Future<Output = Result<Reply, ReplyError>> + Send + 'static,
) -> BoxFuture<'static, Outcome> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .map(|ended| match ended {
            Ok(Ok(reply)) => Outcome::Reply(reply),
            Ok(Err(error)) => Outcome::Failed(error),
            Err(_) => Outcome::Panicked,
        })
        .boxed()
}

impl fmt::Debug for BoxedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxedHandler").finish_non_exhaustive()
    }
}
