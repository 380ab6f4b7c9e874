//! The scenarios: one for each row of the list of faults. Each makes a plan from a seed.
//!
//! A scenario that runs alone checks everything that its row states (`must_succeed`, comparisons, its own expectation). In
//! a mix, faults of other scenarios may affect it, so only the checks of every run apply.

mod batches;
mod bursts;
mod calls;
mod delivery;
mod handlers;
mod last_word;
mod leases;
mod lives;
mod outages;
mod queues;
mod redrive;
mod requests;
mod ring;
mod spellings;

use std::time::Duration;

use local_sqs::engine::Action;

use crate::coverage::{Check, Fault};
use crate::dice::Dice;
use crate::network::Window;
use crate::oracle::{Kind, Promises};
use crate::owners::{Face, OwnerPlan, RING};
use crate::plan::{
    Ask, FIFO_HOSTS, HOSTS, Item, Plan, ProcessPlan, REQUESTS, Role, Send, Step, What,
};
use crate::world::Report;

/// A row of the list of faults.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its number, such as `f14`.
    pub name: &'static str,
    /// A description.
    pub about: &'static str,
    fill: fn(&mut Mix),
    /// An additional check of a run of this scenario alone.
    expect: fn(&Report) -> Result<(), String>,
}

/// All scenarios.
pub const ALL: &[Scenario] = &[
    outages::F14,
    batches::F15,
    batches::F16,
    batches::F17,
    delivery::F18,
    delivery::F19,
    delivery::F20,
    queues::F21,
    requests::F22,
    lives::F23,
    requests::F24,
    queues::F25,
    queues::F26,
    delivery::F27,
    requests::F28,
    lives::F29,
    outages::F31,
    outages::F32,
    outages::F33,
    requests::F35,
    delivery::F36,
    queues::F37,
    delivery::F38,
    delivery::F39,
    queues::F40,
    queues::SHARED_HOST,
    requests::F41,
    requests::F42,
    batches::F43,
    batches::F44,
    lives::F45,
    // From here on: scenarios about leases and the ring.
    leases::F1,
    leases::F2,
    leases::F3,
    leases::F4,
    leases::F5,
    leases::F6,
    ring::F7,
    leases::F8,
    ring::F9,
    ring::F10,
    ring::F11,
    ring::F12,
    leases::F13,
    leases::F30,
    leases::F34,
    leases::F46,
    leases::F47,
    leases::F55,
    ring::F48,
    ring::S8,
    ring::S9,
    ring::DEPLOY,
    ring::SHORT,
    leases::IDLE,
    // From here on: scenarios that are not part of mixes.
    calls::F49,
    spellings::F50,
    handlers::F51,
    last_word::F53,
    redrive::F54,
    handlers::F57,
    lives::F58,
    handlers::F59,
    bursts::BURST,
    bursts::CREDENTIALS,
    bursts::PROXY,
    bursts::DATES,
    handlers::F56,
    bursts::JUMP,
    handlers::F52,
];

/// The number of scenarios at the beginning of `ALL` that are not about temporary hosts. They take seconds of virtual time,
/// the others minutes.
const BRIEF: usize = 30;
/// The number of scenarios at the end of `ALL` that are not part of mixes, because they exist for their own checks.
const ALONE: usize = 14;

/// Ten processes for an hour, to measure the cost of a run.
const HOUR: Scenario = Scenario {
    name: "hour",
    about: "ten processes for an hour, to measure the cost of a run",
    fill: hour,
    expect: nothing_else,
};

fn hour(mix: &mut Mix) {
    mix.lasts(3_600);
    for _ in 0..4 {
        mix.responder(REQUESTS);
    }
    for _ in 0..6 {
        let requester = mix.requester();
        mix.ask(requester, 1, 500, 3_600, &[Kind::Echo, Kind::Sleep(300)]);
    }
    mix.fault(Fault::Throttled, 600, 900, &[], 0.5);
}

/// The scenarios that run only by name.
const BY_NAME: &[Scenario] = &[HOUR, ring::P13, ring::P13_LARGE];

/// Processes that stop and start, and wrong clocks. Part of mixes only, because the rows about these faults are scenarios of
/// leases.
const EXTRAS: &[fn(&mut Mix)] = &[lives::clocks, lives::pauses, lives::crashes];

