//! Temporary hosts: I5, I6, and what owners must and must not do.
//!
//! Owns: who holds which host, as the owners themselves say at that very moment, and what every host's lease says. An
//! owner whose virtual machine was paused with both its clocks cannot know better until SQS answers it: until then
//! nothing is demanded of it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use local_sqs::engine::{Action, Request};
use sqs_rpc_protocol::{HostQueueUrl, TemporaryQueueName};
use sqs_virtual_queues::{Lease, Stamp, Tag};

use super::{Oracle, RequestFacts, State};
use crate::coverage::{Check, Fault};
use crate::network::{Exchange, Link};
use crate::owners::{Face, OwnerPlan, RING, name_of};
use crate::process::LifeId;

/// What a lease may be over by before its host is called dead, less what tags may be stale: nobody may do that earlier.
const DOUBT: Duration = Duration::from_secs(60);
/// The shortest retention that silence is believed for.
const SHORTEST: Duration = Duration::from_secs(60);
/// From the end of a lease to the verdict, and then some for what a walk takes.
const VERDICT: Duration = Duration::from_secs(180);
/// A walk comes once in the period, with its jitter.
const TURN: f64 = 1.2;
/// A new host is tagged in time by an owner that knows SQS's time: 30 s, and what a `Date` may be wrong by.
const SKEWED: Duration = Duration::from_secs(60);
/// A renewal comes after a quarter of R within a fifth, and takes so long at the most.
const RENEWED: f64 = 0.3;
const RENEWAL: Duration = Duration::from_secs(5);
/// A waiter that left so long ago may have caused a poll.
const POLL_SLACK: Duration = Duration::from_millis(500);
/// A deletion, or the making of a host that nobody wants any more, may take so long.
const IDLE_SLACK: Duration = Duration::from_secs(90);
/// Pending requests hear of a lost host by the poll that is out.
const AT_ONCE: Duration = Duration::from_secs(12);
/// Calls of walks in so many seconds: 16 at once, then five a second, each tried three times at the most.
const PACE_TIME: Duration = Duration::from_secs(10);
const PACE_CALLS: usize = 16 + 50 + 24;
/// Between two hosts that a walk reads and deletes, and then some.
const PACE_EACH: Duration = Duration::from_millis(700);

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
    tag: Tag,
    /// How far its stamp was from SQS's time when it was made.
    skew: Duration,
}

/// What a call means for leases, looked up before it takes effect.
#[derive(Debug, Default)]
pub(crate) enum LeaseCall {
    #[default]
    Other,
    Create(String, Tag),
    Write(String, Tag),
    Delete(String),
}

