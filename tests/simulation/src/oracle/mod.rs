//! The oracle knows what was sent, accepted, delivered, handled and answered, and reports the first violation at once.
//!
//! Owns: the facts, the checks, and their counts. Does not own: any action. All other modules report their actions to the
//! oracle, and the oracle checks them. Nothing here changes the run.
//!
//! | file | question |
//! |---|---|
//! | `facts` | what does the oracle know? |
//! | `requests` | does each request end correctly, and is each request handled correctly? |
//! | `replies` | which request does a reply belong to, and has SQS accepted it? |
//! | `servers` | which responders could have handled a request in time? |
//! | `conditions` | which faults affect which process, and when? |
//! | `messages` | does each message of a virtual queue reach its user? |
//! | `leases` | is no live host deleted, and is every dead host deleted in time? |
//! | `calls` | what did SQS accept, and are there too many calls? |

mod calls;
mod conditions;
mod facts;
mod leases;
mod messages;
mod replies;
mod requests;
mod servers;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use facts::{ActionTable, Asked, BUCKET, CallTable, Counts, Kind, Violation};
pub use messages::{EQUAL, equal_name};
pub(crate) use requests::AS_ASKED;
pub use requests::{Outcome, reply_to};

use serde::{Deserialize, Serialize};

use crate::coverage::{Check, Coverage, Fault};
use crate::time::TrueTime;
use crate::trace::Trace;
use crate::weather::Window;
use facts::{Conditions, State};

/// The oracle. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Oracle(Arc<Inner>);

struct Inner {
    time: TrueTime,
    trace: Trace,
    promises: Promises,
    state: Mutex<State>,
}

/// Additional requirements of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promises {
    /// The maximum time from SQS's acceptance of a message of a virtual queue to its receipt.
    #[serde(with = "humantime_serde")]
    pub prompt: Option<Duration>,
    /// The number of receives after which a message may be in the dead-letter queue.
    pub most_receives: u32,
    /// Whether all responders share one reply store.
    pub one_store: bool,
}

impl Oracle {
    /// An oracle without any facts.
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

    /// Counts a check, and keeps the first violation.
    pub fn check(&self, check: Check, holds: bool, text: impl FnOnce() -> String) {
        self.checked(&mut self.lock(), check, holds, text);
    }

    /// Reports a violation without a check, such as a panic.
    pub fn broken(&self, what: &'static str, text: String) {
        self.violated(&mut self.lock(), what, text);
    }

    /// Adds a line to the trace.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        self.0.trace.note(self.0.time.now(), what);
    }

    /// The first violation, if there was one.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.lock().violation.clone()
    }

    /// The counts of faults and checks.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        self.lock().coverage.clone()
    }

    /// The calls of each process over time.
    #[must_use]
    pub fn calls(&self) -> CallTable {
        self.lock().calls.clone()
    }

    /// Forgets everything. For the end of the run, to break a cycle: requests refer to their processes, and the gates of
    /// processes refer to the oracle.
    pub fn forget(&self) {
        *self.lock() = State::default();
    }

    fn checked(&self, state: &mut State, check: Check, holds: bool, text: impl FnOnce() -> String) {
        state.coverage.check(check);
        if !holds && !crate::mutants::is_left_out(check) {
            self.violated(state, check.name(), text());
        }
    }

    /// Makes a check unless a violation would be excused, and counts the check or the excuse.
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
