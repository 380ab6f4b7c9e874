//! Shared by the tests.

use std::time::{Duration, UNIX_EPOCH};

use local_sqs::LocalSqs;
use serde::{Deserialize, Serialize};
use sqs_rpc::requester::RequesterBuilder;
use sqs_rpc::responder::ResponderBuilder;
use sqs_rpc::transport::{ClientApi, Clock, Sqs};
use sqs_rpc::{Body, Drained, ErrorCode, Json, ReplyError, Requester, Responder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A local SQS with a request queue. Requesters and responders on it have the same clock.
pub(crate) struct World {
    pub(crate) local: LocalSqs,
    pub(crate) client: aws_sdk_sqs::Client,
    pub(crate) queue_url: String,
    clock: Clock,
}

impl World {
    pub(crate) async fn new() -> Self {
        let wall = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let local = LocalSqs::builder().start_time(wall).build();
        let queue_url = local.create_queue("requests").await.unwrap();
        Self {
            client: local.client(),
            local,
            queue_url,
            clock: Clock::tokio(wall),
        }
    }

    /// An `Sqs` like that of another process: with its own client, random source and counters.
    pub(crate) fn sqs(&self) -> Sqs {
        Sqs::builder(ClientApi::new(&self.local.client()))
            .clock(self.clock.clone())
            .build()
    }

    pub(crate) fn requester(&self) -> Requester {
        self.requester_builder().build().unwrap()
    }

    pub(crate) fn requester_builder(&self) -> RequesterBuilder {
        Requester::builder(self.sqs())
    }

    pub(crate) fn responder(&self) -> Responder {
        self.responder_builder().build().unwrap()
    }

    pub(crate) fn responder_builder(&self) -> ResponderBuilder {
        Responder::builder(self.sqs())
    }

    /// Serves the request queue with [`calculate`] until the server is stopped or dropped.
    pub(crate) fn serve(&self, responder: &Responder) -> Server {
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = responder
            .serve(&self.queue_url, calculate)
            .with_graceful_shutdown(async { drop(stopped.await) });
        Server {
            stop,
            task: tokio::spawn(async move { serve.await.unwrap() }),
        }
    }

    pub(crate) fn calls(&self, action: &str) -> u64 {
        self.local.calls().of(action)
    }

    /// The URLs of all queues but the request queue.
    pub(crate) async fn other_queues(&self) -> Vec<String> {
        let urls = self
            .client
            .list_queues()
            .send()
            .await
            .unwrap()
            .queue_urls
            .unwrap_or_default();
        urls.into_iter()
            .filter(|url| *url != self.queue_url)
            .collect()
    }

    /// The number of messages in a queue, visible and in flight.
    pub(crate) async fn messages_on(&self, queue_url: &str) -> usize {
        use aws_sdk_sqs::types::QueueAttributeName as Name;
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
        ];
        let get = self
            .client
            .get_queue_attributes()
            .queue_url(queue_url)
            .set_attribute_names(Some(names.into()));
        let attributes = get.send().await.unwrap().attributes.unwrap();
        attributes
            .values()
            .map(|count| count.parse::<usize>().unwrap())
            .sum()
    }
}

/// A running responder.
pub(crate) struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Drained>,
}

impl Server {
    pub(crate) async fn stop(self) -> Drained {
        // If serving has already ended, the next line shows its error.
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sum {
    Add(u64, u64),
    Divide(u64, u64),
    Panic,
    Sleep { millis: u64 },
    Leak,
}

pub(crate) const BY_ZERO: ErrorCode = ErrorCode::from_static("by_zero");

/// The handler of most tests.
pub(crate) async fn calculate(Json(sum): Json<Sum>) -> Result<Json<u64>, ReplyError> {
    Ok(Json(match sum {
        Sum::Add(a, b) => a + b,
        Sum::Divide(_, 0) => return Err(ReplyError::new(BY_ZERO, "division by zero")),
        Sum::Divide(a, b) => a / b,
        Sum::Panic => panic!("as asked"),
        Sum::Sleep { millis } => {
            pass(Duration::from_millis(millis)).await;
            millis
        }
        Sum::Leak => return Err(std::io::Error::other("the password is swordfish").into()),
    }))
}

/// A handler that returns the request's body.
pub(crate) async fn echo(Body(body): Body) -> String {
    body
}

pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Waits until the condition holds, for at most ten minutes of virtual time.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..60_000 {
        if condition() {
            return;
        }
        pass(Duration::from_millis(10)).await;
    }
    panic!("waited ten minutes in vain until {what}");
}