impl LeaseCall {
    pub(super) fn of(request: &Request, queue: &str) -> Self {
        let is_host = |name: &str| TemporaryQueueName::parse(name).is_some();
        let read = |tags: Option<&BTreeMap<String, String>>| {
            let tags = tags.into_iter().flatten();
            Tag::read(
                &tags
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            )
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
        if let Some(owner) = self.lock().leases.owners.get_mut(&life) {
            owner.ended = true;
            owner.holds = Box::new(Vec::new);
        }
    }

    /// Lets go of all handles, which are part of a circle.
    pub(crate) fn forgets_owners(&self) {
        let owners = std::mem::take(&mut self.lock().leases.owners);
        drop(owners);
    }

    /// Its user begins (1) or has ended (-1) something that is no request.
    pub(crate) fn works(&self, link: &Link, by: i64) {
        let now = self.0.time.now();
        let mut state = self.lock();
        if by > 0 {
            // It sends, and each send is tried again when it fails.
            state.rates.operation(link.life, now);
        }
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

    /// A request has ended.
    pub(super) fn lost_ends(&self, state: &mut State, body: &str) {
        let now = self.0.time.now();
        if let Some(lost) = state.leases.lost.remove(body) {
            let late = now.saturating_sub(lost);
            self.checked(state, Check::LossIsTold, late <= AT_ONCE, || {
                format!("{body} heard {late:?} late that its host is lost")
            });
        }
    }

    /// A process makes a call.
    pub(super) fn lease_sets_out(&self, link: &Link, request: &Request) {
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
                format!("{} was given a host, and calls {action}", link.life)
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
                format!("{life} polls, and nothing has waited for {since_work:?}")
            });
        }
        if awake && !self.0.leniency.clocks {
            let idle = since_work > IDLE_SLACK && since_held > IDLE_SLACK;
            self.checked(state, Check::NoCallWhenIdle, !idle, || {
                format!("{life} calls {action}, and was idle for {since_held:?}")
            });
        }
        if walks {
            self.checked(state, Check::Paced, fast <= PACE_CALLS, || {
                format!("{life} made {fast} calls of walks in {PACE_TIME:?}")
            });
        }
    }

    /// A call has had its effect.
    pub(super) fn lease_effect(&self, link: &Link, call: &LeaseCall, done: bool) {
        if !done {
            return;
        }
        match call {
            LeaseCall::Create(name, tag) => self.host_made(link, name, *tag),
            LeaseCall::Write(name, tag) => {
                let now = self.0.time.now();
                if let Some(host) = self.lock().leases.hosts.get_mut(name) {
                    host.tag = *tag;
                    host.written = now;
                }
            }
            LeaseCall::Delete(name) => self.host_deleted(link, name),
            LeaseCall::Other => {}
        }
    }

    fn host_made(&self, link: &Link, name: &str, tag: Tag) {
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
            || format!("{life} has made {name} with no lease: {tag:?}"),
        );
        let new = state.leases.names.insert(name.to_owned());
        self.checked(state, Check::NameIsNew, new, || {
            format!("{life} has used the name {name} again")
        });
        let host = Host {
            owner: Some(life),
            made: now,
            written: now,
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
                format!("{by} has deleted {name}, which is no host")
            });
            return;
        };
        if host.owner == Some(by) {
            return;
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
        let dead = match host.tag {
            Tag::Ours(Lease {
                stamp: Stamp::Sqs(stamp),
                retention,
                ..
            }) => sqs > stamp.as_millis() + (retention + DOUBT).as_millis() as u64,
            Tag::Ours(lease) => now >= host.written + lease.retention.max(SHORTEST).mul_f64(0.99),
            Tag::Java(lease) => now >= host.written + lease.retention.max(SHORTEST).mul_f64(0.99),
            _ => false,
        };
        self.checked(state, Check::NotLive, dead, || {
            format!("{by} has deleted {name}, which is not dead: {:?}", host.tag)
        });
    }

    /// A call was answered.
    pub(super) fn lease_answered(&self, link: &Link, number: u64, exchange: &Exchange) {
        if exchange.date.is_none() {
            return;
        }
        if let Some(owner) = self.lock().leases.owners.get_mut(&link.life)
            && owner.unaware.is_some_and(|since| number >= since)
        {
            owner.unaware = None;
        }
    }

    /// All is well from now on.
    pub(crate) fn is_well(&self) {
        let now = self.0.time.now();
        self.lock().leases.well_since = Some(now);
    }

    /// Looks at all owners.
    pub(crate) fn looks_at_owners(&self) {
        let now = self.0.time.now();
        let mut state = self.lock();
        if state.leases.owners.is_empty() {
            return;
        }
        let lives: Vec<_> = state.leases.owners.keys().copied().collect();
        for life in lives {
            self.looks_at_owner(&mut state, life, now);
        }
        let overdue: Vec<_> = state
            .leases
            .lost
            .iter()
            .filter(|(_, lost)| now > **lost + AT_ONCE)
            .map(|(body, _)| body.clone())
            .collect();
        for body in overdue {
            // Nobody is told in a process that was killed meanwhile.
            let waits = state.requests.get(&body).is_some_and(RequestFacts::waits);
            if waits {
                self.lost_ends(&mut state, &body);
            } else {
                state.leases.lost.remove(&body);
            }
        }
    }

    fn looks_at_owner(&self, state: &mut State, life: LifeId, now: Duration) {
        let begins = format!("q{life}-");
        let busy = of_life(state, &begins).next().is_some();
        let Some(owner) = state.leases.owners.get_mut(&life) else {
            return;
        };
        if owner.link.gate.is_killed() || owner.ended {
            owner.dead.get_or_insert(now);
        }
        if owner.ended || owner.asleep || !owner.link.gate.is_open() {
            return;
        }
        let held: Vec<_> = (owner.holds)().iter().map(name_of).collect();
        if busy || owner.working > 0 {
            owner.worked = now;
        }
        if !held.is_empty() {
            owner.held = now;
        }
        if owner.unaware.is_some() || owner.plan.face_is_borrower() {
            return;
        }
        let idle = now.saturating_sub(owner.worked);
        let (idle_time, face) = (owner.plan.idle_time, owner.plan.face);
        let most_idle = idle_time.mul_f64(1.25) + IDLE_SLACK;
        if face == Face::Requester && !self.0.leniency.clocks {
            self.checked(
                state,
                Check::IdleHostGoes,
                held.is_empty() || idle <= most_idle,
                || format!("{life} keeps {held:?}, and was idle for {idle:?}"),
            );
        }
        let well_since = state.leases.well_since;
        for name in held {
            let taken = state.leases.taken.contains_key(&name);
            self.checked(state, Check::NotLive, !taken, || {
                format!("{life} uses {name}, which somebody else has deleted as dead")
            });
            let Some(host) = state.leases.hosts.get(&name) else {
                continue;
            };
            let (skew, tag) = (host.skew, host.tag);
            self.checked(state, Check::StampIsRight, skew <= SKEWED, || {
                format!("{life} uses {name}, whose stamp was {skew:?} wrong when it was made")
            });
            let (Some(well), Tag::Ours(lease)) = (well_since, tag) else {
                continue;
            };
            let age = now.saturating_sub(state.leases.hosts[&name].written.max(well));
            let most = lease.retention.mul_f64(RENEWED) + RENEWAL;
            self.checked(state, Check::Renewed, age <= most, || {
                format!(
                    "{life} has not renewed the lease of {name} for {age:?}, of {:?}",
                    lease.retention
                )
            });
        }
    }

    /// When, at the latest, all hosts are gone that are dead now. `None`: there is no ring. `rough`: there were faults, and
    /// watchers wait after them.
    pub(crate) fn ring_clean_by(&self, rough: bool) -> Option<Duration> {
        let state = self.lock();
        let leases = &state.leases;
        let (well, bound) = (leases.well_since?, leases.bound(rough, false)?);
        Some(
            well + if leases.any_silent() {
                leases.bound(rough, true)?
            } else {
                bound
            },
        )
    }

    /// I6: no dead host is left of those that should be gone; none is gone of those that nobody may delete.
    pub(crate) fn ring_is_clean(&self, rough: bool) {
        let now = self.0.time.now();
        let sqs = self.0.time.sqs().as_millis();
        let mut state = self.lock();
        let state = &mut *state;
        let leases = &state.leases;
        let (Some(well), Some(bound), Some(silent)) = (
            leases.well_since,
            leases.bound(rough, false),
            leases.bound(rough, true),
        ) else {
            return;
        };
        let mut found = Vec::new();
        for (name, host) in &leases.hosts {
            let Some(parsed) = TemporaryQueueName::parse(name) else {
                continue;
            };
            if parsed.prefix != RING {
                continue;
            }
            if host
                .owner
                .is_some_and(|life| leases.holds_or_sleeps(life, name))
            {
                continue;
            }
            let dead = now.saturating_sub(host.made.max(well));
            let most = match host.tag {
                Tag::Ours(Lease {
                    stamp: Stamp::Sqs(stamp),
                    ..
                }) => {
                    // A stamp in the future: it died then.
                    let ahead = stamp
                        .as_millis()
                        .saturating_sub(sqs.saturating_sub(dead.as_millis() as u64));
                    bound + Duration::from_millis(ahead)
                }
                Tag::Ours(_) | Tag::Java(_) => silent,
                _ => continue,
            };
            let check = goes_by(&host.tag);
            let dead = match host.tag {
                Tag::Java(_) => now.saturating_sub(host.written.max(well)),
                _ => dead,
            };
            found.push((check, dead <= most, name.clone(), dead, most));
        }
        let gone: Vec<_> = leases.taken.values().copied().collect();
        for (check, holds, name, dead, most) in found {
            self.checked(state, check, holds, || {
                format!("{name} is there {dead:?} after its death; {most:?} are allowed")
            });
        }
        for check in gone {
            self.checked(state, check, true, String::new);
        }
    }

    /// I6, while something is broken for one of the watchers: what was dead so long ago is gone.
    pub(crate) fn is_clean_since(&self, age: Duration) {
        let now = self.0.time.now();
        let mut state = self.lock();
        let state = &mut *state;
        let dead = |host: &Host| match host.owner {
            Some(life) => state.leases.owners.get(&life)?.dead,
            None => None,
        };
        let left: Vec<_> = state
            .leases
            .hosts
            .iter()
            .filter_map(|(name, host)| Some((name.clone(), now.saturating_sub(dead(host)?))))
            .collect();
        for (name, dead) in left {
            self.checked(state, Check::DeadIsGone, dead <= age, || {
                format!("{name} is there {dead:?} after its death; {age:?} are allowed")
            });
        }
    }

    /// A queue of some other program that nobody may delete.
    pub(crate) fn is_kept(&self, name: &str, exists: bool) {
        self.check(Check::ForeignIsKept, exists, || format!("{name} is gone"));
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

    fn any_silent(&self) -> bool {
        let silent = |host: &Host| {
            matches!(
                host.tag,
                Tag::Java(_)
                    | Tag::Ours(Lease {
                        stamp: Stamp::Beat(_),
                        ..
                    })
            )
        };
        self.hosts.values().any(silent)
    }

    /// How long a dead host may stay. `None`: nobody watches.
    fn bound(&self, rough: bool, silent: bool) -> Option<Duration> {
        let watches = |owner: &&Owner| {
            !owner.ended
                && !owner.link.gate.is_killed()
                && owner.plan.prefix == RING
                && owner.plan.watches
                && !owner.plan.face_is_borrower()
        };
        let periods = self.owners.values().filter(watches);
        let period = periods.map(|owner| owner.plan.period).max()?;
        let retentions = self.hosts.values().filter_map(|host| match host.tag {
            Tag::Ours(lease) => Some(lease.retention),
            Tag::Java(lease) if silent => Some(lease.retention),
            _ => None,
        });
        let configured = self.owners.values().map(|owner| owner.plan.retention);
        let retention = retentions.chain(configured).max()?;
        let turn = period.mul_f64(TURN);
        // After a failure a watcher waits, too: at the longest for a period, where a right was missing.
        let waits = if rough {
            turn + turn / 2
        } else {
            Duration::ZERO
        };
        let pacing = PACE_EACH * u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        // What is watched in silence is seen once, and again when it was silent for long enough.
        let again = if silent { turn * 2 } else { Duration::ZERO };
        Some(retention + VERDICT + turn + waits + pacing + again)
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
