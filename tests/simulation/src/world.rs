//! Runs a plan: one seed, one runtime, no clock but the paused one.
//!
//! Owns: the processes, their lives, and the order of what happens to them. The end of a run is always the same: all
//! faults stop, everything that lives is asked once more, and the oracle looks at what is left.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use local_sqs::engine::api::{MessageAttribute, requests};
use local_sqs::engine::{Output, Request as EngineRequest};
use sqs_requester::Requester;
use sqs_responder::Responder;
use sqs_rpc_protocol::{
    Deadline, HostQueueUrl, RequestEnvelope, RequestHeader, RequestId, SqsTime, names,
};
use sqs_virtual_queues::sqs::{Clock, Random, Sqs};
use sqs_virtual_queues::{CreateQueue, Host, Stats, VirtualQueue, VirtualQueues};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::coverage::{Check, Coverage, Fault};
use crate::dice::{Dice, derived};
use crate::network::{Link, Network, ProcessApi};
use crate::oracle::{Asked, CallTable, Kind, Oracle, Violation};
use crate::plan::{
    Ask, BARE, FIFO, FIFO_HOSTS, HOSTS, Plan, ProcessPlan, QueuesPlan, REQUESTS, Role, Step, What,
};
use crate::process::{Gate, LifeId, ProcessClock};
use crate::time::TrueTime;
use crate::trace::Trace;
use crate::users::{self, Patience};

/// Processes start when the queues have been there for longer than a second.
const START: Duration = Duration::from_secs(2);
/// The longest back-off of a poll, and of the making of a reply host, with jitter, and then some.
const SETTLING: Duration = Duration::from_secs(45);
/// How long the last requests may take.
const PROBE: Duration = Duration::from_secs(30);
/// The longest that a call may hang, and that a message may be late therefore.
const LATE: Duration = Duration::from_secs(60);
/// So often the oracle looks at what is pending.
const LOOK: Duration = Duration::from_secs(1);
/// Deliveries before a message goes to the dead-letter queue.
const MOST_RECEIVES: u32 = 5;
/// Indexes of responders that the world itself starts where nobody serves a queue any more.
const STAND_IN: usize = 90;

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The first thing that was wrong.
    pub violation: Option<Violation>,
    /// How often what took place.
    pub coverage: Coverage,
    /// The hash of the trace, and the number of its lines.
    pub trace: (u64, u64),
    /// The lines, if they were asked for.
    pub lines: Vec<String>,
    /// Calls of each process.
    pub calls: CallTable,
    /// Messages that each process received again after their visibility had ended.
    pub returns: BTreeMap<usize, u64>,
    /// The counters of each life at its end.
    pub stats: BTreeMap<LifeId, Stats>,
    /// Messages in the dead-letter queue at the end.
    pub dead_letters: usize,
}

/// Runs a plan to its end, or to the first thing that is wrong.
///
/// # Panics
/// If there is no Tokio runtime to be had, and if the plan itself is wrong.
#[must_use]
pub fn run(plan: &Plan, keep_lines: bool) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs no more than memory");
    let (report, gates) = runtime.block_on(async {
        let mut world = World::new(plan, keep_lines);
        world.play().await;
        world.report()
    });
    drop(runtime);
    gates.iter().for_each(Gate::bury);
    report
}

struct World<'a> {
    plan: &'a Plan,
    time: TrueTime,
    trace: Trace,
    oracle: Oracle,
    network: Network,
    processes: BTreeMap<usize, Process>,
    /// Handles of those who were killed: a crash drops nothing.
    graveyard: Vec<Parts>,
    gates: Vec<Gate>,
    stats: BTreeMap<LifeId, Stats>,
}

struct Process {
    plan: ProcessPlan,
    link: Link,
    parts: Parts,
    /// It was told to shut down.
    shut: bool,
    asked: u32,
}

