//! What the oracle knows.
//!
//! Owns the facts about each subject, one file each. Does not own the checks, which are in the files of the oracle.

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

/// All that is known of a run.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) coverage: Coverage,
    pub(crate) violation: Option<Violation>,
    /// By body, which names the request.
    pub(crate) requests: BTreeMap<String, RequestFacts>,
    /// Bodies of those that have not ended.
    pub(crate) pending: BTreeSet<String>,
    /// Messages of virtual queues, by body.
    pub(crate) messages: BTreeMap<String, MessageFacts>,
    /// By message id: what SQS accepted.
    pub(crate) accepted: HashMap<String, Accepted>,
    /// Lives whose tasks have ended, and when.
    pub(crate) tasks_ended: BTreeMap<LifeId, Duration>,
    /// Lives that were asked to shut down, or were dropped.
    pub(crate) ending: HashSet<LifeId>,
    /// By receipt handle: what the user said last of the message.
    pub(crate) words: HashMap<String, Option<Duration>>,
    /// By receipt handle: what it was given for.
    pub(crate) receipts: HashMap<String, Receipt>,
    /// What a life was told that SQS had accepted.
    pub(crate) heard: HashSet<(LifeId, String)>,
    /// Who handled what, and how often.
    pub(crate) handled: HashMap<(LifeId, String), u32>,
    /// By message id: messages of other programs.
    pub(crate) strange: HashMap<String, Strange>,
    /// Names of queues that were deleted.
    pub(crate) deleted_queues: HashSet<String>,
    pub(crate) rates: Rates,
    pub(crate) calls: CallTable,
    /// Bodies that SQS has handed out.
    pub(crate) delivered: HashSet<Arc<str>>,
    pub(crate) call_numbers: u64,
    pub(crate) leases: LeaseFacts,
    pub(crate) replies: Replies,
    pub(crate) servers: Servers,
    pub(crate) conditions: Conditions,
    /// When a request must have been handled.
    pub(crate) due: BTreeSet<(Duration, String)>,
}

/// A message that SQS has.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) queue: String,
    pub(crate) body: String,
    pub(crate) at: Duration,
    pub(crate) latest_receipt: String,
    pub(crate) hidden_until: Duration,
    /// SQS has delivered it while it was hidden.
    pub(crate) duplicated: bool,
}

/// What a receipt handle was given for.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) message: String,
    pub(crate) given: Duration,
    /// Until when SQS hides the message for its holder.
    pub(crate) hidden_until: Duration,
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
