//! A plan describes a run as plain data: processes, faults, steps.
//!
//! A seed determines a plan, and a plan with its seed determines a run. A plan from which items were removed is still a
//! plan, so a failing plan can be reduced.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coverage::Check;
use crate::oracle::{Kind, Promises};
use crate::owners::{Foreign, OwnerPlan};
use crate::weather::Window;

/// The request queue with a dead-letter queue. Every world has the three request queues.
pub const REQUESTS: &str = "requests";
/// The FIFO request queue.
pub const FIFO: &str = "requests.fifo";
/// The request queue without a dead-letter queue.
pub const BARE: &str = "bare";
/// Hosts that are given to processes.
pub const HOSTS: [&str; 8] = [
    "sqs-rpc-00000000-0000-4000-8000-000000000000-0",
    "sqs-rpc-00000000-0000-4000-8000-000000000001-0",
    "sqs-rpc-00000000-0000-4000-8000-000000000002-0",
    "sqs-rpc-00000000-0000-4000-8000-000000000003-0",
    "sqs-rpc-00000000-0000-4000-8000-000000000004-0",
    "sqs-rpc-00000000-0000-4000-8000-000000000005-0",
    "sqs-rpc-00000000-0000-4000-8000-000000000006-0",
    "sqs-rpc-00000000-0000-4000-8000-000000000007-0",
];
/// FIFO hosts.
pub const FIFO_HOSTS: [&str; 4] = ["host-0.fifo", "host-1.fifo", "host-2.fifo", "host-3.fifo"];

/// Everything that happens in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"), deny_unknown_fields)]
pub struct Plan {
    /// Determines everything that the items leave open.
    pub seed: u64,
    /// The time of load and faults. After it there are no faults, and everything must work again.
    #[serde(with = "humantime_serde")]
    pub length: Duration,
    /// In any order.
    pub items: Vec<Item>,
    /// Additional requirements.
    pub promises: Promises,
    /// The request queues and the given hosts have a redrive policy with this `maxReceiveCount`. `None`: only the first
    /// request queue has one.
    pub redriven: Option<u32>,
    /// Whether all responders share one reply store.
    pub one_store: bool,
    /// Whether the calls are compared with those of the same plan without its faults.
    pub compared: bool,
}

/// An item of a plan. Items can be removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub enum Item {
    /// A process.
    Process(ProcessPlan),
    /// A fault of SQS or of the network.
    Window(Window),
    /// An event or an action of a process.
    Step(Step),
}

/// A process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct ProcessPlan {
    /// Identifies the process; steps refer to it.
    pub index: usize,
    /// The work of the process.
    pub role: Role,
    /// The offset of its wall clock, in milliseconds.
    pub offset_ms: i64,
    /// The drift of its clocks, in parts per million.
    pub drift_ppm: i64,
    /// The probability that the order of its tasks is changed.
    pub reorder: f64,
}

/// The work of a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Role {
    /// Sends requests.
    Requester {
        /// The given host; `None`: the process creates one.
        #[serde(borrow)]
        host: Option<&'static str>,
        /// The maximum number of pending requests.
        max_pending: usize,
    },
    /// Serves a queue.
    Responder {
        /// The queue.
        queue: &'static str,
        /// The maximum number of requests that are handled at the same time.
        concurrency: usize,
        /// The visibility timeout.
        #[serde(with = "humantime_serde")]
        visibility: Duration,
    },
    /// Has virtual queues.
    Queues(QueuesPlan),
    /// Owns temporary hosts.
    Owner(OwnerPlan),
}

/// Virtual queues of one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct QueuesPlan {
    /// The hosts. Each has virtual queues with all the names.
    pub hosts: Vec<&'static str>,
    /// The names of the queues, and how their users read.
    pub queues: Vec<(&'static str, Reading)>,
    /// The maximum number of messages in one buffer.
    pub queue_capacity: usize,
    /// The maximum number of messages in all buffers of a host.
    pub host_capacity: usize,
    /// The visibility timeout.
    #[serde(with = "humantime_serde")]
    pub visibility: Duration,
    /// The spellings of the host's URL, assigned to the queues in turn. Empty: SQS's spelling.
    pub spellings: Vec<Spelling>,
    /// Whether the orphan hook panics.
    pub hook_panics: bool,
}

/// A spelling of the URL of a queue. All spellings name the same queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spelling {
    /// `sqs.us-east-1.amazonaws.com`.
    Usual,
    /// `us-east-1.queue.amazonaws.com`.
    Legacy,
    /// `queue.amazonaws.com`.
    Oldest,
    /// `sqs.us-east-1.api.aws`.
    DualStack,
    /// `sqs-fips.us-east-1.amazonaws.com`.
    Fips,
}

/// How a virtual queue is read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Reading {
    /// Not at all.
    Never,
    /// Always.
    Always {
        /// The pause after each message.
        #[serde(with = "humantime_serde")]
        pause: Duration,
        /// The probability that a receive is dropped before it ends.
        gives_up: f64,
    },
    /// From this true time on.
    From(#[serde(with = "humantime_serde")] Duration),
    /// Always; the visibility of each message is changed before the message is deleted or put back.
    Undecided,
}

