//! The run in virtual time: the events, and the checks after them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sqs_rpc_protocol::{SqsTime, TemporaryQueueName};
use sqs_rpc_transport::{Moment, Random, Sample, ServerClock};

use super::queues::{Queues, Tags};
use super::{PERIOD, RETENTION, Report, STALE, Scenario};
use crate::lease::{Claim, Lease, Reading, Renewal, Renewed, Stamp, Standing, Tag};
use crate::ring::{Failure, Listed, Step, Watch, WatchOptions};

const PREFIX: &str = "sqs-rpc-";
/// The number of keys for a host's leases.
const KEYS: usize = 20;
/// The zero of the model's time, in ms since 1970.
const EPOCH: u64 = 1_800_000_000_000;
/// The start of the run, in ms after `EPOCH`.
const START: u64 = 60_000;

pub(super) struct World {
    scenario: Scenario,
    /// Whether watchers judge every host dead.
    blind: bool,
    random: Random,
    now: u64,
    events: BinaryHeap<Reverse<(u64, usize)>>,
    /// The events, by their number in the heap.
    what: HashMap<usize, Event>,
    next_event: usize,
    queues: Queues,
    processes: Vec<Process>,
    /// The process that created each queue.
    owners: HashMap<Arc<str>, usize>,
    /// The queues that no process holds: since when, and how many of their watchers have died since.
    dead: BTreeMap<Arc<str>, (u64, u64)>,
    /// The living processes that hold a host.
    watchers: BTreeMap<Arc<str>, usize>,
    report: Report,
}

struct Process {
    uuid: Arc<str>,
    random: Random,
    server_clock: ServerClock,
    /// Its host, after the creation.
    host: Option<Held>,
    watch: Watch,
    alive: bool,
    /// Whether a call of the watch is in flight.
    walking: bool,
    /// Whether the creation, or the call that learns SQS's time, is in flight.
    creating: bool,
    /// The number of the newest wake. Older wakes are ignored.
    turn: u64,
}

struct Held {
    name: Arc<str>,
    claim: Claim,
    renewing: bool,
}

enum Event {
    Start,
    Wake(usize, u64),
    Effect(Box<Call>),
    Answer(Box<Call>, Reply),
    Kill(Vec<usize>),
    Purge,
}

struct Call {
    process: usize,
    sent: Reading,
    what: What,
}

enum What {
    Learn,
    Create(Arc<str>, Renewal, Tags),
    Renew(Renewal, Tags),
    List(String),
    Read(Listed),
    Delete(Arc<str>),
}

enum Reply {
    Done,
    Listed(Vec<Listed>),
    Tags(Tags),
    Gone,
}

impl World {
    pub(super) fn run(scenario: Scenario) -> Report {
        Self::new(scenario, false).go()
    }

    /// A run in which watchers judge every host dead.
    pub(super) fn run_without_verdicts(scenario: Scenario) -> Report {
        Self::new(scenario, true).go()
    }

    fn new(scenario: Scenario, blind: bool) -> Self {
        Self {
            scenario,
            blind,
            random: Random::seeded(scenario.seed),
            now: START,
            events: BinaryHeap::new(),
            what: HashMap::new(),
            next_event: 0,
            queues: Queues::default(),
            processes: Vec::new(),
            owners: HashMap::new(),
            dead: BTreeMap::new(),
            watchers: BTreeMap::new(),
            report: Report::default(),
        }
    }

    fn go(mut self) -> Report {
        self.set_up();
        let end = START + self.scenario.lasts.as_millis() as u64;
        self.report.renewals = vec![0; self.scenario.lasts.as_secs() as usize / 15 + 1];
        while let Some(Reverse((at, id))) = self.events.pop() {
            if at > end || !self.report.violations.is_empty() {
                break;
            }
            self.now = at;
            let event = self.what.remove(&id).expect("each event happens once");
            self.happen(event);
        }
        self.now = end;
        self.report.left = self.dead.len();
        for (name, (since, died)) in std::mem::take(&mut self.dead) {
            self.check_bound(&name, since, died);
        }
        self.report
    }

