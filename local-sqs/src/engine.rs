//! The engine: a complete SQS as a plain state machine.
//!
//! Owns all queues and messages of all accounts, and the waiting polls. Does no I/O, reads no clock and has no lock:
//! each call takes the time as an argument, and waiting polls are answered through [`Engine::effects`]. The same seed
//! and the same calls give the same answers.
//!
//! **Invariant:** after each call nothing is due: everything that is due at or before the latest `now` has happened,
//! and no poll waits at a queue that has a message for it.

mod acknowledge;
pub mod api;
mod attempts;
mod batch;
pub(crate) mod behaviour;
mod caller;
mod contents;
mod deduplication;
pub(crate) mod digest;
mod error;
mod filter;
mod message;
mod move_tasks;
mod moves;
mod name;
mod order;
mod permissions;
mod queue;
mod queue_attributes;
mod queues;
mod receipt;
mod receive;
mod schedule;
mod send;
mod store;
mod tag_history;
mod tags;
mod time;

pub use api::{Action, Output, Request};
pub use caller::Caller;
pub use error::{ErrorKind, SqsError};
pub use queue::PollId;
pub use queue_attributes::SETTABLE_ATTRIBUTES;
pub use time::Timestamp;

use behaviour::{Behaviour, Chance};
use message::Number;
use move_tasks::Moves;
use name::QueueName;
use queue::{Demand, Queue, QueueId};
use rand::rngs::{StdRng, SysRng};
use rand::{RngExt as _, SeedableRng as _};
use schedule::Schedule;
use std::collections::{BTreeMap, HashMap};
use std::mem;

/// An in-memory SQS that takes the time as an argument.
///
/// # Examples
///
/// ```
/// use local_sqs::engine::{Action, Caller, Engine, Output, Request, Submitted, Timestamp};
/// use serde_json::json;
///
/// let mut engine = Engine::new(7);
/// let caller = Caller {
///     account: "000000000000".into(),
///     region: "us-east-1".into(),
///     origin: "https://sqs.us-east-1.amazonaws.com".into(),
///     principal: "AIDATEST".into(),
/// };
/// let now = Timestamp::from_millis(1_700_000_000_000);
/// let request = Action::CreateQueue.decode(json!({ "QueueName": "jobs" }))?;
/// let Submitted::Done(Ok(Output::QueueUrl(made))) = engine.submit(now, &caller, request) else { panic!() };
/// assert_eq!(made.queue_url, "https://sqs.us-east-1.amazonaws.com/000000000000/jobs");
///
/// let request = Action::ReceiveMessage.decode(json!({ "QueueUrl": made.queue_url, "WaitTimeSeconds": 20 }))?;
/// let Submitted::Waiting(poll) = engine.submit(now, &caller, request) else { panic!() };
/// assert_eq!(engine.wake_at(poll), Some(Timestamp::from_millis(1_700_000_020_000)));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    now: Timestamp,
    rng: StdRng,
    behaviour: Behaviour,
    chance: Chance,
    /// The last number given to a queue, message or poll.
    next_number: u64,
    queues: BTreeMap<QueueId, Queue>,
    by_name: BTreeMap<QueueName, QueueId>,
    /// Names of queues that were deleted less than 60 seconds ago, with the time of their deletion.
    deleted: HashMap<QueueName, Timestamp>,
    forgetting: BTreeMap<u64, QueueName>,
    polls: HashMap<PollId, WaitingPoll>,
    moves: Moves,
    schedule: Schedule<Timer>,
    effects: Vec<Effect>,
}

/// The outcome of a request.
#[derive(Debug)]
pub enum Submitted {
    /// The request was answered.
    Done(Result<Output, SqsError>),
    /// The request waits for messages; an [`Effect::Answered`] follows.
    Waiting(PollId),
}

/// A change to a waiting poll that a call caused.
#[derive(Debug)]
pub enum Effect {
    /// The poll has ended with this answer.
    Answered(PollId, Result<Output, SqsError>),
    /// [`Engine::wake_at`] of this poll is earlier than before.
    Earlier(PollId),
}