enum Parts {
    Requester(Requester),
    Responder(Box<Responder>, Option<oneshot::Sender<()>>),
    Queues(VirtualQueues, BTreeMap<String, VirtualQueue>, Vec<Host>),
    /// It was shut down or dropped.
    Gone,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, keep_lines: bool) -> Self {
        let time = TrueTime::start();
        let trace = Trace::new(keep_lines);
        let oracle = Oracle::new(time, trace.clone(), plan.leniency);
        let windows = plan.windows().cloned().collect();
        let network = Network::new(plan.seed, time, oracle.clone(), windows);
        Self {
            plan,
            time,
            trace,
            oracle,
            network,
            processes: BTreeMap::new(),
            graveyard: Vec::new(),
            gates: Vec::new(),
            stats: BTreeMap::new(),
        }
    }

    async fn play(&mut self) {
        self.make_queues();
        self.time.until(START).await;
        for process in self.plan.processes() {
            self.start(process.clone(), 0);
        }
        for step in self.plan.steps() {
            if !self.look_until(START + step.at).await {
                return;
            }
            self.take(step);
        }
        if self.look_until(START + self.plan.length).await && self.heal().await {
            self.ask_all_again().await;
        }
    }

    /// Goes on until then, and looks from time to time. `false` if something was wrong.
    async fn look_until(&mut self, at: Duration) -> bool {
        loop {
            if self.oracle.violation().is_some() {
                return false;
            }
            let next = (self.time.now() + LOOK).min(at);
            if self.time.now() >= at {
                return true;
            }
            self.time.until(next).await;
            self.look();
        }
    }

    fn look(&mut self) {
        self.oracle.looks_at_pending();
        for process in self.processes.values() {
            if process.link.gate.is_open() {
                process.look_at_caps(&self.oracle);
            }
        }
        self.collect_dead();
    }

    fn collect_dead(&mut self) {
        for process in self.processes.values_mut() {
            if process.link.gate.is_killed() && !matches!(process.parts, Parts::Gone) {
                let parts = std::mem::replace(&mut process.parts, Parts::Gone);
                self.stats.insert(process.link.life, parts.stats());
                self.graveyard.push(parts);
            }
        }
    }

    // --- queues

    fn make_queues(&self) {
        let arn = "arn:aws:sqs:us-east-1:000000000000:dead";
        let redrive =
            format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":{MOST_RECEIVES}}}");
        let fifo = ("FifoQueue", "true".to_owned());
        self.make_queue("dead", &[]);
        self.make_queue(REQUESTS, &[("RedrivePolicy", redrive)]);
        self.make_queue(FIFO, std::slice::from_ref(&fifo));
        self.make_queue(BARE, &[]);
        HOSTS.iter().for_each(|host| self.make_queue(host, &[]));
        FIFO_HOSTS
            .iter()
            .for_each(|host| self.make_queue(host, std::slice::from_ref(&fifo)));
    }

    fn make_queue(&self, name: &str, attributes: &[(&str, String)]) {
        let mut create = requests::CreateQueue::default();
        create.queue_name = Some(name.to_owned());
        let given = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        create.attributes = Some(given.collect());
        if let Err(error) = self.network.ask(EngineRequest::CreateQueue(create)) {
            self.oracle.broken("simulation", format!("{name}: {error}"));
        }
    }

    /// Messages on a queue, hidden ones included.
    fn messages_on(&self, url: &str) -> usize {
        let mut get = requests::GetQueueAttributes::default();
        get.queue_url = Some(url.to_owned());
        get.attribute_names = Some(vec!["All".to_owned()]);
        let Ok(Output::QueueAttributes(all)) =
            self.network.ask(EngineRequest::GetQueueAttributes(get))
        else {
            return 0;
        };
        let counts = all
            .attributes
            .iter()
            .filter(|(name, _)| name.starts_with("ApproximateNumberOfMessages"));
        counts
            .filter_map(|(_, count)| count.parse::<usize>().ok())
            .sum()
    }

    /// Puts a message on a queue, as some other program would.
    fn put(&self, queue: &str, body: String, attributes: Vec<(&str, String)>) {
        let mut send = requests::SendMessage::default();
        send.queue_url = Some(self.network.queue_url(queue));
        send.message_body = Some(body.into());
        let attributes = attributes.into_iter().map(|(name, value)| {
            let value = MessageAttribute {
                data_type: Some("String".into()),
                string_value: Some(value.into()),
                ..MessageAttribute::default()
            };
            (name.into(), value)
        });
        send.message_attributes = Some(attributes.collect());
        if let Err(error) = self.network.ask(EngineRequest::SendMessage(send)) {
            self.oracle
                .broken("simulation", format!("{queue}: {error}"));
        }
    }

    // --- processes

    fn start(&mut self, plan: ProcessPlan, life: u32) {
        let life = LifeId {
            process: plan.index,
            life,
        };
        self.oracle.note(format_args!("{life} starts"));
        let seed = |what: &str| derived(self.plan.seed, &format!("{life} {what}"));
        let clock = match self.processes.get(&plan.index) {
            // A restart of the process, not of the machine.
            Some(before) => before.link.clock.clone(),
            None => ProcessClock::new(self.time, plan.offset_ms, plan.drift_ppm),
        };
        let oracle = self.oracle.clone();
        let gate = Gate::new(
            Dice::new(self.plan.seed, &format!("{life} gate")),
            plan.reorder,
            move |text| oracle.broken("no-panic", format!("a task of {life} panicked: {text}")),
        );
        self.gates.push(gate.clone());
        let link = Link {
            life,
            clock: clock.clone(),
            gate: gate.clone(),
            gone: CancellationToken::new(),
            trap: Arc::default(),
        };
        let sqs = Sqs::builder(ProcessApi::new(self.network.clone(), link.clone()))
            .clock(Clock::from_source(clock))
            .random(Random::seeded(seed("random")))
            .on_spawn(move |task| gate.wrap(task))
            .build();
        let parts = match &plan.role {
            Role::Requester { host, max_pending } => self.requester(sqs, *host, *max_pending),
            Role::Responder {
                queue,
                concurrency,
                visibility,
            } => self.responder(&link, sqs, queue, *concurrency, *visibility),
            Role::Queues(queues) => self.queues(&link, sqs, queues),
        };
        let process = Process {
            plan,
            link,
            parts,
            shut: false,
            asked: 0,
        };
        self.processes.insert(life.process, process);
    }

    fn requester(&self, sqs: Sqs, host: Option<&str>, max_pending: usize) -> Parts {
        let mut builder = Requester::builder(sqs).max_pending(max_pending);
        if let Some(host) = host {
            builder = builder.reply_host(self.network.queue_url(host));
        }
        Parts::Requester(builder.build().expect("the plan is valid"))
    }

    fn responder(
        &self,
        link: &Link,
        sqs: Sqs,
        queue: &str,
        concurrency: usize,
        visibility: Duration,
    ) -> Parts {
        let responder = Responder::builder(sqs)
            .concurrency(concurrency)
            .visibility_timeout(visibility)
            .build()
            .expect("the plan is valid");
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = stopped.map(drop).shared();
        let (url, oracle) = (self.network.queue_url(queue), self.oracle.clone());
        let (serving, server) = (responder.clone(), link.clone());
        let serve = async move {
            loop {
                let (link, handler_oracle) = (server.clone(), oracle.clone());
                let serve = serving
                    .serve(&url, move |request| {
                        users::handle(link.clone(), handler_oracle.clone(), request)
                    })
                    .drain(DRAIN)
                    .with_graceful_shutdown(stopped.clone());
                match serve.await {
                    Ok(drained) => {
                        oracle.note(format_args!("{} has drained: {drained:?}", server.life));
                        return;
                    }
                    // It may not start without the right to receive; whoever runs it starts it again.
                    Err(error) => {
                        oracle.note(format_args!("{} serves no more: {error}", server.life));
                        users::sleep(&server, Duration::from_secs(5)).await;
                    }
                }
            }
        };
        tokio::spawn(link.gate.wrap(serve.boxed()));
        Parts::Responder(Box::new(responder), Some(stop))
    }

    fn queues(&self, link: &Link, sqs: Sqs, plan: &QueuesPlan) -> Parts {
        let queues = VirtualQueues::builder(sqs)
            .queue_capacity(plan.queue_capacity)
            .host_capacity(plan.host_capacity, 64 * 1024 * 1024)
            .visibility(plan.visibility)
            .build()
            .expect("the plan is valid");
        let mut made = BTreeMap::new();
        let mut hosts = Vec::new();
        for host in &plan.hosts {
            let url = HostQueueUrl::parse(&self.network.queue_url(host)).expect("a URL of ours");
            hosts.push(queues.host(&url).expect("there is a runtime"));
            for (name, reading) in &plan.queues {
                let queue = queues
                    .create(&url, CreateQueue::named(*name))
                    .expect("the plan is valid");
                let known_as = format!("{host}/{name}");
                let dice = Dice::new(self.plan.seed, &format!("{} {known_as}", link.life));
                let read = users::read(
                    queue.clone(),
                    link.clone(),
                    self.oracle.clone(),
                    known_as.clone(),
                    *reading,
                    dice,
                );
                tokio::spawn(link.gate.wrap(read.boxed()));
                made.insert(known_as, queue);
            }
        }
        Parts::Queues(queues, made, hosts)
    }

    // --- steps

    fn take(&mut self, step: &Step) {
        match &step.what {
            What::Restart => return self.restart(step.process),
            What::Undecodable(queue, count) => {
                for number in 0..*count {
                    self.oracle.fault(Fault::Undecodable);
                    let body = format!("u{queue}-{}-{number}", step.at.as_millis());
                    self.put(queue, body, vec![(names::HEADER, "no header".to_owned())]);
                }
                return;
            }
            What::OldRequest(queue) => {
                self.oracle.fault(Fault::OldRequest);
                return self.put_old_request(queue, step.at);
            }
            What::Orphans(host, count) => {
                for number in 0..*count {
                    self.oracle.fault(Fault::Orphan);
                    let name = format!("nobody-{number}");
                    let body = format!("o{number}");
                    self.put(host, body, vec![(names::VIRTUAL_QUEUE_NAME, name)]);
                }
                return;
            }
            _ => {}
        }
        let seed = self.plan.seed;
        let Some(process) = self.processes.get_mut(&step.process) else {
            // It was taken out of the plan.
            return;
        };
        if process.link.gate.is_killed() {
            return;
        }
        let (link, oracle) = (process.link.clone(), self.oracle.clone());
        match &step.what {
            What::Ask(ask) => {
                let dice = Dice::new(seed, &format!("{} {:?}", link.life, step));
                process.ask(ask, dice, &self.network, &oracle);
            }
            What::Send(send) => {
                let dice = Dice::new(seed, &format!("{} {:?}", link.life, step));
                process.send(send, step.at, dice, &oracle);
            }
            What::Stop(time) => self.pause(&link, Fault::Stopped, *time),
            What::Suspend(time) => self.pause(&link, Fault::Suspended, *time),
            What::PauseMachine(time) => self.pause(&link, Fault::MachinePaused, *time),
            What::StepClock(millis) => {
                oracle.fault(Fault::ClockStep);
                link.clock.step_wall(*millis);
            }
            What::Kill => {
                oracle.fault(Fault::Killed);
                link.kill();
                self.collect_dead();
            }
            What::KillAfter(polls) => {
                let gone = link.gone.clone();
                link.gate.kill_after(*polls, move || {
                    oracle.fault(Fault::KilledMidway);
                    gone.cancel();
                });
            }
            What::KillAfterReply => link.trap.store(true, Ordering::Relaxed),
            What::ShutDown(within) => process.shut_down(*within, &oracle),
            What::Drop => {
                oracle.fault(Fault::Dropped);
                self.stats.insert(link.life, process.parts.stats());
                process.parts = Parts::Gone;
            }
            What::Restart | What::Undecodable(..) | What::OldRequest(_) | What::Orphans(..) => {}
        }
    }

    fn restart(&mut self, index: usize) {
        self.collect_dead();
        let Some(process) = self.processes.get(&index) else {
            return;
        };
        if process.shut || matches!(process.parts, Parts::Gone) {
            self.oracle.fault(Fault::Restarted);
            let (plan, life) = (process.plan.clone(), process.link.life.life + 1);
            self.stats
                .entry(process.link.life)
                .or_insert_with(|| process.parts.stats());
            self.start(plan, life);
        }
    }

    fn pause(&self, link: &Link, how: Fault, time: Duration) {
        self.oracle.fault(how);
        link.gate.shut();
        if how != Fault::Stopped {
            link.clock.stop();
        }
        // Nothing is paused once all is well.
        let healed = START + self.plan.length;
        let (until, link) = ((self.time.now() + time).min(healed), link.clone());
        let (true_time, oracle) = (self.time, self.oracle.clone());
        tokio::spawn(async move {
            true_time.until(until).await;
            if how != Fault::Stopped {
                link.clock.go_on(how == Fault::MachinePaused);
            }
            oracle.note(format_args!("{} goes on", link.life));
            link.gate.open(link.clock.now());
        });
    }

    fn put_old_request(&self, queue: &str, at: Duration) {
        let mut header = RequestHeader::new(RequestId::from_bits(at.as_nanos()));
        let now = self.time.sqs().as_millis();
        let expiry = SqsTime::from_millis(now - 3_600_000);
        header.deadline = Deadline::after(Duration::from_secs(30)).with_expiry(expiry);
        let envelope = RequestEnvelope {
            return_address: None,
            header: Some(header),
        };
        let body = format!("old-{}:echo", at.as_millis());
        self.put(queue, body, envelope.encode());
    }

    // --- the end

    /// Waits until everything has noticed that all is well. `false` if something was wrong.
    async fn heal(&mut self) -> bool {
        self.oracle.note(format_args!("all is well"));
        for process in self.processes.values() {
            process.link.gate.defuse();
            process.link.trap.store(false, Ordering::Relaxed);
        }
        self.look_until(self.time.now() + SETTLING).await
    }

    /// I8, and what must hold when nothing is left to do.
    async fn ask_all_again(&mut self) {
        self.serve_all();
        let asking: Vec<_> = self.living(|parts| matches!(parts, Parts::Requester(_)));
        for queue in [REQUESTS, BARE] {
            self.ask_again(&asking, queue);
            if !self.look_until(self.time.now() + PROBE / 2).await {
                return;
            }
        }
        // All requests of users have ended, late messages have come, and polls have ended.
        let longest = self
            .plan
            .steps()
            .into_iter()
            .filter_map(|step| match &step.what {
                What::Ask(ask) => Some(START + step.at + ask.over + ask.timeout),
                _ => None,
            });
        let until = longest.max().unwrap_or_default().max(self.time.now());
        if !self.look_until(until + LATE).await {
            return;
        }
        // A host is polled only while somebody waits: what came after its last poll is still there.
        self.ask_again(&asking, REQUESTS);
        if self.look_until(self.time.now() + PROBE * 2).await {
            self.look_at_the_end(&asking);
        }
    }

    fn ask_again(&mut self, asking: &[usize], queue: &'static str) {
        for &index in asking {
            let Some(process) = self.processes.get_mut(&index) else {
                continue;
            };
            // One that shares its host with another by mistake may wait for long: F39.
            let alone = matches!(process.plan.role, Role::Requester { host: None, .. });
            let ask = Ask {
                queue,
                count: 2,
                over: Duration::from_secs(1),
                kinds: vec![Kind::Echo],
                timeout: PROBE,
                cancelled: 0.0,
                must_succeed: alone.then_some(Check::WorksAgain),
            };
            let dice = Dice::new(self.plan.seed, &format!("probe {queue} {}", process.asked));
            process.ask(&ask, dice, &self.network, &self.oracle);
        }
    }

    /// Where nobody serves a queue any more, somebody else does: requesters shall find it served.
    fn serve_all(&mut self) {
        for (number, queue) in [REQUESTS, BARE].into_iter().enumerate() {
            let serves = |process: &Process| match &process.plan.role {
                Role::Responder { queue: served, .. } => *served == queue && process.lives(),
                _ => false,
            };
            if !self.processes.values().any(serves) {
                let plan = ProcessPlan {
                    index: STAND_IN + number,
                    role: Role::Responder {
                        queue,
                        concurrency: 64,
                        visibility: Duration::from_secs(30),
                    },
                    offset_ms: 0,
                    drift_ppm: 0,
                    reorder: 0.0,
                };
                self.start(plan, 0);
            }
        }
    }

    fn look_at_the_end(&mut self, asking: &[usize]) {
        for index in asking {
            let Some(process) = self.processes.get(index) else {
                continue;
            };
            let Parts::Requester(requester) = &process.parts else {
                continue;
            };
            let (life, pending) = (process.link.life, requester.pending());
            let left = self.oracle.pending_of(&process.link);
            self.oracle
                .check(Check::SlotsFree, pending == 0 && left == 0, || {
                    format!("{life} has {pending} slots taken, and {left} requests have not ended")
                });
            let given = matches!(process.plan.role, Role::Requester { host: Some(_), .. });
            if let Some(host) = requester.reply_host().filter(|_| !given) {
                let left = self.messages_on(host.as_str());
                self.oracle.check(Check::HostDrained, left == 0, || {
                    format!("{left} messages are left on the host of {life}")
                });
            }
        }
        let served = |queue: &str| queue == REQUESTS || queue == BARE;
        self.oracle.looks_at_accepted(served, MOST_RECEIVES);
        let read: Vec<_> = self.processes.values().flat_map(Process::reads).collect();
        self.oracle
            .looks_at_messages(|queue| read.iter().any(|read| read == queue));
    }

    fn living(&self, which: impl Fn(&Parts) -> bool) -> Vec<usize> {
        let living = self
            .processes
            .iter()
            .filter(|(_, process)| process.lives() && which(&process.parts));
        living.map(|(index, _)| *index).collect()
    }

    fn report(mut self) -> (Report, Vec<Gate>) {
        self.collect_dead();
        for process in self.processes.values() {
            if !matches!(process.parts, Parts::Gone) {
                self.stats.insert(process.link.life, process.parts.stats());
            }
        }
        let mut coverage = self.oracle.coverage();
        for stats in self.stats.values() {
            let late = stats.late_replies + stats.duplicate_replies;
            (0..late).for_each(|_| coverage.fault(Fault::LateCopy));
        }
        let dead_letters = self.messages_on(&self.network.queue_url("dead"));
        let report = Report {
            violation: self.oracle.violation(),
            coverage,
            trace: self.trace.hash(),
            lines: self.trace.take_lines(),
            calls: self.oracle.calls(),
            returns: self.oracle.returns(),
            stats: self.stats,
            dead_letters,
        };
        (report, self.gates)
    }
}

