//! One type for all that handles requests, so that the driver is compiled once.

use std::fmt;
use std::future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqs_virtual_queues::Counter;
use sqs_virtual_queues::sqs::{Moment, Sqs};
use tower_service::Service;

use super::Handler;
use crate::guard::Guarded;
use crate::reply_error::BoxError;
use crate::{Reply, ReplyError, Request};

/// How a handler ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With a reply, which may be an error that the handler made one of.
    Reply(Reply),
    /// With an error.
    Failed(ReplyError),
    /// With a panic, which was logged where it was caught. What it said is not kept: it may quote the request.
    Panicked,
    /// It was dropped, since its time was over.
    Expired,
}

type Ended = Result<Reply, ReplyError>;

/// A handler, or a tower service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct BoxedHandler(Arc<dyn Fn(Request) -> BoxFuture<'static, Ended> + Send + Sync>);

impl BoxedHandler {
    pub(crate) fn of_handler<H, Args, S>(handler: H, state: S) -> Self
    where
        H: Handler<Args, S>,
        S: Clone + Send + Sync + 'static,
    {
        Self(Arc::new(move |request| {
            let (handler, state) = (handler.clone(), state.clone());
            async move { handler.handle(request, state).await }.boxed()
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
            async move {
                future::poll_fn(|cx| service.poll_ready(cx))
                    .await
                    .map_err(ReplyError::internal)?;
                service.call(request).await.map_err(ReplyError::internal)
            }
            .boxed()
        }))
    }

    /// Handles a request, `until` then at the most. A panic ends the one request.
    pub(crate) async fn handle(
        &self,
        request: Request,
        sqs: &Sqs,
        until: Option<Moment>,
    ) -> Outcome {
        let start = Arc::clone(&self.0);
        let counters = sqs.clone();
        let work = Guarded::new(
            "the handler",
            // Not before its first poll: the clones that it makes are code of the user.
            async move { start(request).await }.boxed(),
            move || counters.counters().count(Counter::Panics),
        );
        let ended = match until {
            None => work.await,
            Some(until) => match sqs.clock().timeout_at(until, work).await {
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

impl fmt::Debug for BoxedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxedHandler").finish_non_exhaustive()
    }
}
