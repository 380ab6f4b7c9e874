//! Temporary hosts: I5, I6, and what owners must and must not do.
//!
//! Owns: who holds which host, as the owners themselves say at that very moment, and what every host's lease says. An
//! owner whose virtual machine was paused with both its clocks cannot know better until SQS answers it: until then
//! nothing is demanded of it.
//!
//! | file | question |
//! |---|---|
//! | `calls` | may an owner make this call; whose host does it make, renew or delete? |
//! | `owners` | what do owners hold, and is that right? |
//! | `in_time` | when must a dead host be gone? |

mod calls;
mod in_time;
mod owners;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use local_sqs::engine::{Action, Request};
use sqs_rpc_protocol::names::LEASE_TAG;
use sqs_rpc_protocol::{HostQueueUrl, TemporaryQueueName};
use sqs_virtual_queues::{Lease, Stamp, Tag};

use super::{Oracle, State};
use crate::coverage::{Check, Fault};
use crate::network::Link;
use crate::owners::{Face, OwnerPlan, name_of};
use crate::process::LifeId;

/// A deletion, or the making of a host that nobody wants any more, may take so long.
const IDLE_SLACK: Duration = Duration::from_secs(90);

/// Tells which hosts a process may use at this moment.
pub(crate) type Holds = Box<dyn Fn() -> Vec<HostQueueUrl> + Send + Sync>;

/// Calls of owners, by process and action.
pub type ActionTable = BTreeMap<(usize, Action), u64>;

/// What is known about leases.
#[derive(Default)]
pub(super) struct LeaseFacts {
    owners: BTreeMap<LifeId, Owner>,
    /// Queues that exist and are called as hosts are.
    hosts: BTreeMap<String, Host>,
    /// Names that were ever used.
    names: HashSet<String>,
    /// Hosts that somebody else than their owner has deleted.
    taken: BTreeMap<String, Check>,
    /// Since when all is well.
    well_since: Option<Duration>,
    /// Requests that were pending when their host was deleted by hand, and when that was.
    lost: BTreeMap<String, Duration>,
    calls: ActionTable,
    counting: bool,
}

struct Owner {
    link: Link,
    plan: OwnerPlan,
    holds: Holds,
    ended: bool,
    /// When it was seen to be dead.
    dead: Option<Duration>,
    /// Stopped with its clocks: what they say now means nothing.
    asleep: bool,
    /// Both clocks have stood still. It learns of that from the answer to a call with at least this number.
    unaware: Option<u64>,
    /// Its wall clock was set back: after a sleep, too, only SQS can tell it the time.
    set_back: bool,
    /// When it last worked: something waited.
    worked: Duration,
    /// What is under way that the oracle does not see as a request.
    working: i64,
    /// When it last held a host.
    held: Duration,
    walking: VecDeque<Duration>,
}

struct Host {
    owner: Option<LifeId>,
    made: Duration,
    written: Duration,
    tags: Tags,
    /// What they say.
    tag: Tag,
    /// How far its stamp was from SQS's time when it was made.
    skew: Duration,
}

type Tags = HashMap<String, String>;

/// What a call means for leases, looked up before it takes effect.
#[derive(Debug, Default)]
pub(crate) enum LeaseCall {
    #[default]
    Other,
    Create(String, Tags),
    Write(String, Tags),
    Delete(String),
}

