//! Who owns which host, and what the lease of every host says.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use local_sqs::engine::Action;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_temporary_queues::Tag;

use crate::coverage::Check;
use crate::link::Link;
use crate::owners::{OwnerPlan, name_of};
use crate::process::LifeId;

/// Tells which hosts a process may use at this moment.
pub(crate) type Holds = Box<dyn Fn() -> Vec<HostQueueUrl> + Send + Sync>;

/// Calls of owners, by process and action.
pub type ActionTable = BTreeMap<(usize, Action), u64>;

/// What is known about leases.
#[derive(Default)]
pub(crate) struct LeaseFacts {
    pub(crate) owners: BTreeMap<LifeId, Owner>,
    /// Queues that exist and are called as hosts are.
    pub(crate) hosts: BTreeMap<String, Host>,
    /// Names that were ever used.
    pub(crate) names: HashSet<String>,
    /// Hosts that somebody else than their owner has deleted.
    pub(crate) taken: BTreeMap<String, Check>,
    /// Since when all is well.
    pub(crate) well_since: Option<Duration>,
    /// Requests that were pending when their host was deleted by hand, and when that was.
    pub(crate) lost: BTreeMap<String, Duration>,
    pub(crate) calls: ActionTable,
    pub(crate) counting: bool,
}

pub(crate) struct Owner {
    pub(crate) link: Link,
    pub(crate) plan: OwnerPlan,
    pub(crate) holds: Holds,
    pub(crate) ended: bool,
    /// When it was seen to be dead.
    pub(crate) dead: Option<Duration>,
    /// Stopped with its clocks: what they say now means nothing.
    pub(crate) asleep: bool,
    /// Both clocks have stood still. It learns of that from the answer to a call with at least this number.
    pub(crate) unaware: Option<u64>,
    /// Its wall clock was set back: after a sleep, too, only SQS can tell it the time.
    pub(crate) set_back: bool,
    /// When it last worked: something waited.
    pub(crate) worked: Duration,
    /// What is under way that the oracle does not see as a request.
    pub(crate) working: i64,
    /// When it last held a host.
    pub(crate) held: Duration,
    pub(crate) walking: VecDeque<Duration>,
}

pub(crate) struct Host {
    pub(crate) owner: Option<LifeId>,
    pub(crate) made: Duration,
    pub(crate) written: Duration,
    pub(crate) tags: Tags,
    /// What they say.
    pub(crate) tag: Tag,
    /// How far its stamp was from SQS's time when it was made.
    pub(crate) skew: Duration,
}

pub(crate) type Tags = HashMap<String, String>;

impl LeaseFacts {
    /// Whether this process does not know that its clocks have stood still.
    pub(crate) fn is_unaware(&self, life: LifeId) -> bool {
        let owner = self.owners.get(&life);
        owner.is_some_and(|owner| owner.unaware.is_some())
    }

    /// Whether this process says of itself that it may use the host, and can know.
    pub(crate) fn holds(&self, life: LifeId, name: &str) -> bool {
        let Some(owner) = self.owners.get(&life) else {
            return false;
        };
        let knows = !owner.ended
            && !owner.asleep
            && owner.unaware.is_none()
            && !owner.link.gate.is_killed();
        knows && (owner.holds)().iter().any(|url| name_of(url) == name)
    }

    pub(crate) fn holds_or_sleeps(&self, life: LifeId, name: &str) -> bool {
        let Some(owner) = self.owners.get(&life) else {
            return false;
        };
        !owner.ended
            && !owner.link.gate.is_killed()
            && (owner.asleep || (owner.holds)().iter().any(|url| name_of(url) == name))
    }
}
