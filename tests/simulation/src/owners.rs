//! Processes that own temporary hosts, and queues that others put under their prefix.
//!
//! Owns: how such a process is set up, with its real public faces, and what its user does with a temporary queue. Does
//! not own: what must hold, which is `oracle::leases`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqs_requester::Requester;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_virtual_queues::sqs::Sqs;
use sqs_virtual_queues::{CreateTemporary, TemporaryQueues, VirtualQueues};

use crate::coverage::Check;
use crate::network::Link;
use crate::oracle::Oracle;

/// The prefix of most owners.
pub const RING: &str = "ring-";
/// One that begins with it: a different ring, whose hosts are in the lists of the first.
pub const LONGER: &str = "ring-x-";

/// How a process owns temporary hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnerPlan {
    /// What its hosts' names begin with.
    pub prefix: &'static str,
    /// R.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// P.
    #[serde(with = "humantime_serde")]
    pub period: Duration,
    /// Whether it looks after others' hosts.
    pub watches: bool,
    /// For how long it keeps a host that nothing uses.
    #[serde(with = "humantime_serde")]
    pub idle_time: Duration,
    /// What it is for its user.
    pub face: Face,
    /// Whether another process is given its host, too.
    pub lent: bool,
}

/// What an owner is for its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Face {
    /// A requester, whose replies come to its temporary host.
    Requester,
    /// Temporary queues.
    Queues,
    /// A requester in restricted mode: it was given the host that another process has when it starts, or this one if
    /// that has none.
    Borrower(usize, &'static str),
}

/// Queues that some other program has under a prefix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foreign {
    /// What their names begin with.
    pub prefix: &'static str,
    /// How many.
    pub count: u32,
    /// What they look like.
    pub kind: ForeignKind,
    /// Messages in each.
    pub messages: u32,
}

/// What a queue of some other program looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForeignKind {
    /// A host whose owner died long ago.
    Dead,
    /// A host whose stamp is so much in the future. Its owner is dead.
    Future(#[serde(with = "humantime_serde")] Duration),
    /// A host whose lease has a count and not a time. Its owner is dead.
    Beat,
    /// A host of Java's, renewed by its own process until a true time, with a clock that is wrong by so many seconds.
    Java {
        /// When its process is killed.
        #[serde(with = "humantime_serde")]
        until: Duration,
        /// How wrong its clock is.
        wrong: i64,
    },
    /// A host's name, and no tags.
    Untagged,
    /// A host's name, and tags that are no lease: one of some forms.
    Malformed(u8),
    /// The tags of a dead host, and a name that is no host's: one of some forms.
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

/// Makes a temporary queue, sends a message to it, receives it, and deletes the queue.
pub(crate) async fn use_queue(
    temporary: TemporaryQueues,
    link: Link,
    oracle: Oracle,
    body: String,
    must_succeed: Option<Check>,
) {
    oracle.note(format_args!("{} makes a queue for {body}", link.life));
    oracle.works(&link, 1);
    let must_succeed = must_succeed.filter(|_| !oracle.is_unaware(link.life));
    let used = round_trip(&temporary, &body).await;
    oracle.works(&link, -1);
    let text = used.as_ref().err().cloned().unwrap_or_default();
    oracle.note(format_args!("{body} ends: {text}"));
    if let Some(check) = must_succeed {
        oracle.check(check, used.is_ok(), || {
            format!("{body} of {} ended with {text}", link.life)
        });
    }
}

async fn round_trip(temporary: &TemporaryQueues, body: &str) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let queue = temporary
        .create(CreateTemporary::random())
        .await
        .map_err(|error| text(&error))?;
    queue.send(body).await.map_err(|error| text(&error))?;
    let received = queue.receive().await.map_err(|error| text(&error))?;
    let message = received.first().ok_or("nothing came")?;
    if message.body() != Some(body) {
        return Err(format!("{:?} came", message.body()));
    }
    let handle = message.receipt_handle().ok_or("no handle")?;
    queue.delete(handle).await.map_err(|error| text(&error))?;
    queue.delete_queue().map_err(|error| text(&error))
}

/// The name in a host's URL.
pub(crate) fn name_of(url: &HostQueueUrl) -> String {
    let url = url.as_str();
    url.rsplit('/').next().unwrap_or(url).to_owned()
}