impl LeaseCall {
    pub(super) fn of(request: &Request, queue: &str) -> Self {
        let is_host = |name: &str| TemporaryQueueName::parse(name).is_some();
        let read = |tags: Option<&BTreeMap<String, String>>| {
            let tags = tags.into_iter().flatten();
            tags.map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        match request {
            Request::CreateQueue(create) => match &create.queue_name {
                Some(name) if is_host(name) => {
                    Self::Create(name.clone(), read(create.tags.as_ref()))
                }
                _ => Self::Other,
            },
            Request::TagQueue(tag) if is_host(queue) => {
                Self::Write(queue.to_owned(), read(tag.tags.as_ref()))
            }
            Request::DeleteQueue(_) => Self::Delete(queue.to_owned()),
            _ => Self::Other,
        }
    }
}

impl Oracle {
    /// A process begins that owns temporary hosts.
    pub(crate) fn owns(&self, link: &Link, plan: &OwnerPlan, holds: Holds) {
        let owner = Owner {
            link: link.clone(),
            plan: plan.clone(),
            holds,
            ended: false,
            dead: None,
            asleep: false,
            unaware: None,
            set_back: false,
            worked: self.0.time.now(),
            working: 0,
            held: self.0.time.now(),
            walking: VecDeque::new(),
        };
        self.lock().leases.owners.insert(link.life, owner);
    }

    /// It shuts down, or is dropped: it answers for no host any more.
    pub(crate) fn disowns(&self, life: LifeId) {
        let now = self.0.time.now();
        let mut state = self.lock();
        state.ending.insert(life);
        state.servers.ends(life, now);
        state.servers.leaves(life);
        if let Some(owner) = state.leases.owners.get_mut(&life) {
            owner.ended = true;
            owner.holds = Box::new(Vec::new);
        }
    }

    /// Whether it was asked to shut down, or was dropped.
    pub(crate) fn is_ending(&self, life: LifeId) -> bool {
        self.lock().ending.contains(&life)
    }

    /// Lets go of all handles, which are part of a circle.
    pub(crate) fn forgets_owners(&self) {
        let owners = std::mem::take(&mut self.lock().leases.owners);
        drop(owners);
    }

    /// Whether a process does not know that its clocks have stood still: what it begins now may be in vain.
    pub(crate) fn is_unaware(&self, life: LifeId) -> bool {
        self.lock().leases.is_unaware(life)
    }

    /// Its user begins (1) or has ended (-1) something that is no request.
    pub(crate) fn works(&self, link: &Link, by: i64) {
        let now = self.0.time.now();
        let mut state = self.lock();
        if let Some(owner) = state.leases.owners.get_mut(&link.life) {
            owner.working += by;
            owner.worked = now;
        }
    }

    /// It is stopped, with its clocks or without.
    pub(crate) fn falls_asleep(&self, life: LifeId, how: Fault) {
        let mut state = self.lock();
        let number = state.call_numbers + 1;
        if let Some(owner) = state.leases.owners.get_mut(&life) {
            owner.asleep = how != Fault::Stopped;
            if how == Fault::MachinePaused || (how == Fault::Suspended && owner.set_back) {
                owner.unaware = Some(number);
            }
        }
    }

    /// It goes on.
    pub(crate) fn wakes_up(&self, life: LifeId) {
        let mut state = self.lock();
        let number = state.call_numbers + 1;
        if let Some(owner) = state.leases.owners.get_mut(&life) {
            owner.asleep = false;
            owner.unaware = owner.unaware.map(|_| number);
        }
    }

    /// Its wall clock is set.
    pub(crate) fn is_set(&self, life: LifeId, by_ms: i64) {
        if let Some(owner) = self.lock().leases.owners.get_mut(&life) {
            owner.set_back |= by_ms < 0;
        }
    }

    /// Some other program has put a queue there.
    pub(crate) fn finds(&self, name: &str, tag: Tag) {
        let now = self.0.time.now();
        let host = Host {
            owner: None,
            made: now,
            written: now,
            tags: Tags::new(),
            tag,
            skew: Duration::ZERO,
        };
        self.lock().leases.hosts.insert(name.to_owned(), host);
    }

    /// Some other program has renewed its lease.
    pub(crate) fn finds_renewed(&self, name: &str) {
        let now = self.0.time.now();
        if let Some(host) = self.lock().leases.hosts.get_mut(name) {
            host.written = now;
        }
    }