/// A long poll that waits at a queue.
#[derive(Debug)]
struct WaitingPoll {
    queue: QueueId,
    demand: Demand,
    end: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Timer {
    /// The next event of a queue's messages.
    Queue(QueueId),
    /// A move task moves its next message.
    Move(u64),
    /// The end of a poll's wait. Ordered after `Queue`, so that a message that arrives at the same instant is received.
    Poll(PollId),
    /// A deleted name may be used again.
    Forget(u64),
}

impl Engine {
    /// An SQS with no queues and no faults. The seed determines ids, and faults once they are enabled.
    pub fn new(seed: u64) -> Self {
        Self::made_of(StdRng::seed_from_u64(seed), Chance::new(seed))
    }

    /// As [`new`](Self::new), but with random ids, so that message ids, receipt handles and request ids of earlier
    /// engines are not valid in this engine. `seed` determines only faults.
    ///
    /// # Panics
    /// If the operating system provides no random bytes.
    pub fn with_fresh_ids(seed: u64) -> Self {
        let ids =
            StdRng::try_from_rng(&mut SysRng).expect("the operating system gives random bytes");
        Self::made_of(ids, Chance::new(seed))
    }

    fn made_of(mut rng: StdRng, chance: Chance) -> Self {
        // Receipt handles contain these numbers, so they start at a random value. It is below 2^40, which leaves room
        // for all later numbers.
        let next_number = rng.random::<u64>() >> 24;
        Self {
            now: Timestamp::default(),
            rng,
            behaviour: Behaviour::default(),
            chance,
            next_number,
            queues: BTreeMap::new(),
            by_name: BTreeMap::new(),
            deleted: HashMap::new(),
            forgetting: BTreeMap::new(),
            polls: HashMap::new(),
            moves: Moves::default(),
            schedule: Schedule::new(),
            effects: Vec::new(),
        }
    }

    /// Replaces the [`Behaviour`] from now on. The driver, not the engine, implements the parts that concern transport:
    /// latency, `Date`, refused calls and lost answers.
    pub fn set_behaviour(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
    }

    /// Executes a request after everything that is due at `now`.
    pub fn submit(&mut self, now: Timestamp, caller: &Caller, request: Request) -> Submitted {
        self.advance(now);
        if let Err(error) = self.check_owner(caller, &request) {
            return Submitted::Done(Err(error));
        }
        let answer = match request {
            Request::ReceiveMessage(request) => match self.receive(caller, &request) {
                Ok(submitted) => return submitted,
                Err(error) => Err(error),
            },
            Request::CreateQueue(request) => self.create_queue(caller, request),
            Request::DeleteQueue(request) => self.delete_queue(caller, &request),
            Request::GetQueueUrl(request) => self.queue_url(caller, &request),
            Request::ListQueues(request) => self.list_queues(caller, &request),
            Request::GetQueueAttributes(request) => self.queue_attributes(caller, request),
            Request::SetQueueAttributes(request) => self.set_queue_attributes(caller, request),
            Request::ListDeadLetterSourceQueues(request) => self.source_queues(caller, &request),
            Request::PurgeQueue(request) => self.purge(caller, &request),
            Request::ListQueueTags(request) => self.list_tags(caller, &request),
            Request::TagQueue(request) => self.tag(caller, request),
            Request::UntagQueue(request) => self.untag(caller, &request),
            Request::SendMessage(request) => self.send(caller, request),
            Request::SendMessageBatch(request) => self.send_batch(caller, request),
            Request::DeleteMessage(request) => self.delete(caller, &request),
            Request::DeleteMessageBatch(request) => self.delete_batch(caller, request),
            Request::ChangeMessageVisibility(request) => self.change_visibility(caller, &request),
            Request::ChangeMessageVisibilityBatch(request) => {
                self.change_visibility_batch(caller, request)
            }
            Request::AddPermission(request) => self.add_permission(caller, request),
            Request::RemovePermission(request) => self.remove_permission(caller, request),
            Request::StartMessageMoveTask(request) => self.start_move(caller, &request),
            Request::CancelMessageMoveTask(request) => self.cancel_move(caller, &request),
            Request::ListMessageMoveTasks(request) => self.list_moves(caller, &request),
        };
        Submitted::Done(answer)
    }

    /// Executes everything that is due at `now`.
    pub fn advance(&mut self, now: Timestamp) {
        // Not simply `self.now = now`: each due event sees the time at which it was due.
        while let Some((at, timer)) = self.schedule.pop_due(now) {
            self.now = self.now.max(at);
            match timer {
                Timer::Queue(id) => self.settle(id),
                Timer::Move(number) => self.step_move(number),
                Timer::Poll(id) => {
                    self.end_poll(id, Ok(Output::Messages(api::outputs::Messages::default())))
                }
                Timer::Forget(number) => {
                    if let Some(name) = self.forgetting.remove(&number) {
                        self.deleted.remove(&name);
                    }
                }
            }
        }
        self.now = self.now.max(now);
    }

