//! The engine together with its waiting polls: the part that every driver of the engine needs.
//!
//! Owns the engine, and for each waiting poll its answer and a notification. Does not own: the lock around the desk,
//! the time, and the waiting. Invariant: a poll that has left receives no messages.

use crate::engine::{
    Caller, Effect, Engine, Output, PollId, Request, SqsError, Submitted, Timestamp, api::outputs,
};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// An [`Engine`] with long polls that callers can wait for, for your own simulation. Keep the desk behind a lock.
///
/// # Examples
///
/// ```
/// use local_sqs::{Desk, Look};
/// use local_sqs::engine::{Caller, Engine, Output, Request, Submitted, Timestamp, api::requests};
///
/// let caller = Caller {
///     account: "000000000000".into(),
///     region: "us-east-1".into(),
///     origin: "http://localhost".into(),
///     principal: "AIDA".into(),
/// };
/// let (mut desk, now) = (Desk::new(Engine::new(1)), Timestamp::from_millis(1_790_000_000_000));
/// let mut create = requests::CreateQueue::default();
/// create.queue_name = Some("q".into());
/// desk.submit(now, &caller, Request::CreateQueue(create));
///
/// let mut receive = requests::ReceiveMessage::default();
/// receive.queue_url = Some("http://localhost/000000000000/q".into());
/// receive.wait_time_seconds = Some(20);
/// let Submitted::Waiting(poll) = desk.submit(now, &caller, Request::ReceiveMessage(receive)) else {
///     panic!("there is no message yet");
/// };
/// let Look::Wait { until, .. } = desk.look(now, poll) else {
///     panic!("it waits");
/// };
/// let Look::Answered(Ok(Output::Messages(nothing))) = desk.look(until.unwrap(), poll) else {
///     panic!("its time is over");
/// };
/// assert!(nothing.messages.is_empty());
/// desk.leave(poll);
/// ```
#[derive(Debug)]
pub struct Desk {
    engine: Engine,
    /// An entry for each poll whose caller still waits. The engine's effects set the answer, and the caller takes it.
    polls: HashMap<PollId, Slot>,
}

/// The state of a poll.
#[derive(Debug)]
pub enum Look {
    /// The poll has ended with this answer.
    Answered(Result<Output, SqsError>),
    /// No answer yet. Look again at `until`, or after a notification.
    Wait {
        /// The next instant to look; `None` if there is no such instant.
        until: Option<Timestamp>,
        /// Notified once when there is an answer or an earlier instant.
        changed: Arc<Notify>,
    },
}

#[derive(Debug, Default)]
struct Slot {
    changed: Arc<Notify>,
    answer: Option<Result<Output, SqsError>>,
}

impl Desk {
    /// A desk without waiting polls.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            polls: HashMap::new(),
        }
    }

    /// The engine, for everything except requests.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Executes a request. After a waiting poll was returned, call [`look`](Self::look) at once, and finally
    /// [`leave`](Self::leave).
    pub fn submit(&mut self, now: Timestamp, caller: &Caller, request: Request) -> Submitted {
        let submitted = self.engine.submit(now, caller, request);
        if let Submitted::Waiting(poll) = &submitted {
            self.polls.insert(*poll, Slot::default());
        }
        self.deliver();
        submitted
    }

    /// The current state of a poll. A poll that has left gets no messages.
    pub fn look(&mut self, now: Timestamp, poll: PollId) -> Look {
        self.engine.advance(now);
        self.deliver();
        let Some(slot) = self.polls.get_mut(&poll) else {
            return Look::Answered(Ok(Output::Messages(outputs::Messages::default())));
        };
        match slot.answer.take() {
            Some(answer) => Look::Answered(answer),
            None => Look::Wait {
                until: self.engine.wake_at(poll),
                changed: Arc::clone(&slot.changed),
            },
        }
    }

    /// Removes a poll whose caller no longer waits, whether it was answered, ended or dropped.
    pub fn leave(&mut self, poll: PollId) {
        self.polls.remove(&poll);
        self.engine.cancel(poll);
        self.deliver();
    }

    /// Passes the engine's effects to the waiting callers.
    fn deliver(&mut self) {
        for effect in self.engine.effects() {
            let (poll, answer) = match effect {
                Effect::Answered(poll, answer) => (poll, Some(answer)),
                Effect::Earlier(poll) => (poll, None),
            };
            if let Some(slot) = self.polls.get_mut(&poll) {
                slot.answer = answer.or(slot.answer.take());
                slot.changed.notify_one();
            }
        }
    }
}