/// How long a responder takes to shut down.
const DRAIN: Duration = Duration::from_secs(10);
/// Timers are of whole milliseconds, and drift rounds once more.
const TICK: Duration = Duration::from_millis(5);

impl Process {
    fn lives(&self) -> bool {
        self.link.gate.is_open() && !self.shut && !matches!(self.parts, Parts::Gone)
    }

    fn ask(&mut self, ask: &Ask, mut dice: Dice, network: &Network, oracle: &Oracle) {
        let Parts::Requester(requester) = &self.parts else {
            return;
        };
        for number in 0..ask.count {
            let kind = ask.kinds[number as usize % ask.kinds.len()];
            let body = format!("q{}-{}:{}", self.link.life, self.asked, kind.text());
            self.asked += 1;
            let asked = Asked {
                queue: ask.queue.to_owned(),
                kind,
                timeout: ask.timeout,
                must_succeed: ask.must_succeed,
            };
            let begin = dice.millis(0, ask.over.as_millis() as u64);
            let patience = Patience::draw(&mut dice, ask.cancelled, ask.timeout);
            let (requester, url) = (requester.clone(), network.queue_url(ask.queue));
            let (link, oracle) = (self.link.clone(), oracle.clone());
            let asking = async move {
                users::sleep(&link, begin).await;
                users::ask(requester, url, link, oracle, body, asked, patience).await;
            };
            tokio::spawn(self.link.gate.wrap(asking.boxed()));
        }
    }

