//! The driver: one loop that waits for polls, jobs and the clock, inside the [`Serve`](super::Serve) future.
//!
//! Owns: the pure parts, the set of jobs, and the loop. Does not own: what the events mean (`events.rs`), and how
//! serving ends (`shutdown.rs`). Invariant: the only tasks that outlive the driver are polls, which end by themselves.

use std::collections::HashMap;
use std::future::{self, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqs_rpc_protocol::{HostQueueUrl, QueueUrl};
use sqs_rpc_transport::{
    Alarm, Counter, FaultKind, Moment, NoRuntime, Outbox, PollController, PollOptions, Recovery,
    Sqs, Tasks,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::ServeError;
use super::after_handler::Then;
use super::context::{Handling, Sending, ServeContext};
use super::drain::{Drain, Drained};
use super::expired::Lines;
use super::held_keys::Held;
use super::in_hand::{Extended, InHand};
use super::jobs::{Done, Running};
use super::polls::{Polled, Poller};
use super::redrive::Redrive;
use super::waiting::Slots;
use crate::handler::BoxedHandler;
use crate::options::Options;
use crate::reply::retry::MISSING_AFTER;
use crate::reply::sender::ReplySender;
use crate::store::guarded::StoreCalls;
use crate::{Deadline, Request, request};

/// The maximum number of ended jobs that are handled in one turn. After that the loop serves other events, ended polls
/// first.
const BURST: usize = 100;

/// The state of the loop. What jobs need, too, is in the [`ServeContext`].
pub(super) struct Driver {
    pub(super) context: Arc<ServeContext>,
    /// Decides when a poll begins, and for how many messages.
    pub(super) polls: PollController,
    /// Receives the results of polls. It has room for all polls at once, so no poll waits for room.
    pub(super) polled: mpsc::Receiver<Polled>,
    /// The messages that were received and not yet settled.
    pub(super) hand: InHand<Payload>,
    /// A job returns `None` if the hook around tasks has dropped it.
    pub(super) jobs: JoinSet<Option<Done>>,
    /// For each job, the result that counts if its task ends without a result.
    pub(super) unless_done: HashMap<Id, Done>,
    /// Jobs that handle a request, or wait for its outcome.
    pub(super) handling: Running,
    /// The number of error replies that are being sent for messages that are not in hand, because they cannot be decoded.
    pub(super) complaints: usize,
    /// Set by the signal.
    pub(super) drain: Option<Drain>,
    /// Runs a poll, as a task of `tasks`.
    pub(super) poll: Arc<Poller>,
    /// When a poll last began, or received requests.
    pub(super) quiet_since: Moment,
    /// The tasks of polls and of the outbox.
    tasks: Tasks,
    /// The runtime in which serving began, where polls run.
    runtime: Handle,
    /// The sending side of `polled`, for each new poll.
    to_driver: mpsc::Sender<Polled>,
    health: Health,
    pub(super) expired_lines: Lines,
}

/// The driver's data of a message in hand.
#[derive(Debug)]
pub(super) struct Payload {
    /// `None` once a job has taken the work.
    pub(super) work: Option<Work>,
    pub(super) deadline: Deadline,
    pub(super) receive_count: Option<u32>,
    pub(super) span: tracing::Span,
}

/// What to do with a message in hand.
#[derive(Debug)]
pub(super) enum Work {
    /// Handle its request.
    Handle(Box<Request>),
    /// Do not handle it, because it cannot be decoded or its return address is refused. If there is an address, its
    /// requester gets an error reply. Only on FIFO queues, where the group waits for the message.
    PutAside(Option<QueueUrl>),
}

/// Whether polls work.
#[derive(Debug, Default)]
struct Health {
    /// Whether any poll has succeeded.
    proven: bool,
    /// When the first poll of the current row of failures failed.
    failing_since: Option<Moment>,
}

impl Driver {
    pub(super) fn new(
        sqs: Sqs,
        options: Options,
        queue: HostQueueUrl,
        handler: BoxedHandler,
        handling: Handling,
    ) -> Result<Self, ServeError> {
        let tasks = sqs.tasks()?;
        let runtime = Handle::try_current().map_err(|_| NoRuntime)?;
        let outbox = Outbox::new(sqs.clone(), tasks.clone(), options.batches.clone());
        let mut poll_options = PollOptions::preferring(options.prefer);
        poll_options.max_polls = options.max_polls;
        let (to_driver, polled) = mpsc::channel(options.max_polls);
        let poll = Poller {
            sqs: sqs.clone(),
            queue: queue.clone(),
            wait: options.poll_wait,
            visibility: options.visibility,
            end: CancellationToken::new(),
        };
        Ok(Self {
            polls: PollController::new(poll_options),
            polled,
            hand: InHand::new(options.visibility),
            jobs: JoinSet::new(),
            unless_done: HashMap::new(),
            handling: Running::default(),
            complaints: 0,
            drain: None,
            poll: Arc::new(poll),
            quiet_since: sqs.clock().now(),
            tasks,
            runtime,
            to_driver,
            health: Health::default(),
            expired_lines: Lines::default(),
            context: Arc::new(ServeContext {
                sender: ReplySender::new(sqs.clone(), outbox.clone()),
                slots: Slots::new(options.concurrency),
                store: StoreCalls::new(
                    options.reply_store.clone(),
                    sqs.clone(),
                    options.reply_store_timeout,
                ),
                held: Held::default(),
                sqs,
                options,
                queue,
                handler,
                handling,
                sending: Sending::default(),
                redrive: Redrive::default(),
                outbox,
            }),
        })
    }

    pub(super) async fn run(
        mut self,
        mut signal: BoxFuture<'static, ()>,
        drain: Duration,
    ) -> Result<Drained, ServeError> {
        let mut alarm = Alarm::new(self.context.sqs.clock().clone());
        let mut recoveries = self.context.sqs.recoveries();
        // If the signal has completed already, no poll is started, because a shutdown would have to wait for it.
        if (&mut signal).now_or_never().is_some() {
            self.start_drain(drain);
        }
        loop {
            self.start_polls();
            self.extend();
            if self.is_drained() {
                return Ok(self.finish().await);
            }
            self.end_idle_polls();
            let alarm_at = self.next_alarm();
            tokio::select! {
                biased;
                // First, because the alarm of a runtime that has ended panics.
                () = has_ended(&self.runtime) => {
                    return Err(ServeError::runtime_ended(self.context.queue.clone()));
                }
                () = &mut signal, if self.drain.is_none() => self.start_drain(drain),
                Some(ended) = self.jobs.join_next_with_id() => {
                    self.job_ended(ended);
                    // Also handle the jobs that have ended by now, because each turn of the loop has a cost.
                    for _ in 1..BURST {
                        let Some(ended) = self.jobs.try_join_next_with_id() else { break };
                        self.job_ended(ended);
                    }
                }
                Some(polled) = self.polled.recv() => self.take(polled)?,
                () = self.context.slots.changed() => {}
                recovery = recoveries.next() => match recovery {
                    Recovery::Served => self.polls.answered(),
                    _ => self.polls.reopen(self.context.sqs.clock().now()),
                },
                () = alarm.until(alarm_at) => {}
            }
        }
    }

    pub(super) fn start_polls(&mut self) {
        let in_hand = self.hand.len() + self.complaints;
        let in_slots = in_hand.saturating_sub(self.context.slots.outside());
        let room = self.context.options.concurrency.saturating_sub(in_slots);
        self.polls
            .set_demand(if self.drain.is_some() { 0 } else { room });
        let now = self.context.sqs.clock().now();
        while let Some(size) = self.polls.start(now) {
            self.quiet_since = now;
            self.tasks
                .spawn(Arc::clone(&self.poll).run(size, self.to_driver.clone()));
        }
    }

    pub(super) fn extend(&mut self) {
        let extensions = self.hand.extensions(self.context.sqs.clock().now());
        if !extensions.is_empty() {
            let lost = Done::Extended {
                asked: self.context.sqs.clock().now(),
                results: extensions
                    .iter()
                    .map(|extension| (extension.clone(), Extended::TryAgain))
                    .collect(),
            };
            self.start_job(lost, Arc::clone(&self.context).extend(extensions));
        }
    }

    /// Starts a job. If its task ends without a result, `unless_done` counts as its result.
    pub(super) fn start_job(
        &mut self,
        unless_done: Done,
        job: impl Future<Output = Done> + Send + 'static,
    ) {
        let task = self
            .jobs
            .spawn(self.context.sqs.task_hook().wrap_or_lose(job));
        self.unless_done.insert(task.id(), unless_done);
    }

    pub(super) fn job_ended(&mut self, ended: Result<(Id, Option<Done>), JoinError>) {
        let panicked = ended.as_ref().is_err_and(JoinError::is_panic);
        if panicked {
            self.context.count(Counter::Panics);
        }
        let (id, done) = match ended {
            Ok((id, done)) => (id, done),
            Err(error) => (error.id(), None),
        };
        let unless_done = self.unless_done.remove(&id);
        let is_lost = done.is_none();
        if is_lost {
            tracing::error!(queue = %self.context.queue, panicked, "a job was lost");
        }
        match done.or(unless_done) {
            Some(Done::Answered {
                ticket,
                then: Then::GiveBack,
            }) if is_lost => {
                let give_up = Arc::clone(&self.context).give_up(ticket);
                // If the hook drops this job, too, the message is left, so that there is no endless loop.
                let then = Then::Leave;
                self.start_job(Done::Answered { ticket, then }, give_up);
            }
            Some(done) => self.done(done),
            None => {}
        }
    }

    fn next_alarm(&self) -> Option<Moment> {
        let drained_by = self.drain.as_ref().map(|drain| drain.work_until);
        [
            self.hand.next_extension(),
            self.polls.next_start(),
            drained_by,
            self.idle_polls_end(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Handles the end of a poll.
    pub(super) fn take(&mut self, polled: Polled) -> Result<(), ServeError> {
        match polled.result {
            Ok(messages) => {
                let now = self.context.sqs.clock().now();
                self.polls.returned(
                    polled.size,
                    polled.started,
                    messages.len(),
                    now,
                    now + self.context.options.visibility,
                );
                self.health = Health {
                    proven: true,
                    failing_since: None,
                };
                if !messages.is_empty() {
                    self.quiet_since = now;
                }
                // Before any message is judged by SQS's time: a proxy may have replaced the `Date` from which that time
                // is known.
                for received in messages.iter().filter_map(request::first_received_now) {
                    self.context
                        .sqs
                        .compare_server_time(received, polled.started);
                }
                let used = self.received(messages);
                self.polls.was_of_use(used, polled.started);
            }
            Err(fault) => {
                let now = self.context.sqs.clock().now();
                self.context.count(Counter::PollsFailed);
                self.polls
                    .failed(polled.size, polled.started, now, self.context.sqs.random());
                if fault.kind() == FaultKind::Credentials {
                    self.polls.retry_credentials(now);
                }
                let since = *self.health.failing_since.get_or_insert(now);
                let queue = &self.context.queue;
                if !self.health.proven {
                    match fault.kind() {
                        FaultKind::AccessDenied => {
                            return Err(ServeError::access_denied(queue.clone(), fault));
                        }
                        FaultKind::NotMade => {
                            return Err(ServeError::cannot_call(queue.clone(), fault));
                        }
                        FaultKind::QueueNotFound if now.since(since) >= MISSING_AFTER => {
                            return Err(ServeError::queue_not_found(queue.clone(), fault));
                        }
                        _ => {}
                    }
                }
                let failures = self.polls.failures();
                if failures.is_power_of_two() {
                    tracing::warn!(%queue, %fault, failures, "a poll failed; polling goes on");
                }
            }
        }
        Ok(())
    }
}

/// Completes if it is polled outside of `runtime` after that has ended. All polls and calls of the driver have ended
/// then, and the driver would wait forever.
async fn has_ended(runtime: &Handle) {
    poll_fn(|_| {
        let here = Handle::try_current();
        if here.is_ok_and(|here| here.id() == runtime.id()) {
            return Poll::Pending;
        }
        // A runtime that has ended drops a spawned task at once.
        let task = runtime.spawn(future::pending::<()>());
        let has_ended = task.is_finished();
        task.abort();
        if has_ended {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
