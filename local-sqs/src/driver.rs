//! The thin layer around the engine: a lock, a clock, and the waiting of polls.
//!
//! Owns the engine. Each waiting poll sleeps in its caller's task until the engine has something due, so without
//! waiting polls there is no task and no timer. Invariant: the lock is never held across an await.

use crate::calls::Calls;
use crate::clock::Clock;
use crate::desk::{Desk, Look};
use crate::engine::behaviour::Behaviour;
use crate::engine::{
    Caller, Engine, ErrorKind, Output, PollId, Request, SqsError, Submitted, Timestamp,
};
use crate::trace::{Trace, Watcher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// An engine that can be called from many tasks.
#[derive(Debug)]
pub(crate) struct Driver {
    clock: Clock,
    watcher: Option<Watcher>,
    state: Mutex<DriverState>,
}

#[derive(Debug)]
struct DriverState {
    desk: Desk,
    calls: Calls,
}

/// An answer, and the values of its headers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) result: Result<Output, SqsError>,
    pub(crate) request_id: String,
    /// The value of the header `Date`, if the answer has this header.
    pub(crate) date: Option<Timestamp>,
}

/// The answer was lost; the call may have had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// The faults and the latency that were drawn for a call.
struct Fate {
    latency: Duration,
    refused: Option<SqsError>,
    lost: bool,
}

impl Driver {
    pub(crate) fn new(engine: Engine, clock: Clock, watcher: Option<Watcher>) -> Self {
        Self {
            clock,
            watcher,
            state: Mutex::new(DriverState {
                desk: Desk::new(engine),
                calls: Calls::default(),
            }),
        }
    }

    pub(crate) fn calls(&self) -> Calls {
        self.lock().calls.clone()
    }

    /// Replaces the [`Behaviour`] from now on.
    pub(crate) fn set_behaviour(&self, behaviour: Behaviour) {
        self.lock().desk.engine().set_behaviour(behaviour);
    }

    /// Executes a request if its caller is authorized. `end` ends a waiting poll, which then returns no messages.
    ///
    /// If the future is dropped while a poll waits, the poll has received nothing. If it is dropped after the poll
    /// received messages, the messages stay hidden until their visibility timeout ends, as in SQS.
    pub(crate) async fn call(
        &self,
        caller: Result<Caller, SqsError>,
        request: Request,
        end: &CancellationToken,
    ) -> Result<Answer, Lost> {
        let trace = self
            .watcher
            .is_some()
            .then(|| (Trace::new(&request), self.clock.now()));
        let fate = self.lock().meet(&request);
        pause(fate.latency / 2).await;
        let result = match (fate.refused, caller) {
            (Some(error), _) | (None, Err(error)) => Err(error),
            (None, Ok(caller)) => self.carry_out(&caller, request, end).await,
        };
        pause(fate.latency / 2).await;
        if let (Some(Watcher(watch)), Some((trace, started))) = (&self.watcher, trace) {
            watch(&trace.ended(&result, fate.lost, self.clock.now().since(started)));
        }
        if fate.lost {
            Err(Lost)
        } else {
            Ok(self.answer(result))
        }
    }

    /// The answer to bytes that are not a request of the API.
    pub(crate) fn refuse(&self, error: SqsError) -> Answer {
        if let Some(Watcher(watch)) = &self.watcher {
            watch(&Trace::refused(&error));
        }
        self.answer(Err(error))
    }

    fn answer(&self, result: Result<Output, SqsError>) -> Answer {
        let mut state = self.lock();
        let engine = state.desk.engine();
        let request_id = engine.new_id();
        let (behaviour, chance) = engine.faults();
        Answer {
            result,
            request_id,
            date: chance.date(behaviour.date, self.clock.now()),
        }
    }

    async fn carry_out(
        &self,
        caller: &Caller,
        request: Request,
        end: &CancellationToken,
    ) -> Result<Output, SqsError> {
        let submitted = self.lock().desk.submit(self.clock.now(), caller, request);
        match submitted {
            Submitted::Done(result) => result,
            Submitted::Waiting(poll) => self.wait(poll, end).await,
        }
    }

    async fn wait(&self, poll: PollId, end: &CancellationToken) -> Result<Output, SqsError> {
        let leaving = Leaving { driver: self, poll };
        loop {
            let look = self.lock().desk.look(self.clock.now(), poll);
            let (wake_at, changed) = match look {
                Look::Answered(answer) => return answer,
                Look::Wait { until, changed } => (until, changed),
            };
            // Without a runtime there is no timer, so the poll returns at once.
            let (Some(wake_at), Ok(_runtime)) = (wake_at, Handle::try_current()) else {
                return Ok(nothing());
            };
            tokio::select! {
                biased;
                () = changed.notified() => {}
                () = end.cancelled() => {
                    drop(leaving);
                    return Ok(nothing());
                }
                () = tokio::time::sleep_until(self.clock.instant(wake_at)) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, DriverState> {
        // A poisoned lock is ignored: the engine is consistent after each call, and a panic in it is a bug that the
        // next call may show, too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DriverState {
    /// Counts a call and draws its faults and latency.
    fn meet(&mut self, request: &Request) -> Fate {
        self.calls.add(request.action());
        let (behaviour, chance) = self.desk.engine().faults();
        let latency = chance.sample(behaviour.latency);
        if !behaviour.concerns(request.action()) {
            return Fate {
                latency,
                refused: None,
                lost: false,
            };
        }
        let refused = if chance.happens(behaviour.throttled) {
            Some(SqsError::new(
                ErrorKind::RequestThrottled,
                "The request was denied due to request throttling.",
            ))
        } else if chance.happens(behaviour.unavailable) {
            Some(SqsError::new(
                ErrorKind::ServiceUnavailable,
                "The request has failed due to a temporary failure of the server.",
            ))
        } else {
            None
        };
        Fate {
            latency,
            refused,
            lost: chance.happens(behaviour.lost_answers),
        }
    }
}

/// A waiting caller; its poll is removed when this guard is dropped.
struct Leaving<'a> {
    driver: &'a Driver,
    poll: PollId,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.driver.lock().desk.leave(self.poll);
    }
}

/// Waits, if there is a tokio runtime.
async fn pause(duration: Duration) {
    if !duration.is_zero() && Handle::try_current().is_ok() {
        tokio::time::sleep(duration).await;
    }
}

fn nothing() -> Output {
    Output::Messages(crate::engine::api::outputs::Messages::default())
}