impl Scenario {
    /// The scenario with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let mut all = ALL.iter().chain(BY_NAME);
        all.find(|scenario| scenario.name == name)
    }

    /// The plan of a run of this scenario alone.
    #[must_use]
    pub fn plan(&self, seed: u64) -> Plan {
        let mut mix = Mix::new(seed, true);
        (self.fill)(&mut mix);
        mix.finish()
    }

    /// Makes the additional check of a run of this scenario alone.
    ///
    /// # Errors
    /// The description of the violation.
    pub fn expect(&self, report: &Report) -> Result<(), String> {
        (self.expect)(report)
    }
}

/// A mix: a plan with some scenarios in one world. Every fourth mix has scenarios about temporary hosts.
#[must_use]
pub fn mixed(seed: u64) -> Plan {
    let mut mix = Mix::new(seed, false);
    let (brief, leases) = ALL[..ALL.len() - ALONE].split_at(BRIEF);
    let parts = if seed % 8 == 6 {
        let parts = mix.dice.between(1, 2);
        for _ in 0..parts {
            let fill = mix.dice.pick(leases).fill;
            fill(&mut mix);
        }
        1
    } else {
        mix.dice.between(2, 4)
    };
    for _ in 0..parts {
        let fill = mix.dice.pick(brief).fill;
        fill(&mut mix);
    }
    for fill in EXTRAS {
        if mix.dice.happens(0.3) {
            fill(&mut mix);
        }
    }
    mix.finish()
}

/// The scenario of a seed when none is chosen. Even seeds run a mix (`None`), odd seeds run the scenarios in turn.
#[must_use]
pub fn of_seed(seed: u64) -> Option<&'static Scenario> {
    (seed % 2 == 1).then(|| &ALL[(seed / 2) as usize % ALL.len()])
}

/// A row of the table of calls in `docs/leases.md`, for a run that counted them.
#[must_use]
pub fn counted(report: &Report) -> Option<String> {
    ring::p13_row(report)
}

fn nothing_else(_: &Report) -> Result<(), String> {
    Ok(())
}

/// A plan under construction.
struct Mix {
    dice: Dice,
    /// Whether the plan has only one scenario, so that only its own faults affect it.
    alone: bool,
    plan: Plan,
    processes: usize,
    /// The number of hosts and of FIFO hosts that are in use. Scenarios do not share hosts.
    hosts: usize,
    fifo_hosts: usize,
}

const SECOND: Duration = Duration::from_secs(1);

impl Mix {
    fn new(seed: u64, alone: bool) -> Self {
        Self {
            dice: Dice::new(seed, "plan"),
            alone,
            plan: Plan {
                seed,
                length: SECOND * 30,
                items: Vec::new(),
                promises: Promises::default(),
                redriven: None,
                one_store: false,
                compared: false,
            },
            processes: 0,
            hosts: 0,
            fifo_hosts: 0,
        }
    }

    fn finish(mut self) -> Plan {
        let plan = &mut self.plan;
        for item in &mut plan.items {
            if let Item::Window(window) = item {
                // Faults begin after the start of the processes, and end by the end of the load.
                window.from += SECOND * 2;
                window.until = (window.until + SECOND * 2).min(plan.length + SECOND * 2);
            }
        }
        if !self.alone {
            plan.promises.prompt = None;
        }
        self.plan
    }

    /// Sets the minimum length of the run.
    fn lasts(&mut self, seconds: u64) {
        self.plan.length = self.plan.length.max(SECOND * seconds as u32);
    }

    fn process(&mut self, role: Role) -> usize {
        let index = self.processes;
        self.processes += 1;
        let process = ProcessPlan {
            index,
            role,
            offset_ms: self.dice.between(0, 600_000) as i64 - 300_000,
            drift_ppm: self.dice.between(0, 200) as i64 - 100,
            reorder: *self.dice.pick(&[0.0, 0.05, 0.3]),
        };
        self.plan.items.push(Item::Process(process));
        index
    }