    fn set_up(&mut self) {
        for _ in 0..self.scenario.dead {
            let name: Arc<str> = format!("{PREFIX}{}-0", self.random.uuid()).into();
            let stamp = SqsTime::from_millis(EPOCH + self.now);
            self.queues.create(Arc::clone(&name), tags(0, stamp), 0);
            self.dead.insert(name, (self.now, 0));
        }
        for _ in 0..self.scenario.processes {
            let after = self.below(60_000);
            self.at(START + after, Event::Start);
        }
        if let Some((seconds, part)) = self.scenario.killed {
            let killed = (0..self.scenario.processes)
                .filter(|_| self.random.below(Duration::from_secs(1)).as_secs_f64() < part)
                .collect();
            self.at(START + seconds * 1_000, Event::Kill(killed));
        }
        self.at(START + 60_000, Event::Purge);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Start => self.start(),
            Event::Wake(process, turn) if self.processes[process].turn == turn => {
                self.wake(process)
            }
            Event::Wake(..) => {}
            Event::Effect(call) => self.effect(call),
            Event::Answer(call, reply) => self.answer(*call, reply),
            Event::Kill(processes) => self.kill(&processes),
            Event::Purge => {
                self.queues.purge(self.now);
                self.at(self.now + 60_000, Event::Purge);
            }
        }
    }

    fn start(&mut self) {
        let random = Random::seeded(self.random.bits64());
        let uuid: Arc<str> = random.uuid().to_string().into();
        let options = WatchOptions {
            prefix: PREFIX.into(),
            process: Arc::clone(&uuid),
            period: PERIOD,
            pace: Duration::from_millis(200),
            deletes: true,
        };
        self.processes.push(Process {
            uuid,
            watch: Watch::new(options, self.read_clock().now, random.clone()),
            random,
            server_clock: ServerClock::new(),
            host: None,
            alive: true,
            walking: false,
            creating: false,
            turn: 0,
        });
        self.report.watching.push(0);
        self.wake(self.processes.len() - 1);
    }

    fn kill(&mut self, processes: &[usize]) {
        for (name, (_, died)) in &mut self.dead {
            let watcher = watcher_of(&self.watchers, name);
            *died += u64::from(watcher.is_some_and(|it| processes.contains(&it)));
        }
        for index in processes {
            let process = &mut self.processes[*index];
            process.alive = false;
            self.watchers.remove(&process.uuid);
            if let Some(host) = process.host.take() {
                self.dead.insert(host.name, (self.now, 0));
            }
        }
    }

    fn wake(&mut self, index: usize) {
        if !self.processes[index].alive {
            return;
        }
        let at = self.read_clock();
        self.look_at_the_host(index, at);
        self.make_a_host(index, at);
        self.renew(index, at);
        self.walk(index, at);
        let process = &mut self.processes[index];
        process.turn += 1;
        let mut alarm = at.now + Duration::from_secs(20);
        if let Some(host) = &process.host {
            if !host.renewing {
                alarm = alarm.min(host.claim.next_renewal());
            }
            if !process.walking
                && let Step::Wait(until) = process.watch.step(at.now, |_| true)
            {
                alarm = alarm.min(until);
            }
            self.watchers.insert(Arc::clone(&process.uuid), index);
        }
        // At least 1 ms later, so that nothing is done twice in a millisecond.
        let left = alarm.since(at.now).as_millis() as u64;
        let turn = process.turn;
        self.at(self.now + left + 1, Event::Wake(index, turn));
    }

    /// Checks that the host exists and its claim is firm: without faults no process gives its host up.
    fn look_at_the_host(&mut self, index: usize, at: Reading) {
        let process = &mut self.processes[index];
        let (clock, host) = (&process.server_clock, &mut process.host);
        if let Some(host) = host {
            let standing = host
                .claim
                .standing(at, |since| clock.proven_since(since, at.now));
            if standing != Standing::Firm || !self.queues.exists(&host.name) {
                let text = format!(
                    "at {} process {index} has lost {}: {standing:?}, {:?}",
                    self.now, host.name, host.claim
                );
                self.report.violations.push(text);
            }
        }
    }

    fn make_a_host(&mut self, index: usize, at: Reading) {
        let process = &mut self.processes[index];
        if process.host.is_some() || process.creating {
            return;
        }
        process.creating = true;
        let Some(stamp) = process.server_clock.earliest(at.now, at.wall) else {
            self.submit(index, What::Learn, at);
            return;
        };
        let name: Arc<str> = format!("{PREFIX}{}-0", process.uuid).into();
        let renewal = renewal(0, Some(stamp), at);
        self.submit(index, What::Create(name, renewal, tags(0, stamp)), at);
    }

    fn renew(&mut self, index: usize, at: Reading) {
        let process = &mut self.processes[index];
        let Some(host) = &mut process.host else {
            return;
        };
        if host.renewing || host.claim.next_renewal() > at.now {
            return;
        }
        let Some(stamp) = process.server_clock.earliest(at.now, at.wall) else {
            if !process.creating {
                process.creating = true;
                self.submit(index, What::Learn, at);
            }
            return;
        };
        let (key, stamp) = host.claim.begin(at.now, Some(stamp));
        host.renewing = true;
        let written = tags(key, stamp.expect("it was given"));
        self.report.renewals[(self.now - START) as usize / 15_000] += 1;
        self.submit(index, What::Renew(renewal(key, stamp, at), written), at);
    }

    fn walk(&mut self, index: usize, at: Reading) {
        let process = &mut self.processes[index];
        let Some(host) = process.host.as_ref().filter(|_| !process.walking) else {
            return;
        };
        let what = match process.watch.step(at.now, |name| *host.name == *name) {
            Step::Wait(_) => return,
            Step::List(part) => What::List(part),
            Step::Read(host) => What::Read(host),
            Step::Delete(host) => What::Delete(host.name),
        };
        process.walking = true;
        self.report.watching[index] += u64::from(self.now >= START + 120_000);
        self.submit(index, what, at);
    }

    fn submit(&mut self, process: usize, what: What, sent: Reading) {
        let call = Call {
            process,
            sent,
            what,
        };
        let there = 3 + self.below(20);
        self.at(self.now + there, Event::Effect(Box::new(call)));
    }

    fn effect(&mut self, call: Box<Call>) {
        let now = self.now;
        let stale = self.below(STALE + 1);
        let reply = match &call.what {
            What::Learn => Reply::Done,
            What::Create(name, _, tags) => {
                self.queues.create(Arc::clone(name), tags.clone(), now);
                self.owners.insert(Arc::clone(name), call.process);
                // The host counts as dead until its owner holds it.
                self.dead.insert(Arc::clone(name), (now, 0));
                Reply::Done
            }
            What::Renew(_, tags) => {
                let host = self.processes[call.process].host.as_ref();
                let renewed = host.is_some_and(|it| self.queues.tag(&it.name, tags.clone(), now));
                if renewed { Reply::Done } else { Reply::Gone }
            }
            What::Delete(name) if self.queues.exists(name) => {
                self.check_delete(call.process, name);
                self.queues.delete(name, now);
                if let Some((since, died)) = self.dead.remove(name) {
                    self.report.cleaned += 1;
                    self.check_bound(name, since, died);
                }
                Reply::Done
            }
            What::Delete(_) => Reply::Gone,
            What::List(part) => Reply::Listed(self.queues.list(part, now, stale)),
            What::Read(host) => match self.queues.tags(&host.name, now, stale) {
                Some(tags) => Reply::Tags(tags.clone()),
                None => Reply::Gone,
            },
        };
        let back = 3 + self.below(20);
        self.at(now + back, Event::Answer(call, reply));
    }

    fn answer(&mut self, call: Call, reply: Reply) {
        let (at, index) = (self.read_clock(), call.process);
        // SQS's date has whole seconds.
        let date = (EPOCH + self.now) / 1_000 * 1_000;
        let process = &mut self.processes[index];
        if !process.alive {
            return;
        }
        process.server_clock.learn(Sample {
            sent: call.sent.now,
            received: at.now,
            wall: at.wall,
            date: UNIX_EPOCH + Duration::from_millis(date),
        });
        let date = SqsTime::from_millis(date);
        match (call.what, reply) {
            (What::Learn, _) => process.creating = false,
            (What::Create(name, renewal, _), _) => {
                process.creating = false;
                let claim = Claim::new(renewal, KEYS, Some(date), &process.random);
                self.dead.remove(&name);
                process.host = claim.map(|claim| Held {
                    name,
                    claim,
                    renewing: false,
                });
            }
            (What::Renew(renewal, _), reply) => {
                if let Some(host) = &mut process.host {
                    host.renewing = false;
                    let how = match reply {
                        Reply::Done => Renewed::Acknowledged(Some(date)),
                        _ => Renewed::Refused,
                    };
                    host.claim.renewed(renewal, how, at.now, &process.random);
                }
            }
            (what, reply) => {
                process.walking = false;
                let watch = &mut process.watch;
                match (what, reply) {
                    (What::List(_), Reply::Listed(hosts)) => watch.listed(hosts, at.now),
                    (What::Read(_), Reply::Tags(read)) => {
                        let read = if self.blind {
                            tags(0, SqsTime::from_millis(EPOCH - 3_600_000))
                        } else {
                            read
                        };
                        drop(watch.read(&read, Some(date), at.now));
                    }
                    (What::Delete(_), Reply::Done) => watch.deleted(at.now),
                    (_, Reply::Gone) => watch.gone(at.now),
                    _ => watch.failed(Failure::Temporary, at.now),
                }
            }
        }
        self.wake(index);
    }

    /// I5: no process deletes the host of a living owner.
    fn check_delete(&mut self, by: usize, name: &str) {
        let owner = self.owners.get(name).map(|owner| &self.processes[*owner]);
        let host = owner.and_then(|owner| owner.host.as_ref());
        if host.is_some_and(|host| *host.name == *name) {
            let tag = self.queues.latest(name).map(Tag::read);
            let text = format!(
                "at {} process {by} deleted the live {name}: {tag:?}",
                self.now
            );
            self.report.violations.push(text);
        }
    }

    /// I6: a dead host is deleted within this time.
    fn check_bound(&mut self, name: &str, since: u64, watchers_died: u64) {
        let r = RETENTION.as_secs();
        let turn = PERIOD.as_secs() * 6 / 5;
        let pacing = (self.scenario.dead as u64 + self.scenario.processes as u64) / 2;
        let bound = r + 180 + turn + watchers_died * (r + turn) + pacing + 30;
        let age = (self.now - since) / 1_000;
        if age > bound {
            let text = format!(
                "{name} still exists {age} s after its death; expected its deletion within {bound} s ({watchers_died} watchers died)"
            );
            self.report.violations.push(text);
        }
    }

    fn read_clock(&self) -> Reading {
        Reading {
            now: Moment::from_start(Duration::from_millis(self.now)),
            wall: UNIX_EPOCH + Duration::from_millis(EPOCH + self.now),
        }
    }

    fn at(&mut self, time: u64, event: Event) {
        let id = self.next_event;
        self.next_event += 1;
        self.what.insert(id, event);
        self.events.push(Reverse((time, id)));
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.bits64() % bound
    }
}

/// The living process before a host in the ring.
fn watcher_of(watchers: &BTreeMap<Arc<str>, usize>, name: &str) -> Option<usize> {
    let uuid = TemporaryQueueName::parse(name)?.uuid;
    let before = watchers.range::<str, _>((Bound::Unbounded, Bound::Excluded(uuid)));
    let before = before.into_iter().next_back();
    before
        .or(watchers.last_key_value())
        .map(|(_, index)| *index)
}

fn renewal(key: usize, stamp: Option<SqsTime>, began: Reading) -> Renewal {
    Renewal {
        key,
        stamp,
        retention: RETENTION,
        began,
    }
}

fn tags(key: usize, stamp: SqsTime) -> Tags {
    let lease = Lease {
        stamp: Stamp::Sqs(stamp),
        retention: RETENTION,
        watches: true,
    };
    lease.tags(key, 0).into()
}
