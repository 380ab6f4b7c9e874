//! The facts about leases: the owner and the lease of every host.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use local_sqs::engine::Action;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_temporary_queues::Tag;

use crate::coverage::Check;
use crate::link::Link;
use crate::owners::{OwnerPlan, name_of};
use crate::process::LifeId;

/// Returns the hosts that a process may use at this moment.
pub(crate) type Holds = Box<dyn Fn() -> Vec<HostQueueUrl> + Send + Sync>;

/// The number of calls of owners, by process and action.
pub type ActionTable = BTreeMap<(usize, Action), u64>;

/// The facts about leases.
#[derive(Default)]
pub(crate) struct LeaseFacts {
    pub(crate) owners: BTreeMap<LifeId, Owner>,
    /// The existing queues that are named like hosts.
    pub(crate) hosts: BTreeMap<String, Host>,
    /// All names that were ever used.
    pub(crate) names: HashSet<String>,
    /// The hosts that another process than their owner has deleted.
    pub(crate) taken: BTreeMap<String, Check>,
    /// When all faults stopped.
    pub(crate) well_since: Option<Duration>,
    /// The requests that were pending when their host was deleted by hand, and when that was.
    pub(crate) lost: BTreeMap<String, Duration>,
    pub(crate) calls: ActionTable,
    pub(crate) counting: bool,
}

pub(crate) struct Owner {
    pub(crate) link: Link,
    pub(crate) plan: OwnerPlan,
    pub(crate) holds: Holds,
    pub(crate) ended: bool,
    /// When it was first seen to be dead.
    pub(crate) dead: Option<Duration>,
    /// Paused with a stopped clock, so its clocks mean nothing now.
    pub(crate) asleep: bool,
    /// Its clocks were stopped and it does not know. The answer to a call with at least this number shows the pause.
    pub(crate) unaware: Option<u64>,
    /// Its wall clock was set back, so that after a suspension, too, only SQS's answer shows the right time.
    pub(crate) set_back: bool,
    /// When it was last busy: a request was pending or a queue was used.
    pub(crate) worked: Duration,
    /// The number of uses of temporary queues in progress, which the oracle does not see as requests.
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
    /// The lease in these tags.
    pub(crate) tag: Tag,
    /// The difference between its stamp and SQS's time when it was created.
    pub(crate) skew: Duration,
}

pub(crate) type Tags = HashMap<String, String>;

impl LeaseFacts {
    /// Whether this process does not know that its clocks were stopped.
    pub(crate) fn is_unaware(&self, life: LifeId) -> bool {
        let owner = self.owners.get(&life);
        owner.is_some_and(|owner| owner.unaware.is_some())
    }

    /// Whether this process reports that it may use the host, and is able to know.
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
