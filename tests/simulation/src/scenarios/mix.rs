//! The type of a scenario, and the plan that scenarios build.

use std::time::Duration;

use local_sqs::engine::Action;

use crate::coverage::{Check, Fault};
use crate::dice::Dice;
use crate::oracle::{Kind, Promises};
use crate::owners::{Face, OwnerPlan, RING};
use crate::plan::{
    Ask, FIFO_HOSTS, HOSTS, Item, Plan, ProcessPlan, REQUESTS, Role, SendPlan, Step, What,
};
use crate::weather::Window;
use crate::world::Report;

/// A row of the list of faults.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its number, such as `f14`.
    pub name: &'static str,
    /// A description.
    pub about: &'static str,
    pub(super) fill: fn(&mut Mix),
    /// An additional check of a run of this scenario alone.
    pub(super) expect: fn(&Report) -> Result<(), String>,
}

impl Scenario {
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

pub(super) fn nothing_else(_: &Report) -> Result<(), String> {
    Ok(())
}

/// A plan under construction.
pub(super) struct Mix {
    pub(super) dice: Dice,
    /// Whether the plan has only one scenario, so that only its own faults affect it.
    pub(super) alone: bool,
    pub(super) plan: Plan,
    pub(super) processes: usize,
    /// The number of hosts and of FIFO hosts that are in use. Scenarios do not share hosts.
    pub(super) hosts: usize,
    pub(super) fifo_hosts: usize,
}

pub(super) const SECOND: Duration = Duration::from_secs(1);

impl Mix {
    pub(super) fn new(seed: u64, alone: bool) -> Self {
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

    pub(super) fn finish(mut self) -> Plan {
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
    pub(super) fn lasts(&mut self, seconds: u64) {
        self.plan.length = self.plan.length.max(SECOND * seconds as u32);
    }

    pub(super) fn process(&mut self, role: Role) -> usize {
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

    pub(super) fn host(&mut self) -> &'static str {
        self.hosts += 1;
        HOSTS[(self.hosts - 1) % HOSTS.len()]
    }

    pub(super) fn fifo_host(&mut self) -> &'static str {
        self.fifo_hosts += 1;
        FIFO_HOSTS[(self.fifo_hosts - 1) % FIFO_HOSTS.len()]
    }

    pub(super) fn requester(&mut self) -> usize {
        self.process(Role::Requester {
            host: None,
            max_pending: 1_000,
        })
    }

    /// An owner of temporary hosts under the common prefix.
    pub(super) fn owner(&mut self, set: impl FnOnce(&mut OwnerPlan)) -> usize {
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
    pub(super) fn owners(&mut self, count: u64) -> Vec<usize> {
        self.wide_responder(REQUESTS);
        let owners: Vec<_> = (0..count).map(|_| self.owner(|_| {})).collect();
        let until = self.plan.length.as_secs();
        for &owner in &owners {
            self.works(owner, 0, until);
        }
        owners
    }

    /// The owner sends a request, or uses a temporary queue, about once a minute.
    pub(super) fn works(&mut self, owner: usize, from: u64, until: u64) {
        let minutes = until.saturating_sub(from).div_ceil(60).max(1);
        self.ask(
            owner,
            from,
            minutes as u32,
            until - from,
            &[Kind::Echo, Kind::Sleep(900)],
        );
    }

    pub(super) fn responder(&mut self, queue: &'static str) -> usize {
        let concurrency = *self.dice.pick(&[1, 4, 64]);
        let visibility = SECOND * *self.dice.pick(&[10, 30]);
        self.process(Role::Responder {
            queue,
            concurrency,
            visibility,
        })
    }

    /// A responder that can handle many requests at the same time.
    pub(super) fn wide_responder(&mut self, queue: &'static str) -> usize {
        self.process(Role::Responder {
            queue,
            concurrency: 64,
            visibility: SECOND * 30,
        })
    }

    pub(super) fn step(&mut self, at: Duration, process: usize, what: What) {
        self.plan.items.push(Item::Step(Step { at, process, what }));
    }

    /// A fault of calls of these actions, or of all actions if none is given, from `from` to `until` in seconds.
    pub(super) fn fault(
        &mut self,
        fault: Fault,
        from: u64,
        until: u64,
        actions: &[Action],
        often: f64,
    ) {
        self.fault_at_most(fault, from, until, actions, often, u32::MAX);
    }

    pub(super) fn fault_at_most(
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
    pub(super) fn ask(
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

    pub(super) fn send(&mut self, process: usize, at: u64, send: SendPlan) {
        self.step(SECOND * at as u32, process, What::Send(send));
    }
}

/// Requests under construction. They become part of the plan when this value is dropped.
pub(super) struct Asking<'a> {
    mix: &'a mut Mix,
    at: Duration,
    process: usize,
    ask: Ask,
}

impl Asking<'_> {
    pub(super) fn of(mut self, queue: &'static str) -> Self {
        self.ask.queue = queue;
        self
    }

    pub(super) fn timeout(mut self, seconds: u64) -> Self {
        self.ask.timeout = SECOND * seconds as u32;
        self
    }

    pub(super) fn cancelled(mut self, often: f64) -> Self {
        self.ask.cancelled = often;
        self
    }

    /// If the scenario runs alone, all these requests must get their reply.
    pub(super) fn succeeds(mut self) -> Self {
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
