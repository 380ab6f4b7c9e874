//! The engine: a whole SQS as a plain state machine.
//!
//! Owns all queues and messages of all accounts, and the polls that wait. Does no I/O, reads no clock and has no lock:
//! each call takes the time, and what waits is answered through [`Engine::effects`]. Same seed, same calls, same answers.
//!
//! **Invariant:** after each call nothing is due. What has to happen at or before the latest `now` has happened, and
//! no poll waits at a queue that has something for it.

mod acknowledge;
pub mod api;
mod attempts;
mod batch;
mod contents;
mod deduplication;
pub(crate) mod digest;
mod error;
mod filter;
mod message;
mod moves;
mod name;
mod order;
mod permissions;
mod queue;
mod queues;
mod receipt;
mod receive;
mod schedule;
mod send;
mod settings;
mod store;
mod tags;
mod time;

pub use api::{Action, Output, Request};
pub use error::{Error, ErrorKind};
pub use name::Caller;
pub use queue::PollId;
pub use settings::SETTABLE_ATTRIBUTES;
pub use time::Timestamp;

use crate::behaviour::{Behaviour, Chance};
use message::Number;
use moves::Moves;
use name::QueueName;
use queue::{Demand, Queue, QueueId};
use rand::rngs::{StdRng, SysRng};
use rand::{RngExt as _, SeedableRng as _};
use schedule::Schedule;
use std::collections::{BTreeMap, HashMap};
use std::mem;

/// An in-memory SQS that is told what time it is.
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
    /// For queues, messages and polls alike.
    next_number: u64,
    queues: BTreeMap<QueueId, Queue>,
    by_name: BTreeMap<QueueName, QueueId>,
    /// Names that were deleted less than 60 seconds ago, and when.
    deleted: HashMap<QueueName, Timestamp>,
    forgetting: BTreeMap<u64, QueueName>,
    polls: HashMap<PollId, Poll>,
    moves: Moves,
    schedule: Schedule<Timer>,
    effects: Vec<Effect>,
}

/// What became of a request.
#[derive(Debug)]
pub enum Submitted {
    /// It was answered.
    Done(Result<Output, Error>),
    /// It waits for messages; an [`Effect::Answered`] follows.
    Waiting(PollId),
}

/// What a call did to polls that wait.
#[derive(Debug)]
pub enum Effect {
    /// The poll is over, with this answer.
    Answered(PollId, Result<Output, Error>),
    /// [`Engine::wake_at`] of this poll is earlier than it was.
    Earlier(PollId),
}

/// A long poll that waits at a queue.
#[derive(Debug)]
struct Poll {
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
    /// A poll's wait is over. After the queue's event, so that what arrives at that instant is received.
    Poll(PollId),
    /// A deleted name may be used again.
    Forget(u64),
}

impl Engine {
    /// An SQS with no queues that behaves well. The seed decides about ids, and about faults once there are any.
    pub fn new(seed: u64) -> Self {
        Self::made_of(StdRng::seed_from_u64(seed), Chance::new(seed))
    }

    /// As [`new`](Self::new), with ids that no other engine has: no message id, receipt handle or request id of an engine
    /// that ran before means anything to this one. `seed` decides about faults alone.
    ///
    /// # Panics
    /// If the operating system gives no random bytes.
    pub fn with_fresh_ids(seed: u64) -> Self {
        let ids =
            StdRng::try_from_rng(&mut SysRng).expect("the operating system gives random bytes");
        Self::made_of(ids, Chance::new(seed))
    }

    fn made_of(mut rng: StdRng, chance: Chance) -> Self {
        // Numbers end up in receipt handles, so they start anywhere. 2^40 leaves room for as many as anybody sends.
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

    /// Behaves so from now on. What concerns transport is not the engine's: latency, `Date`, refused calls and lost
    /// answers are for whoever drives it.
    pub fn set_behaviour(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
    }

    /// Carries out a request, after all that is due at `now`.
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

    /// Does what is due at `now`.
    pub fn advance(&mut self, now: Timestamp) {
        // Not simply `self.now = now`: what was due in between sees the time that it was due at.
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

    /// When [`advance`](Self::advance) has something to do next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.schedule.next()
    }

    /// When somebody should call [`advance`](Self::advance) for this poll's sake: none if it does not wait.
    ///
    /// That is its end, or, for the poll that is first in its queue's line, the queue's next event.
    pub fn wake_at(&self, poll: PollId) -> Option<Timestamp> {
        let waiting = self.polls.get(&poll)?;
        let queue = self.queues.get(&waiting.queue)?;
        let is_first = queue.waiting.first() == Some(&poll);
        let events = queue.next_event().into_iter().chain(self.moves.next_step());
        events.filter(|_| is_first).chain([waiting.end]).min()
    }

    /// Ends a poll whose caller has gone. It has taken nothing.
    pub fn cancel(&mut self, poll: PollId) {
        if let Some(waiting) = self.forget_poll(poll) {
            self.wake_first(waiting.queue);
        }
    }

    /// Takes what the calls so far did to polls that wait.
    pub fn effects(&mut self) -> Vec<Effect> {
        mem::take(&mut self.effects)
    }

    /// How the engine behaves, and its dice: for the transport's faults.
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
    fn find(&self, caller: &Caller, url: Option<&str>) -> Result<QueueId, Error> {
        let url = url
            .filter(|url| !url.is_empty())
            .ok_or_else(|| Error::missing("QueueUrl"))?;
        let name = QueueName::from_url(caller, url)?;
        let id = self
            .by_name
            .get(&name)
            .copied()
            .ok_or_else(Error::no_such_queue)?;
        if self.now < self.queue(id)?.settled {
            Err(Error::no_such_queue())
        } else {
            Ok(id)
        }
    }

    fn queue(&self, id: QueueId) -> Result<&Queue, Error> {
        self.queues.get(&id).ok_or_else(Error::no_such_queue)
    }

    fn queue_mut(&mut self, id: QueueId) -> Result<&mut Queue, Error> {
        self.queues.get_mut(&id).ok_or_else(Error::no_such_queue)
    }

    /// After any change to a queue: brings it up to date, serves who waits, and schedules what comes next.
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

    /// Tells the first in line that the queue's next event is its own now.
    fn wake_first(&mut self, id: QueueId) {
        if let Some(&first) = self.queues.get(&id).and_then(|queue| queue.waiting.first()) {
            self.effects.push(Effect::Earlier(first));
        }
    }

    fn end_poll(&mut self, id: PollId, answer: Result<Output, Error>) {
        if let Some(poll) = self.forget_poll(id) {
            self.effects.push(Effect::Answered(id, answer));
            self.wake_first(poll.queue);
        }
    }

    fn forget_poll(&mut self, id: PollId) -> Option<Poll> {
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
