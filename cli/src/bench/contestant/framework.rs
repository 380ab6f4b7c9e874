//! This framework with its default options, except the limits that the load needs.

use std::future::IntoFuture as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqs_rpc::responder::{Body, Drained, ServeError};
use sqs_rpc::transport::{BatchOptions, Prefer, Sqs};
use sqs_rpc::{Requester, Responder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Contestant, Ends};
use crate::failure::Failure;

/// Longer than a request waits under any load.
const TIMEOUT: Duration = Duration::from_secs(120);
const DRAIN: Duration = Duration::from_secs(25);
/// How long the deletion of the reply queue may take after an interrupt or a failure.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// A requester and a responder.
pub(in crate::bench) struct Framework {
    requester: Requester,
    request_queue: String,
    responder: Responder,
    /// `None` before the start and after the stop.
    serving: Mutex<Option<Serving>>,
}

struct Serving {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Drained, ServeError>>,
}

impl Framework {
    /// Builds both ends; they create no queue before the start.
    pub(in crate::bench) fn new(
        ends: &Ends,
        sqs: impl Fn(&aws_sdk_sqs::Client) -> Sqs,
        concurrency: usize,
        prefer: Prefer,
    ) -> Result<Self, Failure> {
        let batches = BatchOptions::preferring(prefer);
        Self::with(ends, sqs, concurrency, prefer, batches)
    }

    /// The same without waiting for more messages in a batch.
    pub(in crate::bench) fn unbatched(
        ends: &Ends,
        sqs: impl Fn(&aws_sdk_sqs::Client) -> Sqs,
        concurrency: usize,
    ) -> Result<Self, Failure> {
        let prefer = Prefer::Latency;
        let mut batches = BatchOptions::preferring(prefer);
        batches.linger = Duration::ZERO;
        batches.delete_linger = Duration::ZERO;
        batches.max_calls_out = concurrency;
        Self::with(ends, sqs, concurrency, prefer, batches)
    }

    fn with(
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
        let responder = Responder::builder(sqs(&ends.answering))
            .concurrency(concurrency.max(64))
            .prefer(prefer)
            .batches(batches)
            .build()
            .map_err(Failure::usage)?;
        Ok(Self {
            requester,
            request_queue: ends.request_queue.clone(),
            responder,
            serving: Mutex::default(),
        })
    }

    fn serving(&self) -> MutexGuard<'_, Option<Serving>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contestant for Framework {
    /// When this returns, the requester's host is ready for use.
    fn start(&self) -> BoxFuture<'_, Result<(), Failure>> {
        async move {
            self.requester.ready().await.map_err(Failure::other)?;
            let (stop, stopped) = oneshot::channel::<()>();
            let serve = self
                .responder
                .serve(&self.request_queue, async |Body(body): Body| body)
                .drain(DRAIN)
                .with_graceful_shutdown(stopped.map(|_| ()));
            let task = tokio::spawn(serve.into_future());
            *self.serving() = Some(Serving { stop, task });
            Ok(())
        }
        .boxed()
    }

    fn call(&self, body: String) -> BoxFuture<'static, Result<(), Failure>> {
        let request = self.requester.request(&self.request_queue, body);
        request
            .send()
            .map(|reply| reply.map(drop).map_err(Failure::other))
            .boxed()
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        let serving = self.serving().take();
        async move {
            self.requester.shutdown(DRAIN).await;
            if let Some(Serving { stop, task }) = serving {
                drop(stop);
                // The measurement is complete, so the result of the shutdown does not matter.
                drop(task.await);
            }
        }
        .boxed()
    }

    fn end(&self) -> BoxFuture<'_, ()> {
        // A graceful stop would wait for the polls. Messages need no care, because the queue is deleted.
        if let Some(serving) = self.serving().take() {
            serving.task.abort();
        }
        async move {
            let report = self.requester.shutdown(CLEAN_UP).await;
            if let Some(queue) = report.left_behind {
                tracing::warn!(%queue, "the reply queue could not be deleted; delete it yourself");
            }
        }
        .boxed()
    }
}
