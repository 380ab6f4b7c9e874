//! The calls of owners of temporary hosts, and the hosts that they create and delete.

use std::time::Duration;

use local_sqs::engine::{Action, Request};
use sqs_rpc_protocol::TemporaryQueueName;
use sqs_temporary_queues::{Lease, Stamp, Tag};

use super::{IDLE_SLACK, LeaseCall, goes_by, of_life, read};
use crate::coverage::Check;
use crate::exchange::Exchange;
use crate::link::Link;
use crate::oracle::Oracle;
use crate::oracle::facts::{Host, State, Tags};
use crate::owners::{Face, RING};

/// The minimum time between the end of a lease and the deletion of its host: the watchers' 120 s minus the 60 s by which
/// tags may be stale.
const DOUBT: Duration = Duration::from_secs(60);
/// How long silence may be watched in addition to twice the retention.
const WATCHED: Duration = Duration::from_secs(300);
/// A shorter retention than this counts as this one when silence is judged.
const SHORTEST: Duration = Duration::from_secs(60);
/// How long after its last waiter has left a poll may still begin.
const POLL_SLACK: Duration = Duration::from_millis(500);
/// The maximum number of calls of walks in `PACE_TIME`: 16 at once, then five a second, and some retries.
const PACE_TIME: Duration = Duration::from_secs(10);
const PACE_CALLS: usize = 16 + 50 + 24;

impl Oracle {
    /// A process makes a call.
    pub(in crate::oracle) fn lease_sets_out(&self, link: &Link, request: &Request) {
        let now = self.0.time.now();
        let action = request.action();
        let mut state = self.lock();
        if !state.leases.owners.contains_key(&link.life) {
            return;
        }
        let begins = format!("q{}-", link.life);
        let pending = of_life(&state, &begins).next().is_some();
        let state = &mut *state;
        let Some(owner) = state.leases.owners.get_mut(&link.life) else {
            return;
        };
        if owner.ended {
            return;
        }
        if state.leases.counting {
            let calls = state.leases.calls.entry((link.life.process, action));
            *calls.or_default() += 1;
        }
        if owner.plan.face_is_borrower() {
            let right = !matches!(
                action,
                Action::CreateQueue
                    | Action::TagQueue
                    | Action::ListQueues
                    | Action::ListQueueTags
                    | Action::DeleteQueue
            );
            return self.checked(state, Check::NoRightNeeded, right, || {
                format!("{} was given its host, but calls {action}", link.life)
            });
        }
        let busy = pending || owner.working > 0;
        if busy {
            owner.worked = now;
        }
        let since_work = now.saturating_sub(owner.worked);
        let since_held = now.saturating_sub(owner.held);
        let awake = link.gate.is_open();
        let needless =
            matches!(action, Action::ReceiveMessage) && owner.plan.face == Face::Requester;
        let walks = matches!(
            action,
            Action::ListQueues | Action::ListQueueTags | Action::DeleteQueue
        );
        let fast = if walks {
            owner.walking.push_back(now);
            while owner
                .walking
                .front()
                .is_some_and(|at| *at + PACE_TIME < now)
            {
                owner.walking.pop_front();
            }
            owner.walking.len()
        } else {
            0
        };
        let life = link.life;
        if needless && awake {
            self.checked(state, Check::NoIdlePoll, since_work <= POLL_SLACK, || {
                format!("{life} polls although nothing has waited for {since_work:?}")
            });
        }
        if awake {
            let idle = since_work > IDLE_SLACK && since_held > IDLE_SLACK;
            let earlier = now.saturating_sub(IDLE_SLACK);
            let slept = state.conditions.slept_since(life.process, earlier);
            self.asked(state, Check::NoCallWhenIdle, slept, !idle, || {
                format!("{life} calls {action} although it was idle for {since_held:?}")
            });
        }
        if walks {
            self.checked(state, Check::Paced, fast <= PACE_CALLS, || {
                format!("{life} made {fast} calls of walks in {PACE_TIME:?}, expected at most {PACE_CALLS}")
            });
        }
    }

    /// An owner has deleted its own host. No request may wait for a reply there.
    fn leaves_host(&self, state: &mut State, link: &Link, name: &str) {
        let life = link.life;
        if !link.gate.is_open() {
            return;
        }
        let begins = &*format!("q{life}-");
        let waits = state
            .replies
            .on_host(name)
            .find(|body| body.starts_with(begins) && state.pending.contains(*body))
            .cloned();
        self.checked(state, Check::OwnHostUnused, waits.is_none(), || {
            format!("{life} deletes its own host {name}, where {waits:?} waits for a reply")
        });
    }

