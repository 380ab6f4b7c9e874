//! Processes that own temporary hosts, and queues of other programs under their prefix.
//!
//! Owns: the setup of such a process through the real public API. Does not own: its user's work with a temporary queue,
//! which is in `temporary_user`, and the checks, which are in `oracle::leases`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqs_requester::Requester;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::Sqs;
use sqs_temporary_queues::TemporaryQueues;
use sqs_virtual_queues::VirtualQueues;

/// The prefix of most owners.
pub const RING: &str = "ring-";
/// A prefix that begins with `RING`: another ring, whose hosts also appear in lists of the first.
pub const LONGER: &str = "ring-x-";

/// The setup of a process that owns temporary hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnerPlan {
    /// The prefix of its hosts' names.
    pub prefix: &'static str,
    /// R, the retention of its leases.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// P, the period of its watch.
    #[serde(with = "humantime_serde")]
    pub period: Duration,
    /// Whether it watches other processes' hosts.
    pub watches: bool,
    /// How long it keeps an unused host.
    #[serde(with = "humantime_serde")]
    pub idle_time: Duration,
    /// The API that its user uses.
    pub face: Face,
    /// Whether its host is also given to another process.
    pub lent: bool,
}

/// The API that the user of an owner uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Face {
    /// A requester, whose replies arrive on its temporary host.
    Requester,
    /// Temporary queues.
    Queues,
    /// A requester in restricted mode. At its start it is given the host of the process with this index, or the host with
    /// this name if that process has none.
    Borrower(usize, &'static str),
}

/// Queues of another program under a prefix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foreign {
    /// The prefix of their names.
    pub prefix: &'static str,
    /// The number of queues.
    pub count: u32,
    /// The kind of the queues.
    pub kind: ForeignKind,
    /// The number of messages in each.
    pub messages: u32,
}

/// The kind of a queue of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForeignKind {
    /// A host whose owner died long ago.
    Dead,
    /// A host whose stamp is this far in the future. Its owner is dead.
    Future(#[serde(with = "humantime_serde")] Duration),
    /// A host whose lease has a count instead of a time. Its owner is dead.
    Beat,
    /// A host of Java's client, renewed by its own process.
    Java {
        /// The true time when its process is killed.
        #[serde(with = "humantime_serde")]
        until: Duration,
        /// The error of its clock, in seconds.
        wrong: i64,
    },
    /// A queue with a host's name and no tags.
    Untagged,
    /// A queue with a host's name and tags that are not a lease. The number selects the form.
    Malformed(u8),
    /// A queue with the tags of a dead host and a name that is not a host's. The number selects the form.
    Misnamed(u8),
}

impl OwnerPlan {
    pub(crate) fn requester(&self, sqs: Sqs) -> Requester {
        Requester::builder(sqs)
            .prefix(self.prefix)
            .lease_retention(self.retention)
            .watch_period(self.period)
            .watch(self.watches)
            .idle_time(self.idle_time)
            .build()
            .expect("the plan is valid")
    }

    pub(crate) fn queues(&self, sqs: Sqs) -> TemporaryQueues {
        let queues = VirtualQueues::builder(sqs)
            .build()
            .expect("the plan is valid");
        TemporaryQueues::builder(&queues)
            .prefix(self.prefix)
            .lease_retention(self.retention)
            .watch_period(self.period)
            .watch(self.watches)
            .idle_time(self.idle_time)
            .build()
            .expect("the plan is valid")
    }
}

/// The name in a host's URL.
pub(crate) fn name_of(url: &HostQueueUrl) -> String {
    let url = url.as_str();
    url.rsplit('/').next().unwrap_or(url).to_owned()
}
