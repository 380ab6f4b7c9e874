//! Virtual time: what happens next, and what must hold after it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sqs_rpc_protocol::{SqsTime, TemporaryQueueName, names};

use super::clocks::{EPOCH, Pause};
use super::process::{Held, PREFIX, Process};
use super::queues::{Queues, Tags};
use super::{Mutant, Report, Scenario};
use crate::sqs::{Random, Sample};
use crate::temporary::lease::{Claim, Lease, Reading, Renewal, Renewed, Stamp, Standing, Tag};
use crate::temporary::ring::{Failure, Listed, Step};

/// The number of keys for a host's leases.
const KEYS: usize = 20;

pub(super) struct World {
    scenario: Scenario,
    random: Random,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, usize)>>,
    /// What the events are, by the number in the heap.
    what: HashMap<usize, Event>,
    next_event: usize,
    queues: Queues,
    processes: Vec<Process>,
    /// Who made each queue.
    owners: HashMap<Arc<str>, usize>,
    /// Since when nobody holds a queue any more, and how many of its watchers have died since.
    dead: BTreeMap<Arc<str>, (u64, u64)>,
    /// When others deleted a queue.
    deletions: HashMap<Arc<str>, u64>,
    /// Living processes that hold a host and watch.
    watchers: BTreeMap<Arc<str>, usize>,
    pub(super) report: Report,
}

enum Event {
    Wake(usize, u64),
    Effect(Box<Call>),
    Answer(Box<Call>, Reply),
    Start,
    Kill(Vec<usize>),
    Pause(usize),
    Resume(usize),
    Purge,
}

struct Call {
    process: usize,
    sent: Reading,
    what: What,
    /// Whether anybody still waits for the answer.
    awaited: bool,
}

#[derive(Clone)]
enum What {
    Learn,
    Create(Arc<str>, Renewal, Tags),
    Renew(Arc<str>, Renewal, Tags),
    List(String),
    Read(Listed),
    Delete(Arc<str>),
    DeleteOwn(Arc<str>),
}

enum Reply {
    Done(Option<u64>),
    Listed(Option<u64>, Vec<Listed>),
    Tags(Option<u64>, Tags),
    Gone(Option<u64>),
    Throttled(Option<u64>),
    Nothing,
}

impl World {
    pub(super) fn run(scenario: Scenario) -> Report {
        let random = Random::seeded(scenario.seed);
        let mut world = Self {
            random,
            now: 60_000,
            events: BinaryHeap::new(),
            what: HashMap::new(),
            next_event: 0,
            queues: Queues::default(),
            processes: Vec::new(),
            owners: HashMap::new(),
            dead: BTreeMap::new(),
            deletions: HashMap::new(),
            watchers: BTreeMap::new(),
            report: Report::default(),
            scenario,
        };
        world.set_up();
        let end = 60_000 + world.scenario.lasts.as_millis() as u64;
        world.report.renewals = vec![0; world.scenario.lasts.as_secs() as usize / 15 + 1];
        while let Some(Reverse((at, _, id))) = world.events.pop() {
            if at > end || !world.report.violations.is_empty() {
                break;
            }
            world.now = at;
            let event = world.what.remove(&id).expect("each event happens once");
            world.happen(event);
        }
        world.now = end;
        let left = world.dead.values().map(|(since, _)| (end - since) / 1_000);
        world.report.left = left.collect();
        let late: Vec<_> = world.dead.clone().into_iter().collect();
        for (name, (since, died)) in late {
            world.check_bound(&name, since, died);
        }
        world.report
    }