    /// A call has taken effect.
    pub(in crate::oracle) fn lease_effect(&self, link: &Link, call: &LeaseCall, done: bool) {
        if !done {
            return;
        }
        match call {
            LeaseCall::Create(name, tags) => self.host_made(link, name, tags),
            LeaseCall::Write(name, tags) => {
                let now = self.0.time.now();
                if let Some(host) = self.lock().leases.hosts.get_mut(name) {
                    let written = tags.iter();
                    host.tags
                        .extend(written.map(|(key, value)| (key.clone(), value.clone())));
                    host.tag = read(&host.tags);
                    host.written = now;
                    let lease = host.tag;
                    self.note(format_args!(
                        "{} writes a lease of {name}: {lease:?}",
                        link.life
                    ));
                }
            }
            LeaseCall::Delete(name) => self.host_deleted(link, name),
            LeaseCall::Other => {}
        }
    }

    fn host_made(&self, link: &Link, name: &str, tags: &Tags) {
        let tag = read(tags);
        let now = self.0.time.now();
        let mut state = self.lock();
        let state = &mut *state;
        let skew = match tag {
            Tag::Ours(Lease {
                stamp: Stamp::Sqs(stamp),
                ..
            }) => Duration::from_millis(stamp.as_millis().abs_diff(self.0.time.sqs().as_millis())),
            _ => Duration::ZERO,
        };
        let life = link.life;
        self.checked(
            state,
            Check::BornWithLease,
            matches!(tag, Tag::Ours(_)),
            || format!("{life} has created {name} without a lease: {tag:?}"),
        );
        let new = state.leases.names.insert(name.to_owned());
        self.checked(state, Check::NameIsNew, new, || {
            format!("{life} has used the name {name} again")
        });
        let host = Host {
            owner: Some(life),
            made: now,
            written: now,
            tags: tags.clone(),
            tag,
            skew,
        };
        state.leases.hosts.insert(name.to_owned(), host);
    }

    fn host_deleted(&self, link: &Link, name: &str) {
        let now = self.0.time.now();
        let sqs = self.0.time.sqs().as_millis();
        let mut state = self.lock();
        let state = &mut *state;
        let by = link.life;
        let prefix = state.leases.owners.get(&by).map(|owner| owner.plan.prefix);
        let Some(host) = state.leases.hosts.remove(name) else {
            let foreign = name.starts_with(RING);
            self.checked(state, Check::OwnPrefix, !foreign, || {
                format!("{by} has deleted {name}, which is not a host")
            });
            return;
        };
        if host.owner == Some(by) {
            return self.leaves_host(state, link, name);
        }
        if let (Some(prefix), Some(parsed)) = (prefix, TemporaryQueueName::parse(name)) {
            self.checked(state, Check::OwnPrefix, parsed.prefix == prefix, || {
                format!("{by} of {prefix} has deleted {name}")
            });
        }
        state
            .leases
            .taken
            .insert(name.to_owned(), goes_by(&host.tag));
        if let Some(life) = host.owner {
            let held = state.leases.holds(life, name);
            self.checked(state, Check::NotLive, !held, || {
                format!("{by} has deleted {name}, which {life} uses: {:?}", host.tag)
            });
            return;
        }
        let silent =
            |retention: Duration| now >= host.written + retention.max(SHORTEST).mul_f64(0.99);
        let dead = match host.tag {
            Tag::Ours(Lease {
                stamp: Stamp::Sqs(stamp),
                retention,
                ..
            }) => {
                let over = sqs > stamp.as_millis() + (retention + DOUBT).as_millis() as u64;
                // A watcher without a date judges by silence.
                let earlier = now.saturating_sub(retention * 2 + WATCHED);
                let undated = state.conditions.undated_since(by.process, earlier, now);
                over || undated && silent(retention)
            }
            Tag::Ours(Lease { retention, .. }) => silent(retention),
            Tag::Java(lease) => silent(lease.retention),
            _ => false,
        };
        self.checked(state, Check::NotLive, dead, || {
            format!("{by} has deleted {name}, which is not dead: {:?}", host.tag)
        });
    }

    /// A call was answered.
    pub(in crate::oracle) fn lease_answered(&self, link: &Link, number: u64, exchange: &Exchange) {
        if exchange.date.is_none() {
            return;
        }
        if let Some(owner) = self.lock().leases.owners.get_mut(&link.life)
            && owner.unaware.is_some_and(|since| number >= since)
        {
            owner.unaware = None;
        }
    }
}