    fn send(&self, send: &crate::plan::Send, at: Duration, mut dice: Dice, oracle: &Oracle) {
        let Parts::Queues(_, queues, _) = &self.parts else {
            return;
        };
        let name = format!("{}/{}", send.host, send.queue);
        let Some(queue) = queues.get(&name) else {
            return;
        };
        for number in 0..send.count {
            let begin = dice.millis(0, send.over.as_millis() as u64);
            let number = format!("{}.{}.{number}", self.link.life, at.as_millis());
            let number = (!send.equal).then_some(number);
            let (queue, name) = (queue.clone(), name.clone());
            let (link, oracle) = (self.link.clone(), oracle.clone());
            let sending = async move {
                users::sleep(&link, begin).await;
                users::send(queue, link, oracle, name, number).await;
            };
            tokio::spawn(self.link.gate.wrap(sending.boxed()));
        }
    }

    fn shut_down(&mut self, within: Duration, oracle: &Oracle) {
        oracle.fault(Fault::ShutDown);
        self.shut = true;
        let (link, oracle) = (self.link.clone(), oracle.clone());
        match &mut self.parts {
            Parts::Responder(_, stop) => {
                if let Some(stop) = stop.take() {
                    // It may have ended by itself.
                    let _ = stop.send(());
                }
            }
            Parts::Requester(requester) => {
                let requester = requester.clone();
                let shutdown = async move {
                    let begun = link.clock.now();
                    let report = requester.shutdown(within).await;
                    oracle.shut_down(&link, begun, within, &report);
                };
                tokio::spawn(self.link.gate.wrap(shutdown.boxed()));
            }
            Parts::Queues(queues, ..) => {
                let queues = queues.clone();
                let shutdown = async move {
                    let begun = link.clock.now();
                    let report = queues.shutdown(within).await;
                    oracle.shut_down(&link, begun, within, &report);
                };
                tokio::spawn(self.link.gate.wrap(shutdown.boxed()));
            }
            Parts::Gone => {}
        }
    }