    fn host(&mut self) -> &'static str {
        self.hosts += 1;
        HOSTS[(self.hosts - 1) % HOSTS.len()]
    }

    fn fifo_host(&mut self) -> &'static str {
        self.fifo_hosts += 1;
        FIFO_HOSTS[(self.fifo_hosts - 1) % FIFO_HOSTS.len()]
    }

    fn requester(&mut self) -> usize {
        self.process(Role::Requester {
            host: None,
            max_pending: 1_000,
        })
    }

    /// An owner of temporary hosts under the common prefix.
    fn owner(&mut self, set: impl FnOnce(&mut OwnerPlan)) -> usize {
        let mut plan = OwnerPlan {
            prefix: RING,
            retention: SECOND * *self.dice.pick(&[60, 60, 120, 300]),
            period: SECOND * *self.dice.pick(&[60, 60, 120, 300]),
            watches: true,
            idle_time: SECOND * 900,
            lent: false,
            face: *self
                .dice
                .pick(&[Face::Requester, Face::Requester, Face::Queues]),
        };
        set(&mut plan);
        self.process(Role::Owner(plan))
    }

    /// Owners that use their hosts now and then, and a responder for them.
    fn owners(&mut self, count: u64) -> Vec<usize> {
        self.wide_responder(REQUESTS);
        let owners: Vec<_> = (0..count).map(|_| self.owner(|_| {})).collect();
        let until = self.plan.length.as_secs();
        for &owner in &owners {
            self.works(owner, 0, until);
        }
        owners
    }

    /// The owner sends a request, or uses a temporary queue, about once a minute.
    fn works(&mut self, owner: usize, from: u64, until: u64) {
        let minutes = until.saturating_sub(from).div_ceil(60).max(1);
        self.ask(
            owner,
            from,
            minutes as u32,
            until - from,
            &[Kind::Echo, Kind::Sleep(900)],
        );
    }

    fn responder(&mut self, queue: &'static str) -> usize {
        let concurrency = *self.dice.pick(&[1, 4, 64]);
        let visibility = SECOND * *self.dice.pick(&[10, 30]);
        self.process(Role::Responder {
            queue,
            concurrency,
            visibility,
        })
    }

    /// A responder that can handle many requests at the same time.
    fn wide_responder(&mut self, queue: &'static str) -> usize {
        self.process(Role::Responder {
            queue,
            concurrency: 64,
            visibility: SECOND * 30,
        })
    }

    fn step(&mut self, at: Duration, process: usize, what: What) {
        self.plan.items.push(Item::Step(Step { at, process, what }));
    }

    /// A fault of calls of these actions, or of all actions if none is given, from `from` to `until` in seconds.
    fn fault(&mut self, fault: Fault, from: u64, until: u64, actions: &[Action], often: f64) {
        self.fault_at_most(fault, from, until, actions, often, u32::MAX);
    }

    fn fault_at_most(
        &mut self,
        fault: Fault,
        from: u64,
        until: u64,
        actions: &[Action],
        often: f64,
        most: u32,
    ) {
        self.plan.items.push(Item::Window(Window {
            fault,
            from: SECOND * from as u32,
            until: SECOND * until as u32,
            actions: actions.to_vec(),
            process: None,
            probability: often,
            most,
        }));
    }

    /// Requests to the first request queue, beginning at `at` in seconds.
    fn ask(
        &mut self,
        process: usize,
        at: u64,
        count: u32,
        over: u64,
        kinds: &[Kind],
    ) -> Asking<'_> {
        Asking {
            mix: self,
            at: SECOND * at as u32,
            process,
            ask: Ask {
                queue: REQUESTS,
                count,
                over: SECOND * over as u32,
                kinds: kinds.to_vec(),
                timeout: SECOND * 30,
                cancelled: 0.0,
                must_succeed: None,
            },
        }
    }

    fn send(&mut self, process: usize, at: u64, send: Send) {
        self.step(SECOND * at as u32, process, What::Send(send));
    }
}

/// Requests under construction. They become part of the plan when this value is dropped.
struct Asking<'a> {
    mix: &'a mut Mix,
    at: Duration,
    process: usize,
    ask: Ask,
}

impl Asking<'_> {
    fn of(mut self, queue: &'static str) -> Self {
        self.ask.queue = queue;
        self
    }

    fn timeout(mut self, seconds: u64) -> Self {
        self.ask.timeout = SECOND * seconds as u32;
        self
    }

    fn cancelled(mut self, often: f64) -> Self {
        self.ask.cancelled = often;
        self
    }

    /// If the scenario runs alone, all these requests must get their reply.
    fn succeeds(mut self) -> Self {
        self.ask.must_succeed = self.mix.alone.then_some(Check::Succeeds);
        self
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let step = What::Ask(self.ask.clone());
        self.mix.step(self.at, self.process, step);
    }
}
