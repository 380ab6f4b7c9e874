//! Knows what was sent, accepted, delivered, handled and answered, and says at once when something is wrong.
//!
//! Owns: the facts, the checks, and how often each was made. Does not own: anything that happens. Whoever does something
//! tells it, and it looks whether that was right; nothing here changes the run.
//!
//! | file | question |
//! |---|---|
//! | `requests` | does each request end as it should, and is each handled as it should be? |
//! | `messages` | does each message of a virtual queue reach its user? |
//! | `leases` | is no live host deleted, and every dead one in time? |
//! | `calls` | what did SQS accept, and are there too many calls? |

mod calls;
mod leases;
mod messages;
mod requests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use calls::{BUCKET, CallTable, Counts};
pub use leases::ActionTable;
pub(crate) use leases::LeaseCall;
pub use messages::{EQUAL, equal_name};
pub use requests::{Asked, Kind, Outcome, reply_to};

use crate::coverage::{Check, Coverage, Fault};
use crate::time::TrueTime;
use crate::trace::Trace;
use calls::Rates;
use leases::LeaseFacts;
use messages::MessageFacts;
use requests::RequestFacts;

/// The oracle. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Oracle(Arc<Inner>);

struct Inner {
    time: TrueTime,
    trace: Trace,
    leniency: Leniency,
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
    /// By receipt handle: the message id.
    receipts: HashMap<String, String>,
    /// What a life was told that SQS had accepted.
    heard: HashSet<(crate::process::LifeId, String)>,
    /// Who handled what, and how often.
    handled: HashMap<(crate::process::LifeId, String), u32>,
    /// How often each message that is no request was delivered.
    strange: HashMap<String, u32>,
    /// Names of queues that were deleted.
    deleted_queues: HashSet<String>,
    rates: Rates,
    calls: CallTable,
    /// Bodies that SQS has handed out.
    delivered: HashSet<Arc<str>>,
    call_numbers: u64,
    leases: LeaseFacts,
}

/// A message that SQS has.
#[derive(Debug, Clone)]
struct Accepted {
    queue: String,
    body: String,
    latest_receipt: String,
    hidden_until: Duration,
}

/// What the plan makes impossible to tell, or to demand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Leniency {
    /// A `Date` may be ahead: an expiry may be seen so much too early.
    pub dates_ahead: bool,
    /// Processes stop, or clocks are wrong: what happens late may be late.
    pub clocks: bool,
    /// SQS delivers messages that it should hide.
    pub duplicates: bool,
    /// An answer may have no `Date`: what has expired may not be known.
    pub no_dates: bool,
    /// Messages of virtual queues are received so soon after SQS accepted them.
    pub prompt: Option<Duration>,
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
    pub fn new(time: TrueTime, trace: Trace, leniency: Leniency) -> Self {
        Self(Arc::new(Inner {
            time,
            trace,
            leniency,
            state: Mutex::default(),
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
        if !holds {
            self.violated(state, check.name(), text());
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