/// An event at a given time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Step {
    /// The true time.
    #[serde(with = "humantime_serde")]
    pub at: Duration,
    /// The process.
    pub process: usize,
    /// The event.
    pub what: What,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// The user sends requests.
    Ask(Ask),
    /// The user sends to a virtual queue.
    Send(SendPlan),
    /// The process is stopped; its clocks continue.
    Stop(#[serde(with = "humantime_serde")] Duration),
    /// The machine is suspended: the monotonic clock stops, the wall clock continues.
    Suspend(#[serde(with = "humantime_serde")] Duration),
    /// The virtual machine is paused: both clocks stop.
    PauseMachine(#[serde(with = "humantime_serde")] Duration),
    /// The wall clock jumps by this number of milliseconds.
    StepClock(i64),
    /// The process is killed.
    Kill,
    /// The process is killed after this number of polls of its tasks.
    KillAfter(u64),
    /// The process is killed as soon as SQS has accepted the next reply that it sends.
    KillAfterReply,
    /// The process starts again if it is not running.
    Restart,
    /// The process shuts down within this time.
    ShutDown(#[serde(with = "humantime_serde")] Duration),
    /// The handle of the process is dropped.
    Drop,
    /// All tasks of the process end, as at the end of a runtime; its handles are still used.
    EndTasks,
    /// This number of requests arrive on a queue. Their requester is dead and their reply queue does not exist.
    DeadRequests(&'static str, u32),
    /// This number of messages that are not requests arrive on a queue.
    Undecodable(&'static str, u32),
    /// A request that expired long ago arrives on a queue.
    OldRequest(&'static str),
    /// This number of messages for virtual queues that do not exist arrive on a host.
    Orphans(&'static str, u32),
    /// A person deletes the hosts of the process.
    LoseHosts,
    /// Another program creates queues.
    Foreign(Foreign),
    /// Checks that every host that was dead this long ago is deleted now.
    CleanSince(#[serde(with = "humantime_serde")] Duration),
    /// Starts or stops counting the calls of owners.
    Count(bool),
}

/// Requests of one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The queue.
    pub queue: &'static str,
    /// The number of requests.
    pub count: u32,
    /// The time within which the requests begin.
    #[serde(with = "humantime_serde")]
    pub over: Duration,
    /// The kinds of the requests, in turn.
    pub kinds: Vec<Kind>,
    /// The timeout of each request.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// The part of them that are dropped before they end, from 0 to 1.
    pub cancelled: f64,
    /// The requests must succeed, because no fault affects them. The value is the check that fails if they do not.
    pub must_succeed: Option<Check>,
}

/// Messages of one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendPlan {
    /// The host.
    pub host: &'static str,
    /// The virtual queue's name.
    pub queue: &'static str,
    /// The number of messages.
    pub count: u32,
    /// The time within which the messages are sent.
    #[serde(with = "humantime_serde")]
    pub over: Duration,
    /// Whether all have the same body.
    pub equal: bool,
}

impl Plan {
    /// A copy of this plan without the items with these numbers.
    #[must_use]
    pub fn without(&self, left_out: &[usize]) -> Self {
        let items = self.items.iter().enumerate();
        let kept = items.filter(|(number, _)| !left_out.contains(number));
        Self {
            items: kept.map(|(_, item)| item.clone()).collect(),
            ..self.clone()
        }
    }

    /// A copy of this plan without faults of SQS or of the network.
    #[must_use]
    pub fn when_all_is_well(&self) -> Self {
        let mut plan = self.clone();
        plan.items.retain(|item| !matches!(item, Item::Window(_)));
        plan
    }

    /// The processes.
    pub fn processes(&self) -> impl Iterator<Item = &ProcessPlan> {
        self.items.iter().filter_map(|item| match item {
            Item::Process(process) => Some(process),
            _ => None,
        })
    }

    /// The faults of SQS and of the network.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.items.iter().filter_map(|item| match item {
            Item::Window(window) => Some(window),
            _ => None,
        })
    }

    /// The steps, sorted by time.
    #[must_use]
    pub fn steps(&self) -> Vec<&Step> {
        let steps = self.items.iter().filter_map(|item| match item {
            Item::Step(step) => Some(step),
            _ => None,
        });
        let mut steps: Vec<_> = steps.collect();
        steps.sort_by_key(|step| step.at);
        steps
    }
}

/// One line for each item, with its number.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, item) in self.items.iter().enumerate() {
            writeln!(f, "{number:>4}  {item:?}")?;
        }
        Ok(())
    }
}

/// Reads numbers and ranges such as `1,3..5`.
///
/// # Errors
/// The part that is neither a number nor a range.
pub fn read_numbers(text: &str) -> Result<Vec<usize>, String> {
    let mut numbers = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once("..").unwrap_or((part, part));
        let read = |text: &str| text.parse::<usize>().map_err(|_| part.to_owned());
        numbers.extend(read(first)?..=read(last)?);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_read() {
        assert_eq!(read_numbers("0,2..4,9"), Ok(vec![0, 2, 3, 4, 9]));
        assert_eq!(read_numbers("1,x"), Err("x".to_owned()));
        assert_eq!(read_numbers(""), Ok(Vec::new()));
    }
}
