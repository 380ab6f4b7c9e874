//! One type for all handlers and services, so that the driver is compiled once.

use std::fmt;
use std::future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqs_rpc_transport::{Clock, Counters, Moment, UserCode};
use tower_service::Service;

use super::Handler;
use crate::reply_error::BoxError;
use crate::{Reply, ReplyError, Request};

/// How a handler ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With a reply, which may be an error reply.
    Reply(Reply),
    /// With an error.
    Failed(ReplyError),
    /// With a panic, which was logged and counted where it was caught. The panic's message is not kept, because it may
    /// quote the request.
    Panicked,
    /// The handler was dropped at its timeout.
    Expired,
}

type HandlerResult = Result<Reply, ReplyError>;

/// A handler, or a tower service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct BoxedHandler {
    /// `None` only during the drop.
    start: Option<Arc<Start>>,
    code: UserCode,
    counters: Counters,
}

type Start = dyn Fn(Request) -> BoxFuture<'static, HandlerResult> + Send + Sync;

impl BoxedHandler {
    pub(crate) fn of_handler<H, Args, S>(handler: H, state: S, counters: &Counters) -> Self
    where
        H: Handler<Args, S>,
        S: Clone + Send + Sync + 'static,
    {
        Self::new::<H>(counters, move |request| {
            let (handler, state) = (handler.clone(), state.clone());
            async move { handler.handle(request, state).await }.boxed()
        })
    }

    pub(crate) fn of_service<V>(service: V, counters: &Counters) -> Self
    where
        V: Service<Request, Response = Reply> + Clone + Send + Sync + 'static,
        V::Error: Into<BoxError>,
        V::Future: Send,
    {
        Self::new::<V>(counters, move |request| {
            let mut service = service.clone();
            async move {
                future::poll_fn(|cx| service.poll_ready(cx))
                    .await
                    .map_err(ReplyError::internal)?;
                service.call(request).await.map_err(ReplyError::internal)
            }
            .boxed()
        })
    }

    fn new<C>(
        counters: &Counters,
        start: impl Fn(Request) -> BoxFuture<'static, HandlerResult> + Send + Sync + 'static,
    ) -> Self {
        Self {
            start: Some(Arc::new(start)),
            code: UserCode::of::<C>("the handler").confidential(),
            counters: counters.clone(),
        }
    }

    /// Handles a request, at most `until` that moment. A panic fails only this request.
    pub(crate) async fn handle(
        &self,
        request: Request,
        clock: &Clock,
        until: Option<Moment>,
    ) -> Outcome {
        let Some(start) = self.start.clone() else {
            return Outcome::Panicked;
        };
        // `start` runs within the first poll, because it clones the handler and the state, which is code of the user.
        let work = self
            .code
            .run(&self.counters, async move { start(request).await });
        let ended = match until {
            None => work.await,
            Some(until) => match clock.timeout_at(until, work).await {
                Ok(ended) => ended,
                Err(_) => return Outcome::Expired,
            },
        };
        match ended {
            Ok(Ok(reply)) => Outcome::Reply(reply),
            Ok(Err(error)) => Outcome::Failed(error),
            Err(_) => Outcome::Panicked,
        }
    }
}

impl Drop for BoxedHandler {
    fn drop(&mut self) {
        // Dropping the last clone drops the values that the handler has captured, which is code of the user.
        self.code.drop(&self.counters, self.start.take());
    }
}

impl fmt::Debug for BoxedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxedHandler").finish_non_exhaustive()
    }
}