    fn set_up(&mut self) {
        for i in 0..self.scenario.dead {
            let uuid = self.random.uuid();
            let name: Arc<str> = format!("{PREFIX}{uuid}-0").into();
            let future = self.scenario.future_stamps && i % 4 == 0;
            let stamp = EPOCH + self.now + if future { 3_000_000_000 } else { 0 };
            let lease = Lease {
                stamp: Stamp::Sqs(SqsTime::from_millis(stamp)),
                retention: Duration::from_secs(self.scenario.retention[0]),
                watches: true,
            };
            self.queues.create(Arc::clone(&name), tags(0, lease), 0);
            if !future {
                self.dead.insert(name, (self.now, 0));
            }
        }
        for _ in 0..self.scenario.processes {
            let after = self.below(60_000);
            self.at(self.now + after, Event::Start);
        }
        if let Some((at, part)) = self.scenario.killed {
            let killed = (0..self.scenario.processes as f64 as usize)
                .filter(|_| self.chance(part))
                .collect();
            self.at(60_000 + at * 1_000, Event::Kill(killed));
        }
        if let Some(at) = self.scenario.deployed {
            let all = self.scenario.processes;
            self.at(60_000 + at * 1_000, Event::Kill((0..all).collect()));
            for _ in 0..all {
                let after = self.below(30_000);
                self.at(60_000 + at * 1_000 + after, Event::Start);
            }
        }
        self.at(self.now + 60_000, Event::Purge);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(process, turn) => {
                if self.processes[process].turn == turn {
                    self.wake(process);
                }
            }
            Event::Start => self.start(),
            Event::Kill(processes) => self.kill(&processes),
            Event::Effect(call) => self.effect(call),
            Event::Answer(call, reply) => self.answer(*call, reply),
            Event::Pause(process) => self.pause(process),
            Event::Resume(process) => {
                let now = self.now;
                let resumed = &mut self.processes[process];
                if resumed.alive {
                    if resumed.clocks.is_frozen() {
                        resumed.unaware_since = Some(now);
                    }
                    resumed.clocks.resume();
                    self.wake(process);
                    self.next_pause(process);
                }
            }
            Event::Purge => {
                self.queues.purge(self.now);
                self.at(self.now + 60_000, Event::Purge);
            }
        }
    }

    fn start(&mut self) {
        let index = self.processes.len();
        let process = Process::new(index, &self.scenario, &self.random, self.now);
        self.processes.push(process);
        self.report.watching.push(0);
        self.wake(index);
        if let Some(lives) = self.scenario.lives {
            let life = self.random.jitter(Duration::from_secs(lives)).as_millis() as u64;
            self.at(self.now + life, Event::Kill(vec![index]));
            self.at(self.now + life, Event::Start);
        }
        self.next_pause(index);
    }

    fn next_pause(&mut self, process: usize) {
        if self.scenario.pauses > 0 {
            let after = 60_000 + self.below(3_600_000);
            self.at(self.now + after, Event::Pause(process));
        }
    }

    fn pause(&mut self, index: usize) {
        let length = 1_000 + self.below(self.scenario.pauses * 1_000);
        let (frozen, asleep) = (self.scenario.frozen && self.chance(0.3), self.chance(0.3));
        let (from, until) = (self.now, self.now + length);
        let process = &mut self.processes[index];
        if process.alive {
            process.clocks.pause = Some(Pause {
                from,
                until,
                mono_stops: frozen || asleep,
                wall_stops: frozen,
            });
            self.at(until, Event::Resume(index));
        }
    }

    fn kill(&mut self, processes: &[usize]) {
        let processes: Vec<_> = processes
            .iter()
            .filter(|p| self.processes[**p].alive)
            .collect();
        let names: Vec<_> = self.dead.keys().cloned().collect();
        for name in names {
            if self
                .watcher_of(&name)
                .is_some_and(|p| processes.contains(&&p))
            {
                self.dead.get_mut(&name).expect("it is there").1 += 1;
            }
        }
        for index in processes {
            let process = &mut self.processes[*index];
            process.alive = false;
            self.watchers.remove(&process.uuid);
            for host in std::mem::take(&mut process.hosts) {
                self.orphaned(host.name);
            }
        }
    }

    /// Nobody holds this queue, from now on.
    fn orphaned(&mut self, name: Arc<str>) {
        if self.queues.exists(&name) {
            self.dead.entry(name).or_insert((self.now, 0));
        }
    }

    fn watcher_of(&self, name: &str) -> Option<usize> {
        let uuid = TemporaryQueueName::parse(name)?.uuid;
        let before = (Bound::Unbounded, Bound::Excluded(uuid));
        let before = self.watchers.range::<str, _>(before).next_back();
        before
            .or(self.watchers.last_key_value())
            .map(|(_, index)| *index)
    }

    fn wake(&mut self, index: usize) {
        if !self.processes[index].alive || self.processes[index].clocks.pause.is_some() {
            return;
        }
        let at = self.processes[index].clocks.read(self.now);
        let firm = self.look_at_hosts(index, at);
        self.make_a_host(index, at, firm);
        self.renew(index, at);
        self.walk(index, at);
        let process = &mut self.processes[index];
        process.turn += 1;
        let mut alarm = at.now + Duration::from_secs(20);
        for host in &process.hosts {
            if !host.renewing && !host.silent {
                alarm = alarm.min(host.claim.next_renewal());
            }
            alarm = alarm.min(host.claim.ends());
        }
        if let Some(watch) = process
            .watch
            .as_mut()
            .filter(|_| !process.walking && !process.hosts.is_empty())
            && let Step::Wait(until) = watch.step(at.now, |_| true)
        {
            alarm = alarm.min(until);
        }
        // Nothing is done twice in a millisecond.
        let when = process.clocks.when(alarm, self.now).max(self.now + 1);
        let (turn, watches) = (
            process.turn,
            process.watches(at.now) && !process.hosts.is_empty(),
        );
        let uuid = Arc::clone(&process.uuid);
        if watches {
            self.watchers.insert(uuid, index);
        } else {
            self.watchers.remove(&uuid);
        }
        self.at(when, Event::Wake(index, turn));
    }

    /// Lets go of what is given up. Says whether a host is left that may be used for anything.
    fn look_at_hosts(&mut self, index: usize, at: Reading) -> bool {
        let mut firm = false;
        let mut i = 0;
        while i < self.processes[index].hosts.len() {
            let standing = self.processes[index].standing(i, at, self.scenario.mutant);
            let process = &self.processes[index];
            let name = Arc::clone(&process.hosts[i].name);
            let deleted = !self.queues.exists(&name);
            if standing != Standing::GivenUp {
                firm |= standing == Standing::Firm;
                if deleted && process.told > 0 && self.told_since_deletion(&name, process.told) {
                    let host = &process.hosts[i];
                    let text = format!(
                        "at {} process {index} uses {name}, which others have deleted: {:?}, {at:?}, {:?}",
                        self.now, host.claim, process.clocks
                    );
                    self.report.violations.push(text);
                }
                let replaced = i + 1 < process.hosts.len() && standing == Standing::Draining;
                if !(replaced && index.is_multiple_of(2)) {
                    i += 1;
                    continue;
                }
                // Nothing waits on it any more.
                self.report.drained += 1;
            } else {
                self.report.given_up += 1;
            }
            self.processes[index].hosts.remove(i);
            self.orphaned(Arc::clone(&name));
            self.submit(index, What::DeleteOwn(name), at);
        }
        firm
    }

    /// Whether SQS has answered since the queue was deleted: then its owner must have noticed.
    fn told_since_deletion(&self, name: &str, told: u64) -> bool {
        self.deletions.get(name).is_some_and(|at| *at <= told)
    }

    fn make_a_host(&mut self, index: usize, at: Reading, firm: bool) {
        let process = &mut self.processes[index];
        if firm || process.creating || at.now < process.create_not_before {
            return;
        }
        process.creating = true;
        let Some(stamp) = process.stamp(at) else {
            self.submit(index, What::Learn, at);
            return;
        };
        let name: Arc<str> = format!("{PREFIX}{}-{}", process.uuid, process.next_number).into();
        process.next_number += 1;
        let renewal = Renewal {
            key: 0,
            stamp: Some(stamp),
            retention: process.retention.current(),
            began: at,
        };
        let written = match self.scenario.mutant {
            Mutant::TagsAfterwards => Tags::new(),
            _ => tags(0, process.lease(&renewal)),
        };
        self.submit(index, What::Create(name, renewal, written), at);
    }

    fn renew(&mut self, index: usize, at: Reading) {
        for i in 0..self.processes[index].hosts.len() {
            let process = &mut self.processes[index];
            let host = &process.hosts[i];
            if host.renewing || host.silent || host.claim.next_renewal() > at.now {
                continue;
            }
            let Some(stamp) = process.stamp(at) else {
                if !process.creating {
                    process.creating = true;
                    self.submit(index, What::Learn, at);
                }
                return;
            };
            let (key, stamp) = host.claim.begin(at.now, Some(stamp));
            let key = match self.scenario.mutant {
                Mutant::ReusesBlockedKeys => host.acknowledged % 2,
                _ => key,
            };
            let renewal = Renewal {
                key,
                stamp,
                retention: process.retention.current(),
                began: at,
            };
            let written = tags(key, process.lease(&renewal));
            process.hosts[i].renewing = true;
            process.hosts[i].renewals += 1;
            let name = Arc::clone(&process.hosts[i].name);
            let bucket = (self.now - 60_000) as usize / 15_000;
            self.report.renewals[bucket] += 1;
            self.submit(index, What::Renew(name, renewal, written), at);
        }
    }

    fn walk(&mut self, index: usize, at: Reading) {
        let mutant = self.scenario.mutant;
        let process = &mut self.processes[index];
        if process.walking || process.hosts.is_empty() {
            return;
        }
        let Some(watch) = &mut process.watch else {
            return;
        };
        let (hosts, uuid) = (&process.hosts, &process.uuid);
        let step = watch.step(at.now, |name| {
            hosts.iter().any(|host| *host.name == *name)
                || (mutant == Mutant::SkipsStrays && name.contains(&**uuid))
        });
        let what = match step {
            Step::Wait(_) => return,
            Step::List(_) if mutant == Mutant::OnePage => What::List(PREFIX.to_owned()),
            Step::List(part) => What::List(part),
            Step::Read(host) => What::Read(host),
            Step::Delete(host) => What::Delete(host.name),
        };
        process.walking = true;
        self.report.watching[index] += u64::from(self.now >= 180_000);
        self.submit(index, what, at);
    }

    fn submit(&mut self, process: usize, what: What, sent: Reading) {
        let tagging = matches!(what, What::Renew(..));
        let call = Box::new(Call {
            process,
            sent,
            what,
            awaited: true,
        });
        let (there, back) = (3 + self.below(20), 3 + self.below(20));
        let seconds = self.now / 1_000 - 60;
        let window = self.scenario.no_tagging;
        let refused =
            tagging && window.is_some_and(|(from, until)| (from..until).contains(&seconds));
        if refused || self.chance(self.scenario.throttled) {
            let date = self.date();
            self.at(
                self.now + there + back,
                Event::Answer(call, Reply::Throttled(date)),
            );
        } else if self.is_lost(process, &call.what) {
            let late = self.chance(self.scenario.late);
            let lands = match call.what {
                // Nobody waits for a delete, and it has no lease to be too late for.
                What::Delete(_) | What::DeleteOwn(_) if late => Some(self.below(3 * 3_600_000)),
                // A signature by a clock that is 15 minutes ahead is good for half an hour.
                _ if late => Some(self.below(30 * 60_000)),
                _ if self.chance(0.5) => Some(there),
                _ => None,
            };
            if let Some(after) = lands {
                let landing = Call {
                    awaited: false,
                    what: call.what.clone(),
                    ..*call
                };
                self.at(self.now + after, Event::Effect(Box::new(landing)));
            }
            self.at(self.now + 5_000, Event::Answer(call, Reply::Nothing));
        } else {
            self.at(self.now + there, Event::Effect(call));
        }
    }

    /// Whether there will be no answer to a call.
    fn is_lost(&mut self, process: usize, what: &What) -> bool {
        if let (What::Renew(name, ..), Some(every)) = (what, self.scenario.unknown_every) {
            let process = &self.processes[process];
            let host = process.find(name).map(|host| &process.hosts[host]);
            return host.is_some_and(|host| host.renewals.is_multiple_of(every));
        }
        self.chance(self.scenario.lost)
    }

    fn effect(&mut self, call: Box<Call>) {
        let now = self.now;
        let date = self.date();
        let stale = self.below(self.scenario.stale * 1_000 + 1);
        let reply = match &call.what {
            What::Learn => Reply::Done(date),
            What::Create(name, _, tags) => {
                if self.queues.create(Arc::clone(name), tags.clone(), now) {
                    self.report.created += 1;
                    self.owners.insert(Arc::clone(name), call.process);
                    // Until its owner holds it.
                    self.orphaned(Arc::clone(name));
                }
                Reply::Done(date)
            }
            What::Renew(name, _, tags) if self.queues.tag(name, tags.clone(), now) => {
                Reply::Done(date)
            }
            What::DeleteOwn(name) if self.queues.delete(name, now) => {
                self.dead.remove(name);
                Reply::Done(date)
            }
            What::Delete(name) if self.queues.exists(name) => {
                self.check_delete(call.process, name);
                self.deletions.insert(Arc::clone(name), now);
                self.queues.delete(name, now);
                if let Some((since, died)) = self.dead.remove(name) {
                    self.report.cleaned.push((now - since) / 1_000);
                    self.check_bound(name, since, died);
                }
                Reply::Done(date)
            }
            What::List(part) => {
                let mut listed = self.queues.list(part, now, stale);
                if self.scenario.mutant == Mutant::OnePage {
                    listed.truncate(999);
                }
                Reply::Listed(date, listed)
            }
            What::Read(host) => match self.queues.tags(&host.name, now, stale) {
                Some(tags) => Reply::Tags(date, tags.clone()),
                None => Reply::Gone(date),
            },
            What::Renew(..) | What::Delete(_) | What::DeleteOwn(_) => Reply::Gone(date),
        };
        if call.awaited {
            let back = 3 + self.below(20);
            self.at(now + back, Event::Answer(call, reply));
        }
    }

    fn answer(&mut self, call: Call, reply: Reply) {
        let index = call.process;
        if !self.processes[index].alive {
            return;
        }
        if let Some(pause) = self.processes[index].clocks.pause {
            self.at(pause.until + 1, Event::Answer(Box::new(call), reply));
            return;
        }
        let at = self.processes[index].clocks.read(self.now);
        let date = reply.date();
        if let Some(date) = date {
            let process = &mut self.processes[index];
            process.server_clock.learn(Sample {
                sent: call.sent.now,
                received: at.now,
                wall: at.wall,
                date: UNIX_EPOCH + Duration::from_millis(date),
            });
            let told = (date - EPOCH).saturating_sub(30_000);
            process.told = process.told.max(told);
            // Cut to seconds, and up to 5 s wrong.
            if process
                .unaware_since
                .is_some_and(|since| date - EPOCH + 6_000 >= since)
            {
                process.unaware_since = None;
            }
        }
        match call.what {
            What::Learn => self.learnt(index, date, at),
            What::Create(name, renewal, _) => self.made(index, name, renewal, &reply, at),
            What::Renew(name, renewal, _) => self.renewed(index, &name, renewal, &reply, at),
            What::List(_) | What::Read(_) | What::Delete(_) => {
                self.walked(index, call.what, reply, at)
            }
            What::DeleteOwn(_) => {}
        }
        self.wake(index);
    }

    fn learnt(&mut self, index: usize, date: Option<u64>, at: Reading) {
        let process = &mut self.processes[index];
        process.creating = false;
        if date.is_none() {
            process.create_not_before = at.now + Duration::from_secs(1);
        }
    }

    fn made(&mut self, index: usize, name: Arc<str>, renewal: Renewal, reply: &Reply, at: Reading) {
        let tags_first = self.scenario.mutant != Mutant::TagsAfterwards;
        let process = &mut self.processes[index];
        process.creating = false;
        process.create_not_before = at.now + Duration::from_secs(1);
        if !matches!(reply, Reply::Done(_)) {
            return;
        }
        let date = reply.date().map(SqsTime::from_millis);
        match Claim::new(renewal, KEYS, date, &process.random) {
            Some(claim) => {
                self.dead.remove(&name);
                process.hosts.push(Held {
                    name: Arc::clone(&name),
                    claim,
                    renewing: !tags_first,
                    renewals: 0,
                    acknowledged: 0,
                    silent: false,
                });
                if !tags_first {
                    let written = tags(0, process.lease(&renewal));
                    self.submit(index, What::Renew(name, renewal, written), at);
                }
            }
            None => self.submit(index, What::DeleteOwn(name), at),
        }
    }

    fn renewed(&mut self, index: usize, name: &str, renewal: Renewal, reply: &Reply, at: Reading) {
        let mutant = self.scenario.mutant;
        let process = &mut self.processes[index];
        let how = match reply {
            Reply::Done(date) => Renewed::Acknowledged(date.map(SqsTime::from_millis)),
            Reply::Nothing if mutant == Mutant::ForgetsUnknown => Renewed::Refused,
            Reply::Nothing if mutant == Mutant::UnknownCounts => {
                Renewed::Acknowledged(renewal.stamp)
            }
            Reply::Nothing => Renewed::Unknown,
            _ => Renewed::Refused,
        };
        match reply {
            Reply::Throttled(_) => drop(process.retention.throttled(at.now)),
            Reply::Done(_) => process.retention.renewed(),
            _ => {}
        }
        let Some(host) = process.find(name) else {
            return;
        };
        let held = &mut process.hosts[host];
        held.renewing = false;
        held.acknowledged += usize::from(matches!(reply, Reply::Done(_)));
        if matches!(reply, Reply::Gone(_)) {
            held.claim.give_up();
            return;
        }
        held.silent |= mutant == Mutant::HeartbeatDies && matches!(reply, Reply::Throttled(_));
        held.claim.renewed(renewal, how, at.now, &process.random);
    }

    fn walked(&mut self, index: usize, what: What, reply: Reply, at: Reading) {
        let mutant = self.scenario.mutant;
        let process = &mut self.processes[index];
        process.walking = false;
        let Some(watch) = &mut process.watch else {
            return;
        };
        match (what, reply) {
            (What::List(_), Reply::Listed(_, hosts)) => watch.listed(hosts, at.now),
            (What::Read(_), Reply::Tags(date, tags)) => {
                let date = match mutant {
                    Mutant::LocalWallVerdict => at
                        .wall
                        .duration_since(UNIX_EPOCH)
                        .ok()
                        .map(|since| since.as_millis() as u64),
                    _ => date,
                };
                let tags = misread(mutant, tags, date);
                drop(watch.read(&tags, date.map(SqsTime::from_millis), at.now));
            }
            (What::Delete(_), Reply::Done(_)) => watch.deleted(at.now),
            (_, Reply::Gone(_)) => watch.gone(at.now),
            _ => watch.failed(Failure::Temporary, at.now),
        }
    }

    /// I5: nobody deletes a host whose owner has not given it up.
    fn check_delete(&mut self, by: usize, name: &str) {
        let Some(&owner) = self.owners.get(name) else {
            return;
        };
        let process = &mut self.processes[owner];
        let Some(host) = process.find(name).filter(|_| process.alive) else {
            return;
        };
        let at = process.clocks.read(self.now);
        let standing = process.standing(host, at, self.scenario.mutant);
        // After a pause of both clocks only the first answer can tell; `look_at_hosts` checks that it does.
        let frozen = process.clocks.is_frozen() || process.unaware_since.is_some();
        if standing != Standing::GivenUp && !frozen {
            let tag = self.queues.latest(name).map(Tag::read);
            let text = format!(
                "at {} process {by} deleted {name} of {owner}, which is {standing:?}: {tag:?}",
                self.now
            );
            self.report.violations.push(text);
        }
    }

    /// I6: how long a dead host may be there.
    fn check_bound(&mut self, name: &str, since: u64, watchers_died: u64) {
        let scenario = &self.scenario;
        let smooth = scenario.pauses == 0 && scenario.throttled == 0.0 && scenario.lost == 0.0;
        if !smooth {
            return;
        }
        let r = scenario.retention.iter().max().copied().unwrap_or_default();
        let turn = scenario.period * 6 / 5;
        let pacing = (scenario.dead as u64 + scenario.processes as u64) / 2;
        let bound = r + 180 + turn + watchers_died * (r + turn) + pacing + 30;
        let age = (self.now - since) / 1_000;
        if age > bound {
            let text = format!(
                "{name} is there {age} s after its death; {bound} s are allowed ({watchers_died} watchers died)"
            );
            self.report.violations.push(text);
        }
    }

    fn date(&mut self) -> Option<u64> {
        if self.chance(self.scenario.no_date) {
            return None;
        }
        let wrong = self.scenario.wrong_dates as u64 * 1_000;
        let off = self.below(2 * wrong + 1) as i64 - wrong as i64;
        let whole = (EPOCH + self.now) / 1_000 * 1_000;
        Some((whole as i64 + off / 1_000 * 1_000) as u64)
    }

    fn at(&mut self, time: u64, event: Event) {
        let id = self.next_event;
        self.next_event += 1;
        self.what.insert(id, event);
        self.events.push(Reverse((time, id as u64, id)));
    }

    fn chance(&self, part: f64) -> bool {
        part > 0.0 && self.random.below(Duration::from_secs(1)).as_secs_f64() < part
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.bits64() % bound.max(1)
    }
}

impl Reply {
    const fn date(&self) -> Option<u64> {
        match self {
            Self::Done(date)
            | Self::Listed(date, _)
            | Self::Tags(date, _)
            | Self::Gone(date)
            | Self::Throttled(date) => *date,
            Self::Nothing => None,
        }
    }
}

fn tags(key: usize, lease: Lease) -> Tags {
    lease.tags(key, 0).into()
}

/// What a watcher without some mechanism would read.
fn misread(mutant: Mutant, read: Tags, date: Option<u64>) -> Tags {
    if mutant == Mutant::FirstKeyOnly {
        let first = |key: &str| key == names::LEASE_TAG || !key.starts_with(names::LEASE_TAG);
        return read.into_iter().filter(|(key, _)| first(key)).collect();
    }
    let Tag::Ours(mut lease) = Tag::read(&read) else {
        return read;
    };
    match (mutant, lease.stamp, date) {
        (Mutant::StopsAtNonWatching, ..) => lease.watches = true,
        (Mutant::FutureStopsWalk, Stamp::Sqs(stamp), Some(date)) if stamp.as_millis() > date => {
            lease.stamp = Stamp::Sqs(SqsTime::from_millis(date));
        }
        _ => return read,
    }
    tags(0, lease)
}
