//! Knows what was sent, accepted, delivered, handled and answered, and says at once when something is wrong.
//!
//! Owns: the facts, the checks, and how often each was made. Does not own: anything that happens. Whoever does something
//! tells it, and it looks whether that was right; nothing here changes the run.
//!
//! | file | question |
//! |---|---|
//! | `requests` | does each request end as it should, and is each handled as it should be? |
//! | `replies` | to which request is a reply, and what became of it? |
//! | `servers` | which responders could have handled a request in time? |
//! | `conditions` | what hinders which process, and when? |
//! | `messages` | does each message of a virtual queue reach its user? |
//! | `leases` | is no live host deleted, and every dead one in time? |
//! | `calls` | what did SQS accept, and are there too many calls? |

mod calls;
mod conditions;
mod leases;
mod messages;
mod replies;
mod requests;
mod servers;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use calls::{BUCKET, CallTable, Counts};
pub use leases::ActionTable;
pub(crate) use leases::LeaseCall;
pub use messages::{EQUAL, equal_name};
pub(crate) use requests::AS_ASKED;
pub use requests::{Asked, Kind, Outcome, reply_to};

use serde::{Deserialize, Serialize};

use crate::coverage::{Check, Coverage, Fault};
use crate::network::Window;
use crate::time::TrueTime;
use crate::trace::Trace;
use calls::{Rates, Strange};
use conditions::Conditions;
use leases::LeaseFacts;
use messages::MessageFacts;
use replies::Replies;
use requests::RequestFacts;
use servers::Servers;

/// The oracle. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Oracle(Arc<Inner>);

struct Inner {
    time: TrueTime,
    trace: Trace,
    promises: Promises,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    coverage: Coverage,
    violation: Option<Violation>,
    /// By body, which names the request.
    requests: BTreeMap<String, RequestFacts>,
    /// Bodies of those that have not ended.
    pending: BTreeSet<String>,
    /// Messages of virtual queues, by body.
    messages: BTreeMap<String, MessageFacts>,
    /// By message id: what SQS accepted.
    accepted: HashMap<String, Accepted>,
    /// Lives whose tasks have ended, and when.
    tasks_ended: BTreeMap<crate::process::LifeId, Duration>,
    /// Lives that were asked to shut down, or were dropped.
    ending: HashSet<crate::process::LifeId>,
    /// By receipt handle: what the user said last of the message.
    words: HashMap<String, Option<Duration>>,
    /// By receipt handle: what it was given for.
    receipts: HashMap<String, Receipt>,
    /// What a life was told that SQS had accepted.
    heard: HashSet<(crate::process::LifeId, String)>,
    /// Who handled what, and how often.
    handled: HashMap<(crate::process::LifeId, String), u32>,
    /// By message id: messages of other programs.
    strange: HashMap<String, Strange>,
    /// Names of queues that were deleted.
    deleted_queues: HashSet<String>,
    rates: Rates,
    calls: CallTable,
    /// Bodies that SQS has handed out.
    delivered: HashSet<Arc<str>>,
    call_numbers: u64,
    leases: LeaseFacts,
    replies: Replies,
    servers: Servers,
    conditions: Conditions,
    /// When a request must have been handled.
    due: BTreeSet<(Duration, String)>,
}

/// A message that SQS has.
#[derive(Debug, Clone)]
struct Accepted {
    queue: String,
    body: String,
    at: Duration,
    latest_receipt: String,
    hidden_until: Duration,
    /// SQS has delivered it while it was hidden.
    duplicated: bool,
}

/// What a receipt handle was given for.
#[derive(Debug, Clone)]
struct Receipt {
    message: String,
    given: Duration,
    /// Until when SQS hides the message for its holder.
    hidden_until: Duration,
}

/// What a plan promises besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promises {
    /// Messages of virtual queues are received so soon after SQS accepted them.
    #[serde(with = "humantime_serde")]
    pub prompt: Option<Duration>,
    /// Messages that were received so often are in the dead-letter queue.
    pub most_receives: u32,
    /// All responders share one reply store.
    pub one_store: bool,
}

/// The first thing that was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What does not hold.
    pub check: &'static str,
    /// What happened.
    pub text: String,
    /// When, in true time.
    pub at: Duration,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, text, at } = self;
        write!(f, "{check} at {:.3} s: {text}", at.as_secs_f64())
    }
}

impl Oracle {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new(time: TrueTime, trace: Trace, promises: Promises, windows: Vec<Window>) -> Self {
        let state = State {
            conditions: Conditions::new(windows),
            ..State::default()
        };
        Self(Arc::new(Inner {
            time,
            trace,
            promises,
            state: Mutex::new(state),
        }))
    }

    /// Counts a fault that took place.
    pub fn fault(&self, fault: Fault) {
        self.lock().coverage.fault(fault);
        self.note(format_args!("fault {fault}"));
    }

    /// Counts a check, and keeps the first that fails.
    pub fn check(&self, check: Check, holds: bool, text: impl FnOnce() -> String) {
        self.checked(&mut self.lock(), check, holds, text);
    }

    /// Something went wrong that is no check's: a panic.
    pub fn broken(&self, what: &'static str, text: String) {
        self.violated(&mut self.lock(), what, text);
    }

    /// Adds a line to the trace.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        self.0.trace.note(self.0.time.now(), what);
    }

    /// The first thing that was wrong, if anything was.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.lock().violation.clone()
    }

    /// How often each fault took place, and each check was made.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        self.lock().coverage.clone()
    }

    /// What each process did, by time.
    #[must_use]
    pub fn calls(&self) -> CallTable {
        self.lock().calls.clone()
    }

    /// Forgets all. For the end of the run: it knows requests by their processes, whose gates know it.
    pub fn forget(&self) {
        *self.lock() = State::default();
    }

    fn checked(&self, state: &mut State, check: Check, holds: bool, text: impl FnOnce() -> String) {
        state.coverage.check(check);
        if !holds && !crate::mutants::is_left_out(check) {
            self.violated(state, check.name(), text());
        }
    }

    /// Makes a check unless something excuses whatever it would find, and counts which of the two.
    fn asked(
        &self,
        state: &mut State,
        check: Check,
        excused: bool,
        holds: bool,
        text: impl FnOnce() -> String,
    ) {
        if excused {
            state.coverage.excuse(check);
        } else {
            self.checked(state, check, holds, text);
        }
    }

    fn violated(&self, state: &mut State, check: &'static str, text: String) {
        self.note(format_args!("VIOLATION {check}: {text}"));
        let at = self.0.time.now();
        state.violation.get_or_insert(Violation { check, text, at });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oracle").finish_non_exhaustive()
    }
}