    /// The next time at which [`advance`](Self::advance) has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.schedule.next()
    }

    /// When [`advance`](Self::advance) must be called for this poll; `None` if the poll does not wait.
    ///
    /// This is the end of the poll, or, for the first waiting poll of a queue, the queue's next event if that is earlier.
    pub fn wake_at(&self, poll: PollId) -> Option<Timestamp> {
        let waiting = self.polls.get(&poll)?;
        let queue = self.queues.get(&waiting.queue)?;
        let is_first = queue.waiting.first() == Some(&poll);
        let events = queue.next_event().into_iter().chain(self.moves.next_step());
        events.filter(|_| is_first).chain([waiting.end]).min()
    }

    /// Ends a poll whose caller no longer waits. The poll has received nothing.
    pub fn cancel(&mut self, poll: PollId) {
        if let Some(waiting) = self.forget_poll(poll) {
            self.wake_first(waiting.queue);
        }
    }

    /// Takes the changes to waiting polls since the last call of this function.
    pub fn effects(&mut self) -> Vec<Effect> {
        mem::take(&mut self.effects)
    }

    /// The [`Behaviour`] and the source of random decisions, for faults of the transport.
    pub(crate) fn faults(&mut self) -> (&Behaviour, &mut Chance) {
        (&self.behaviour, &mut self.chance)
    }

    /// A new request id.
    pub(crate) fn new_id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.rng.random())
            .into_uuid()
            .to_string()
    }

    fn next_number(&mut self) -> Number {
        self.next_number += 1;
        self.next_number
    }

    /// The queue that a request's URL names.
    fn find(&self, caller: &Caller, url: Option<&str>) -> Result<QueueId, SqsError> {
        let url = url
            .filter(|url| !url.is_empty())
            .ok_or_else(|| SqsError::missing("QueueUrl"))?;
        let name = QueueName::from_url(caller, url)?;
        let id = self
            .by_name
            .get(&name)
            .copied()
            .ok_or_else(SqsError::no_such_queue)?;
        if self.now < self.queue(id)?.settled {
            Err(SqsError::no_such_queue())
        } else {
            Ok(id)
        }
    }

    fn queue(&self, id: QueueId) -> Result<&Queue, SqsError> {
        self.queues.get(&id).ok_or_else(SqsError::no_such_queue)
    }

    fn queue_mut(&mut self, id: QueueId) -> Result<&mut Queue, SqsError> {
        self.queues.get_mut(&id).ok_or_else(SqsError::no_such_queue)
    }

    /// Called after every change to a queue: updates its messages, serves waiting polls, and schedules its next event.
    fn settle(&mut self, id: QueueId) {
        let now = self.now;
        let Some(queue) = self.queues.get_mut(&id) else {
            self.schedule.set(Timer::Queue(id), None);
            return;
        };
        queue.advance(now);
        self.serve_waiting(id);
        let Some(queue) = self.queues.get(&id) else {
            return;
        };
        let event = queue.next_event();
        self.schedule.set(Timer::Queue(id), event);
        self.wake_first(id);
    }

    /// Reports to the first waiting poll that it must now wake for the queue's next event.
    fn wake_first(&mut self, id: QueueId) {
        if let Some(&first) = self.queues.get(&id).and_then(|queue| queue.waiting.first()) {
            self.effects.push(Effect::Earlier(first));
        }
    }

    fn end_poll(&mut self, id: PollId, answer: Result<Output, SqsError>) {
        if let Some(poll) = self.forget_poll(id) {
            self.effects.push(Effect::Answered(id, answer));
            self.wake_first(poll.queue);
        }
    }

    fn forget_poll(&mut self, id: PollId) -> Option<WaitingPoll> {
        let poll = self.polls.remove(&id)?;
        self.schedule.set(Timer::Poll(id), None);
        if let Some(queue) = self.queues.get_mut(&poll.queue) {
            queue.waiting.remove(&id);
        }
        Some(poll)
    }
}

#[cfg(test)]
mod tests;
