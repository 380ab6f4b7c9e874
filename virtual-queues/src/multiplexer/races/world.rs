//! A host without a runtime: its driver and its SQS advance only when the run says so.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::error::{ErrorMetadata, SdkError};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageInputBuilder;
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::types::error::QueueDoesNotExist;
use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{self, BoxFuture};
use sqs_rpc_protocol::{HostQueueUrl, names};
use sqs_rpc_transport::{Answer, Call, Clock, Moment, Random, Sqs, SqsApi, TimeSource};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::explorer::Run;
use crate::multiplexer::driver;
use crate::multiplexer::hub::Hub;
use crate::multiplexer::options::VirtualQueuesBuilder;
use crate::{CreateQueue, VirtualQueue, VirtualQueues};

thread_local! {
    /// A runtime that is never run.
    static IDLE: Runtime = Builder::new_current_thread().build().unwrap();
}

/// The start of every scenario. The host is then old enough to count as deleted at the first such answer.
pub(super) const START: Moment = Moment::from_start(Duration::from_secs(60));

/// Virtual queues on one host.
pub(super) struct World {
    pub(super) queues: VirtualQueues,
    pub(super) shared: Arc<Hub>,
    pub(super) time: Time,
    pub(super) api: Scripted,
}

impl World {
    /// A world whose driver is the run's first actor.
    pub(super) fn new(
        run: &Run,
        set: impl FnOnce(VirtualQueuesBuilder) -> VirtualQueuesBuilder,
    ) -> Rc<Self> {
        Self::on(run, "h", set)
    }

    /// Does the same as [`new`](Self::new), on a host with this name.
    pub(super) fn on(
        run: &Run,
        host: &str,
        set: impl FnOnce(VirtualQueuesBuilder) -> VirtualQueuesBuilder,
    ) -> Rc<Self> {
        let (time, api) = (Time::default(), Scripted::default());
        time.advance(START.since(Moment::default()));
        let sqs = Sqs::builder(api.clone())
            .clock(Clock::from_source(time.clone()))
            .random(Random::seeded(1))
            .build();
        let queues = set(VirtualQueues::builder(sqs)).build().unwrap();
        // Its tasks never run: entries stay in the outbox, so they can be counted.
        let outbox = IDLE.with(|runtime| {
            let _within = runtime.enter();
            queues.outbox().unwrap()
        });
        let host = format!("http://localhost/000000000000/{host}");
        let host: HostQueueUrl = host.parse().unwrap();
        let inner = &queues.0;
        let shared = Hub::new(
            host,
            queues.process(),
            Some(Moment::default()),
            &inner.sqs,
            &outbox,
            &inner.options,
        );
        inner
            .hosts
            .get_or_open(shared.key.clone(), || Arc::clone(&shared));
        let stop = CancellationToken::new();
        run.actor(
            "driver",
            driver::drive(Arc::clone(&shared), inner.hosts.clone(), stop),
        );
        Rc::new(Self {
            queues,
            shared,
            time,
            api,
        })
    }

    pub(super) fn queue(&self, name: &str) -> VirtualQueue {
        self.queue_with(CreateQueue::named(name))
    }

    pub(super) fn queue_with(&self, plan: CreateQueue) -> VirtualQueue {
        self.queues.create(&self.shared.url, plan).unwrap()
    }

    /// A poll returns these messages, each for a queue, at any time at which a poll is in flight.
    pub(super) fn brings(
        &self,
        run: &Run,
        name: &'static str,
        messages: &'static [(&'static str, &'static str)],
    ) {
        let (possible, api) = (self.api.clone(), self.api.clone());
        run.event(
            name,
            move || possible.is_polled(),
            move || {
                let messages = messages.iter().map(|(queue, id)| message(queue, id));
                let output = ReceiveMessageOutput::builder().set_messages(Some(messages.collect()));
                api.answer(Ok(output.build()));
            },
        );
    }

    /// A poll finds the host deleted, at any time at which a poll is in flight.
    pub(super) fn host_is_gone(&self, run: &Run) {
        let (possible, api) = (self.api.clone(), self.api.clone());
        run.event(
            "the host is gone",
            move || possible.is_polled(),
            move || {
                let code = ErrorMetadata::builder().code("AWS.SimpleQueueService.NonExistentQueue");
                let error = QueueDoesNotExist::builder().meta(code.build()).build();
                let status = StatusCode::try_from(400).unwrap();
                let response = HttpResponse::new(status, SdkBody::empty());
                let error = ReceiveMessageError::QueueDoesNotExist(error);
                api.answer(Err(SdkError::service_error(error, response)));
            },
        );
    }

    /// The clock advances, at any time.
    pub(super) fn passes(&self, run: &Run, time: Duration) {
        let clock = self.time.clone();
        run.event("time passes", || true, move || clock.advance(time));
    }

    /// Panics if a poll was given up.
    pub(super) fn check_polls(&self) {
        assert!(!self.api.has_lost_a_poll(), "a poll in flight was dropped");
    }
}

fn message(queue: &str, id: &str) -> Message {
    let name = MessageAttributeValue::builder()
        .data_type("String")
        .string_value(queue);
    Message::builder()
        .message_id(id)
        .receipt_handle(id)
        .body(id)
        .message_attributes(names::VIRTUAL_QUEUE_NAME, name.build().unwrap())
        .build()
}

type Polled = Result<ReceiveMessageOutput, SdkError<ReceiveMessageError>>;

/// An SQS whose polls are answered by the run.
#[derive(Clone, Default)]
pub(super) struct Scripted(Arc<Mutex<VecDeque<oneshot::Sender<Polled>>>>);

impl Scripted {
    pub(super) fn is_polled(&self) -> bool {
        !self.0.lock().unwrap().is_empty()
    }

    pub(super) fn answer(&self, with: Polled) {
        let oldest = self.0.lock().unwrap().pop_front();
        let oldest = oldest.expect("a poll is in flight");
        assert!(oldest.send(with).is_ok(), "a poll in flight was dropped");
    }

    fn has_lost_a_poll(&self) -> bool {
        self.0
            .lock()
            .unwrap()
            .iter()
            .any(oneshot::Sender::is_canceled)
    }
}

impl SqsApi for Scripted {
    fn receive_message(
        &self,
        _: ReceiveMessageInputBuilder,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        let (answer, answered) = oneshot::channel();
        self.0.lock().unwrap().push_back(answer);
        answered
            .then(|result| match result {
                Ok(result) => future::ready(Answer { date: None, result }).left_future(),
                Err(_) => future::pending().right_future(),
            })
            .boxed()
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").finish_non_exhaustive()
    }
}

/// A clock that advances only when it is told to.
#[derive(Debug, Clone, Default)]
pub(super) struct Time(Arc<Mutex<(Moment, Vec<Waker>)>>);

impl Time {
    fn advance(&self, by: Duration) {
        let sleepers = {
            let mut time = self.0.lock().unwrap();
            time.0 += by;
            std::mem::take(&mut time.1)
        };
        sleepers.into_iter().for_each(Waker::wake);
    }
}

impl TimeSource for Time {
    fn now(&self) -> Moment {
        self.0.lock().unwrap().0
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.now().since_start()
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let time = self.clone();
        future::poll_fn(move |cx| {
            let mut time = time.0.lock().unwrap();
            if time.0 >= at {
                return Poll::Ready(());
            }
            time.1.push(cx.waker().clone());
            Poll::Pending
        })
        .boxed()
    }
}
