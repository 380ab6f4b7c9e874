//! Everything between a process and SQS, and SQS itself.
//!
//! Owns: local-sqs's engine and its desk, the faults and latencies of calls, and the polls that wait. A call that was sent
//! continues by itself: it takes effect even if its process is paused or killed in the meantime. Does not own: the checks
//! (the oracle). The network reports to the oracle what SQS has accepted, delivered and deleted.

mod api;
mod carry;
mod recent;
mod stale;
mod translate;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use local_sqs::engine::{Caller, Engine, Output, PollId, Request, SqsError, Submitted, Timestamp};
use local_sqs::{Desk, Look};

pub use api::ProcessApi;

use crate::dice::Dice;
use crate::oracle::Oracle;
use crate::plan::Spelling;
use crate::time::TrueTime;
use crate::weather::{Weather, Window};
use recent::Recent;

/// The network and SQS. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct Network(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    time: TrueTime,
    oracle: Oracle,
    caller: Caller,
    state: Mutex<NetworkState>,
}

#[derive(Debug)]
struct NetworkState {
    desk: Desk,
    weather: Weather,
    dice: Dice,
    /// Recent creations and deletions, which lists may not show yet.
    recent: Recent,
    /// The number of failures of each entry of a batch, by its body or receipt handle.
    failed_entries: HashMap<String, u32>,
}

impl Network {
    /// An SQS without queues, with the faults of the plan.
    #[must_use]
    pub fn new(seed: u64, time: TrueTime, oracle: Oracle, windows: Vec<Window>) -> Self {
        let account = "000000000000";
        Self(Arc::new(Inner {
            time,
            oracle,
            caller: Caller {
                account: account.into(),
                region: "us-east-1".into(),
                origin: "https://sqs.us-east-1.amazonaws.com".into(),
                principal: "AIDASIM".into(),
            },
            state: Mutex::new(NetworkState {
                desk: Desk::new(Engine::new(crate::dice::derived(seed, "engine"))),
                weather: Weather::new(seed, windows),
                dice: Dice::new(seed, "network"),
                recent: Recent::new(seed),
                failed_entries: HashMap::new(),
            }),
        }))
    }

    /// The URL of the queue with this name.
    #[must_use]
    pub fn queue_url(&self, name: &str) -> String {
        let Caller {
            origin, account, ..
        } = &self.0.caller;
        format!("{origin}/{account}/{name}")
    }

    /// The URL of a queue in a given spelling.
    #[must_use]
    pub fn spelt(&self, name: &str, spelling: Spelling) -> String {
        let usual = self.queue_url(name);
        let other = match spelling {
            Spelling::Usual => return usual,
            Spelling::Legacy => "us-east-1.queue.amazonaws.com",
            Spelling::Oldest => "queue.amazonaws.com",
            Spelling::DualStack => "sqs.us-east-1.api.aws",
            Spelling::Fips => "sqs-fips.us-east-1.amazonaws.com",
        };
        usual.replacen("sqs.us-east-1.amazonaws.com", other, 1)
    }

    /// Carries out a request of the world itself, without latency, faults or long polls.
    ///
    /// # Errors
    /// The error of SQS.
    pub fn ask(&self, request: Request) -> Result<Output, SqsError> {
        let mut state = self.lock();
        state.refresh(self.0.time.now());
        let submitted = state
            .desk
            .submit(self.0.time.sqs(), &self.0.caller, request);
        match submitted {
            Submitted::Done(result) => result,
            Submitted::Waiting(poll) => {
                state.desk.leave(poll);
                Ok(Output::Messages(Default::default()))
            }
        }
    }

    /// How long the SDK waits before its next attempt.
    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        let longest = 500_u64 << failures.min(5);
        self.lock().dice.millis(1, longest)
    }

    fn lock(&self) -> MutexGuard<'_, NetworkState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out a request in SQS; a long poll waits.
    async fn carry_out(&self, request: Request) -> Result<Output, SqsError> {
        let submitted = {
            let mut state = self.lock();
            state.refresh(self.0.time.now());
            state
                .desk
                .submit(self.0.time.sqs(), &self.0.caller, request)
        };
        let poll = match submitted {
            Submitted::Done(result) => return result,
            Submitted::Waiting(poll) => poll,
        };
        let _leaving = Leaving {
            network: self,
            poll,
        };
        loop {
            let look = {
                let mut state = self.lock();
                state.refresh(self.0.time.now());
                state.desk.look(self.0.time.sqs(), poll)
            };
            let (wake_at, changed) = match look {
                Look::Answered(answer) => return answer,
                Look::Wait { until, changed } => (until, changed),
            };
            let wake_at = wake_at.unwrap_or(Timestamp::from_millis(u64::MAX / 4));
            tokio::select! {
                biased;
                () = changed.notified() => {}
                () = self.0.time.until_sqs(wake_at) => {}
            }
        }
    }
}

impl NetworkState {
    /// Sets the engine's behavior to the current faults.
    fn refresh(&mut self, now: Duration) {
        if let Some(behaviour) = self.weather.new_behaviour(now) {
            self.desk.engine().set_behaviour(behaviour);
        }
    }
}

/// Removes a waiting poll when it is dropped, so that the poll never outlives its call.
struct Leaving<'a> {
    network: &'a Network,
    poll: PollId,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.network.lock().desk.leave(self.poll);
    }
}