    fn look_at_caps(&self, oracle: &Oracle) {
        match (&self.parts, &self.plan.role) {
            (Parts::Queues(_, queues, hosts), Role::Queues(plan)) => {
                for host in hosts {
                    let (messages, _) = host.buffered();
                    // Whoever waits gets what comes even if the buffers are full: as much as one poll brings.
                    let most = plan.host_capacity + 10 * plan.queues.len();
                    oracle.check(Check::UnderCaps, messages <= most, || {
                        format!("{} buffers {messages} messages", host.url())
                    });
                }
                for queue in queues.values() {
                    let messages = queue.buffered().unwrap_or_default();
                    oracle.check(Check::UnderCaps, messages <= plan.queue_capacity, || {
                        format!("{} buffers {messages} messages", queue.url())
                    });
                }
            }
            (Parts::Requester(requester), Role::Requester { max_pending, .. }) => {
                let pending = requester.pending();
                oracle.check(Check::UnderCaps, pending <= *max_pending, || {
                    format!("{pending} requests are pending")
                });
            }
            _ => {}
        }
    }

    /// Names of virtual queues that are read to the end.
    fn reads(&self) -> Vec<String> {
        match (&self.parts, &self.plan.role) {
            (Parts::Queues(..), Role::Queues(plan)) if self.lives() => {
                let read = plan
                    .queues
                    .iter()
                    .filter(|(_, reading)| *reading != crate::plan::Reading::Never);
                let names: Vec<_> = read.map(|(name, _)| *name).collect();
                let hosts = plan.hosts.iter();
                hosts
                    .flat_map(|host| names.iter().map(move |name| format!("{host}/{name}")))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Parts {
    fn stats(&self) -> Stats {
        match self {
            Self::Requester(requester) => requester.stats(),
            Self::Responder(responder, _) => responder.stats(),
            Self::Queues(queues, ..) => queues.stats(),
            Self::Gone => Stats::default(),
        }
    }
}

impl Oracle {
    fn shut_down(
        &self,
        link: &Link,
        begun: Duration,
        within: Duration,
        report: &dyn std::fmt::Debug,
    ) {
        let now = link.clock.now();
        self.note(format_args!("{} has shut down: {report:?}", link.life));
        let end = (begun + within).max(link.gate.resumed()) + TICK;
        self.check(Check::ShutdownInTime, now <= end, || {
            format!(
                "{} took {:?} to shut down within {within:?}",
                link.life,
                now - begun
            )
        });
    }
}