    /// Some other program has deleted hosts of this process. `at_once`: nothing hinders it from telling its users.
    pub(crate) fn loses(&self, link: &Link, names: &[String], at_once: bool) {
        let now = self.0.time.now();
        let mut state = self.lock();
        for name in names {
            self.note(format_args!("{name} of {} is deleted by hand", link.life));
            state.leases.hosts.remove(name);
        }
        state.servers.loses_host(link.life, now);
        let begins = format!("q{}-", link.life);
        let pending: Vec<_> = of_life(&state, &begins).cloned().collect();
        for body in pending {
            // One that has not been sent yet will have another host.
            let sent = state
                .requests
                .get(&body)
                .is_some_and(|facts| facts.accepted.is_some());
            if sent && at_once {
                state.leases.lost.insert(body, now);
            }
        }
    }

    /// A queue of some other program that nobody may delete. `in_ring`: it is under the owners' own prefix.
    pub(crate) fn is_kept(&self, name: &str, in_ring: bool, exists: bool) {
        let check = if in_ring {
            Check::NotLive
        } else {
            Check::OwnPrefix
        };
        self.check(check, exists, || format!("{name} is gone"));
    }

    /// Calls of owners.
    #[must_use]
    pub fn owner_calls(&self) -> ActionTable {
        self.lock().leases.calls.clone()
    }

    /// Counts the calls of owners, anew, or not any more.
    pub(crate) fn counts_owner_calls(&self, on: bool) {
        let mut state = self.lock();
        state.leases.counting = on;
        if on {
            state.leases.calls.clear();
        }
    }
}

impl LeaseFacts {
    /// Whether this process does not know that its clocks have stood still.
    pub(super) fn is_unaware(&self, life: LifeId) -> bool {
        let owner = self.owners.get(&life);
        owner.is_some_and(|owner| owner.unaware.is_some())
    }

    /// Whether this process says of itself that it may use the host, and can know.
    fn holds(&self, life: LifeId, name: &str) -> bool {
        let Some(owner) = self.owners.get(&life) else {
            return false;
        };
        let knows = !owner.ended
            && !owner.asleep
            && owner.unaware.is_none()
            && !owner.link.gate.is_killed();
        knows && (owner.holds)().iter().any(|url| name_of(url) == name)
    }

    fn holds_or_sleeps(&self, life: LifeId, name: &str) -> bool {
        let Some(owner) = self.owners.get(&life) else {
            return false;
        };
        !owner.ended
            && !owner.link.gate.is_killed()
            && (owner.asleep || (owner.holds)().iter().any(|url| name_of(url) == name))
    }
}

impl OwnerPlan {
    fn face_is_borrower(&self) -> bool {
        matches!(self.face, Face::Borrower(..))
    }
}

/// Requests of one life that are pending.
fn of_life<'a>(state: &'a State, begins: &'a str) -> impl Iterator<Item = &'a String> {
    let from = state.pending.range(begins.to_owned()..);
    from.take_while(move |body| body.starts_with(begins))
}

/// What tags say. Each key is read by itself: that a reader looks at all of them is what the oracle is to find out.
fn read(tags: &Tags) -> Tag {
    let end = |tag: &Tag| match tag {
        Tag::Ours(Lease {
            stamp: Stamp::Sqs(stamp),
            retention,
            ..
        }) => Some(*stamp + *retention),
        _ => None,
    };
    let whole = Tag::read(tags);
    if end(&whole).is_none() {
        return whole;
    }
    let leases = tags.iter().filter(|(key, _)| key.starts_with(LEASE_TAG));
    let each = leases.map(|(_, value)| {
        let alone = Tags::from([(LEASE_TAG.to_owned(), value.clone())]);
        Tag::read(&alone)
    });
    each.max_by_key(end).unwrap_or(whole)
}

/// The check that a host with this tag is gone in time.
const fn goes_by(tag: &Tag) -> Check {
    match tag {
        Tag::Ours(Lease {
            stamp: Stamp::Sqs(_),
            ..
        }) => Check::DeadIsGone,
        _ => Check::SilentIsGone,
    }
}
