//! Temporary hosts: I5, I6, and other requirements of owners.
//!
//! Owns: which process holds which host, as the owners themselves report at each moment, and the lease of every host. An
//! owner whose virtual machine was paused with both clocks cannot know about the pause until SQS answers, so until then
//! nothing is required of it.
//!
//! | file | question |
//! |---|---|
//! | `calls` | may an owner make this call, and whose host does it create, renew or delete? |
//! | `owners` | which hosts do owners hold, and may they? |
//! | `in_time` | when must a dead host be deleted? |

mod calls;
mod in_time;
mod owners;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use local_sqs::engine::Request;
use sqs_rpc_protocol::TemporaryQueueName;
use sqs_rpc_protocol::names::LEASE_TAG;
use sqs_temporary_queues::{Lease, Stamp, Tag};

use super::Oracle;
use super::facts::{ActionTable, Holds, Host, Owner, State, Tags};
use crate::coverage::{Check, Fault};
use crate::link::Link;
use crate::owners::{Face, OwnerPlan};
use crate::process::LifeId;

/// The maximum time of a deletion, or of the creation of a host that is not wanted any more.
const IDLE_SLACK: Duration = Duration::from_secs(90);

/// The effect of a call on leases, looked up before it takes effect.
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
    /// A process that owns temporary hosts starts.
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

    /// A process begins to shut down, or is dropped. Its hosts are not checked any more.
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

    /// Whether a process has begun to shut down, or was dropped.
    pub(crate) fn is_ending(&self, life: LifeId) -> bool {
        self.lock().ending.contains(&life)
    }

    /// Drops all handles of owners, to break a reference cycle.
    pub(crate) fn forgets_owners(&self) {
        let owners = std::mem::take(&mut self.lock().leases.owners);
        drop(owners);
    }

    /// Whether a process does not know that its clocks were stopped, so that a request that it begins now may fail.
    pub(crate) fn is_unaware(&self, life: LifeId) -> bool {
        self.lock().leases.is_unaware(life)
    }

    /// The user of a process begins (1) or has ended (-1) a use of a temporary queue.
    pub(crate) fn works(&self, link: &Link, by: i64) {
        let now = self.0.time.now();
        let mut state = self.lock();
        if let Some(owner) = state.leases.owners.get_mut(&link.life) {
            owner.working += by;
            owner.worked = now;
        }
    }

    /// A process is paused, with or without its clocks.
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

    /// A process continues after a pause.
    pub(crate) fn wakes_up(&self, life: LifeId) {
        let mut state = self.lock();
        let number = state.call_numbers + 1;
        if let Some(owner) = state.leases.owners.get_mut(&life) {
            owner.asleep = false;
            owner.unaware = owner.unaware.map(|_| number);
        }
    }

    /// The wall clock of a process is set.
    pub(crate) fn is_set(&self, life: LifeId, by_ms: i64) {
        if let Some(owner) = self.lock().leases.owners.get_mut(&life) {
            owner.set_back |= by_ms < 0;
        }
    }

    /// Another program has created a queue.
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

    /// Another program has renewed the lease of its queue.
    pub(crate) fn finds_renewed(&self, name: &str) {
        let now = self.0.time.now();
        if let Some(host) = self.lock().leases.hosts.get_mut(name) {
            host.written = now;
        }
    }

    /// A person has deleted hosts of this process. `at_once`: no fault delays the end of its pending requests.
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
            // A request that has not been sent yet will use another host.
            let sent = state
                .requests
                .get(&body)
                .is_some_and(|facts| facts.accepted.is_some());
            if sent && at_once {
                state.leases.lost.insert(body, now);
            }
        }
    }

    /// Checks that a queue of another program still exists. `in_ring`: whether it has the owners' own prefix.
    pub(crate) fn is_kept(&self, name: &str, in_ring: bool, exists: bool) {
        let check = if in_ring {
            Check::NotLive
        } else {
            Check::OwnPrefix
        };
        self.check(check, exists, || {
            format!("{name} was deleted, although it is not a dead host of this prefix")
        });
    }

    /// The calls of owners, by process and action.
    #[must_use]
    pub fn owner_calls(&self) -> ActionTable {
        self.lock().leases.calls.clone()
    }

    /// Starts counting the calls of owners from zero, or stops it.
    pub(crate) fn counts_owner_calls(&self, on: bool) {
        let mut state = self.lock();
        state.leases.counting = on;
        if on {
            state.leases.calls.clear();
        }
    }
}

impl OwnerPlan {
    fn face_is_borrower(&self) -> bool {
        matches!(self.face, Face::Borrower(..))
    }
}

/// The pending requests of one life.
fn of_life<'a>(state: &'a State, begins: &'a str) -> impl Iterator<Item = &'a String> {
    let from = state.pending.range(begins.to_owned()..);
    from.take_while(move |body| body.starts_with(begins))
}

/// The lease in tags. The oracle reads each key by itself, because it checks whether the framework reads all keys.
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

/// The check for the deletion of a host with this lease in time.
const fn goes_by(tag: &Tag) -> Check {
    match tag {
        Tag::Ours(Lease {
            stamp: Stamp::Sqs(_),
            ..
        }) => Check::DeadIsGone,
        _ => Check::SilentIsGone,
    }
}
