//! This framework, with its default options but for the bounds that the load needs.

use std::future::IntoFuture as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqs_rpc::responder::{Body, Drained, ServeError};
use sqs_rpc::virtual_queues::sqs::{BatchOptions, Prefer, Sqs};
use sqs_rpc::{Requester, Responder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Contestant, Ends};
use crate::failure::Failure;

/// Longer than any load keeps a request waiting.
const TIMEOUT: Duration = Duration::from_secs(120);
const DRAIN: Duration = Duration::from_secs(25);

/// A requester and a responder.
pub(in crate::bench) struct Framework {
    requester: Requester,
    request_queue: String,
    /// Empty once it is stopped.
    responder: Mutex<Option<Serving>>,
}

struct Serving {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Drained, ServeError>>,
}

impl Framework {
    /// Starts both; the requester's host exists and can be used when this returns.
    pub(in crate::bench) async fn start(
        ends: &Ends,
        sqs: impl Fn(&aws_sdk_sqs::Client) -> Sqs,
        concurrency: usize,
        prefer: Prefer,
    ) -> Result<Self, Failure> {
        let batches = BatchOptions::preferring(prefer);
        Self::with(ends, sqs, concurrency, prefer, batches).await
    }

    /// The same with nobody waiting for company.
    pub(in crate::bench) async fn unbatched(
        ends: &Ends,
        sqs: impl Fn(&aws_sdk_sqs::Client) -> Sqs,
        concurrency: usize,
    ) -> Result<Self, Failure> {
        let prefer = Prefer::Latency;
        let mut batches = BatchOptions::preferring(prefer);
        batches.linger = Duration::ZERO;
        batches.delete_linger = Duration::ZERO;
        batches.max_calls_out = concurrency;
        Self::with(ends, sqs, concurrency, prefer, batches).await
    }

    async fn with(
        ends: &Ends,
        sqs: impl Fn(&aws_sdk_sqs::Client) -> Sqs,
        concurrency: usize,
        prefer: Prefer,
        batches: BatchOptions,
    ) -> Result<Self, Failure> {
        let requester = Requester::builder(sqs(&ends.asking))
            .timeout(TIMEOUT)
            .prefer(prefer)
            .batches(batches.clone())
            .build()
            .map_err(Failure::usage)?;
        requester.ready().await.map_err(Failure::other)?;
        let responder = Responder::builder(sqs(&ends.answering))
            .concurrency(concurrency.max(64))
            .prefer(prefer)
            .batches(batches)
            .build()
            .map_err(Failure::usage)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = responder
            .serve(&ends.request_queue, async |Body(body): Body| body)
            .drain(DRAIN)
            .with_graceful_shutdown(stopped.map(|_| ()));
        Ok(Self {
            requester,
            request_queue: ends.request_queue.clone(),
            responder: Mutex::new(Some(Serving {
                stop,
                task: tokio::spawn(serve.into_future()),
            })),
        })
    }
}

impl Contestant for Framework {
    fn call(&self, body: String) -> BoxFuture<'static, Result<(), Failure>> {
        let request = self.requester.request(&self.request_queue, body);
        request
            .send()
            .map(|reply| reply.map(drop).map_err(Failure::other))
            .boxed()
    }

    fn stop(&self) -> BoxFuture<'static, ()> {
        let requester = self.requester.clone();
        let mut responder = self
            .responder
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let responder = responder.take();
        async move {
            requester.shutdown(DRAIN).await;
            if let Some(Serving { stop, task }) = responder {
                drop(stop);
                // What was measured is measured; how the end went changes nothing.
                drop(task.await);
            }
        }
        .boxed()
    }
}
