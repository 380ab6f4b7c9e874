//! The facts that the oracle knows.
//!
//! Owns: the facts about each subject, in one file each. Does not own: the checks, which are in the other files of the
//! oracle.

mod calls;
mod conditions;
mod leases;
mod messages;
mod replies;
mod requests;
mod servers;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use calls::{BUCKET, CallTable, Counts};
pub(crate) use calls::{Rates, Strange};
pub(crate) use conditions::{Conditions, RECOVERY};
pub use leases::ActionTable;
pub(crate) use leases::{Holds, Host, LeaseFacts, Owner, Tags};
pub(crate) use messages::MessageFacts;
pub(crate) use replies::{Address, Replies};
pub(crate) use requests::RequestFacts;
pub use requests::{Asked, Kind};
pub(crate) use servers::{Server, Servers};

use crate::coverage::Coverage;
use crate::process::LifeId;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) coverage: Coverage,
    pub(crate) violation: Option<Violation>,
    /// The requests by body, which identifies the request.
    pub(crate) requests: BTreeMap<String, RequestFacts>,
    /// The bodies of requests that have not ended.
    pub(crate) pending: BTreeSet<String>,
    /// The messages of virtual queues, by body.
    pub(crate) messages: BTreeMap<String, MessageFacts>,
    /// The messages that SQS has accepted, by message id.
    pub(crate) accepted: HashMap<String, Accepted>,
    /// The lives whose tasks have ended, and when.
    pub(crate) tasks_ended: BTreeMap<LifeId, Duration>,
    /// The lives whose shutdown has begun, or that were dropped.
    pub(crate) ending: HashSet<LifeId>,
    /// The effect of the user's last call for a message, by receipt handle: hidden for this time, or deleted (`None`).
    pub(crate) words: HashMap<String, Option<Duration>>,
    /// The deliveries, by receipt handle.
    pub(crate) receipts: HashMap<String, Receipt>,
    /// The sends that SQS has accepted according to an answer that the life has received.
    pub(crate) heard: HashSet<(LifeId, String)>,
    /// The queues of which a life has given a poll up before the poll's time, with the violation that it is unless the life
    /// has no more use for the queue.
    pub(crate) given_up: HashMap<(LifeId, String), String>,
    /// How often each life has handled each request.
    pub(crate) handled: HashMap<(LifeId, String), u32>,
    /// The messages of other programs, by message id.
    pub(crate) strange: HashMap<String, Strange>,
    /// The names of queues that were deleted.
    pub(crate) deleted_queues: HashSet<String>,
    pub(crate) rates: Rates,
    pub(crate) calls: CallTable,
    /// The bodies that SQS has delivered.
    pub(crate) delivered: HashSet<Arc<str>>,
    pub(crate) call_numbers: u64,
    pub(crate) leases: LeaseFacts,
    pub(crate) replies: Replies,
    pub(crate) servers: Servers,
    pub(crate) conditions: Conditions,
    /// The times by which requests must have been handled.
    pub(crate) due: BTreeSet<(Duration, String)>,
}

/// A message that SQS has accepted.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) queue: String,
    pub(crate) body: String,
    pub(crate) at: Duration,
    pub(crate) latest_receipt: String,
    pub(crate) hidden_until: Duration,
    /// Whether SQS has delivered it while it was hidden.
    pub(crate) duplicated: bool,
}

/// A delivery of a message.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) message: String,
    pub(crate) given: Duration,
    /// Until when SQS hides the message after this delivery.
    pub(crate) hidden_until: Duration,
}

/// The first violation of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The check that failed.
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
