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
mod mix;
mod outages;
mod queues;
mod redrive;
mod requests;
mod ring;
mod spellings;

use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::plan::{Plan, REQUESTS};
use crate::world::Report;
use mix::{Mix, nothing_else};

pub use mix::Scenario;

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
