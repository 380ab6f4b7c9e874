//! What a run consists of, as plain data: processes, faults, steps.
//!
//! A seed makes a plan, and a plan with its seed makes a run. A shorter plan, from which items were taken out, is still
//! a plan: so a failure is made small.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coverage::Check;
use crate::network::Window;
use crate::oracle::{Kind, Promises};
use crate::owners::{Foreign, OwnerPlan};

/// The request queues that there are in every world: one with a dead-letter queue, a FIFO queue, and one with no
/// dead-letter queue.
pub const REQUESTS: &str = "requests";
/// The FIFO one.
pub const FIFO: &str = "requests.fifo";
/// The one with no dead-letter queue.
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
    /// Decides what the items leave open.
    pub seed: u64,
    /// Until when there is load, and faults may take place. After that all is well, and things must work again.
    #[serde(with = "humantime_serde")]
    pub length: Duration,
    /// In any order.
    pub items: Vec<Item>,
    /// What is demanded besides.
    pub promises: Promises,
    /// The request queues and the hosts that are given have a redrive policy with this `maxReceiveCount`; `None`: the
    /// first request queue alone has one.
    pub redriven: Option<u32>,
    /// All responders share one reply store.
    pub one_store: bool,
    /// Whether the calls are compared with those of the same plan without its faults.
    pub compared: bool,
}

/// One thing that can be taken out of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub enum Item {
    /// A process.
    Process(ProcessPlan),
    /// A fault of SQS or of the network.
    Window(Window),
    /// Something that happens to a process, or that it does.
    Step(Step),
}

/// A process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct ProcessPlan {
    /// Names it; steps refer to it.
    pub index: usize,
    /// What it does.
    pub role: Role,
    /// What its wall clock is off by, in milliseconds.
    pub offset_ms: i64,
    /// What its clocks gain, in millionths.
    pub drift_ppm: i64,
    /// How often the order of its tasks is changed.
    pub reorder: f64,
}

/// What a process does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Role {
    /// Sends requests.
    Requester {
        /// The host it is given; `None`: it makes one.
        #[serde(borrow)]
        host: Option<&'static str>,
        /// The most requests at a time.
        max_pending: usize,
    },
    /// Serves a queue.
    Responder {
        /// Which.
        queue: &'static str,
        /// The most requests at a time.
        concurrency: usize,
        /// For how long messages are hidden.
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
    /// Each has queues of all the names.
    pub hosts: Vec<&'static str>,
    /// Names of queues, and how their users read.
    pub queues: Vec<(&'static str, Reading)>,
    /// Messages in one buffer.
    pub queue_capacity: usize,
    /// Messages in all buffers of a host.
    pub host_capacity: usize,
    /// For how long messages are hidden.
    #[serde(with = "humantime_serde")]
    pub visibility: Duration,
    /// How the URL of their host is written: each queue has another one, in turn. Empty: as SQS writes it.
    pub spellings: Vec<Spelling>,
    /// The hook for orphans panics.
    pub hook_panics: bool,
}

/// How the URL of a queue is written: all name the same queue.
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
    /// Always, with this pause after each message, and this probability that a receive is given up halfway.
    Always {
        /// After each message.
        #[serde(with = "humantime_serde")]
        pause: Duration,
        /// For each receive.
        gives_up: f64,
    },
    /// From a true time on.
    From(#[serde(with = "humantime_serde")] Duration),
    /// Always; the visibility of each message is changed before it is deleted, or given back.
    Undecided,
}

/// Something that happens at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Step {
    /// In true time.
    #[serde(with = "humantime_serde")]
    pub at: Duration,
    /// To whom.
    pub process: usize,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// The user asks.
    Ask(Ask),
    /// The user sends to a virtual queue.
    Send(Send),
    /// The process is stopped; its clocks go on.
    Stop(#[serde(with = "humantime_serde")] Duration),
    /// The machine is suspended: the monotonic clock stands still, the wall clock goes on.
    Suspend(#[serde(with = "humantime_serde")] Duration),
    /// The virtual machine is paused: both clocks stand still.
    PauseMachine(#[serde(with = "humantime_serde")] Duration),
    /// The wall clock jumps by so many milliseconds.
    StepClock(i64),
    /// The process is killed.
    Kill,
    /// It is killed after so many polls of its tasks.
    KillAfter(u64),
    /// It is killed as soon as SQS has accepted the next reply that it sends.
    KillAfterReply,
    /// It starts again, if it does not run.
    Restart,
    /// It shuts down within a time.
    ShutDown(#[serde(with = "humantime_serde")] Duration),
    /// Its handle is dropped.
    Drop,
    /// All its tasks end, as with the runtime; its handles are used on.
    EndTasks,
    /// So many requests come on a queue whose requester is dead, and its reply queue gone.
    DeadRequests(&'static str, u32),
    /// So many messages that are no requests come on a queue.
    Undecodable(&'static str, u32),
    /// A request comes on a queue that expired long ago.
    OldRequest(&'static str),
    /// So many messages come on a host for virtual queues that do not exist.
    Orphans(&'static str, u32),
    /// Somebody deletes the hosts that it has.
    LoseHosts,
    /// Some other program puts queues there.
    Foreign(Foreign),
    /// By now every host that was dead so long ago is gone.
    CleanSince(#[serde(with = "humantime_serde")] Duration),
    /// Calls of owners are counted from now on, or not any more.
    Count(bool),
}

/// Requests of one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// To which queue.
    pub queue: &'static str,
    /// How many.
    pub count: u32,
    /// In which time they begin.
    #[serde(with = "humantime_serde")]
    pub over: Duration,
    /// What they ask for, in turn.
    pub kinds: Vec<Kind>,
    /// How long the user waits.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How many of them are dropped before they end, from 0 to 1.
    pub cancelled: f64,
    /// Nothing hinders them: they must succeed. The check that fails if they do not.
    pub must_succeed: Option<Check>,
}

/// Messages of one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Send {
    /// The host.
    pub host: &'static str,
    /// The virtual queue's name.
    pub queue: &'static str,
    /// How many.
    pub count: u32,
    /// In which time.
    #[serde(with = "humantime_serde")]
    pub over: Duration,
    /// All have the same body.
    pub equal: bool,
}

impl Plan {
    /// The same without the items of these numbers.
    #[must_use]
    pub fn without(&self, left_out: &[usize]) -> Self {
        let items = self.items.iter().enumerate();
        let kept = items.filter(|(number, _)| !left_out.contains(number));
        Self {
            items: kept.map(|(_, item)| item.clone()).collect(),
            ..self.clone()
        }
    }

    /// The same with no faults of SQS or of the network.
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

    /// The steps in the order of their time.
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

/// One line an item, with its number.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, item) in self.items.iter().enumerate() {
            writeln!(f, "{number:>4}  {item:?}")?;
        }
        Ok(())
    }
}

/// Reads numbers and ranges: `1,3..5`.
///
/// # Errors
/// The part that is no number and no range.
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
