//! Processes that crash, stop, shut down, or have wrong clocks.

use super::mix::{Mix, SECOND, Scenario, nothing_else};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::plan::{BARE, REQUESTS, What};

pub(super) const F23: Scenario = Scenario {
    name: "f23",
    about: "a responder crashes between its reply and the delete: the requester receives exactly one reply",
    fill: f23,
    expect: nothing_else,
};

fn f23(mix: &mut Mix) {
    mix.lasts(60);
    let responder = mix.responder(REQUESTS);
    mix.responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 30, 30, &[Kind::Echo, Kind::Sleep(700)]);
    for at in [3, 18] {
        mix.step(SECOND * at, responder, What::KillAfterReply);
        mix.step(SECOND * (at + 10), responder, What::Restart);
    }
}

pub(super) const F29: Scenario = Scenario {
    name: "f29",
    about: "a shutdown while requests are pending and handlers run: it ends within its time limit, and unfinished requests are put back",
    fill: f29,
    expect: nothing_else,
};

fn f29(mix: &mut Mix) {
    mix.lasts(60);
    let responder = mix.responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(
        requester,
        1,
        30,
        15,
        &[Kind::Sleep(3_000), Kind::Sleep(15_000)],
    );
    let within = mix.dice.millis(100, 15_000);
    let who = *mix.dice.pick(&[responder, requester]);
    let at = mix.dice.millis(2_000, 15_000);
    mix.step(at, who, What::ShutDown(within));
    mix.step(at + SECOND * 20, who, What::Restart);
    mix.ask(requester, 40, 10, 10, &[Kind::Echo]);
}

pub(super) const F45: Scenario = Scenario {
    name: "f45",
    about: "handles are dropped without a shutdown while requests are pending",
    fill: f45,
    expect: nothing_else,
};

fn f45(mix: &mut Mix) {
    mix.responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 30, 10, &[Kind::Echo, Kind::Sleep(2_000)]);
    let at = mix.dice.millis(500, 12_000);
    mix.step(at, requester, What::Drop);
    mix.step(at + SECOND * 5, requester, What::Restart);
    mix.ask(requester, 20, 10, 5, &[Kind::Echo]).succeeds();
}

/// Clocks jump, run fast or slow, and `Date` headers are wrong.
pub(super) fn clocks(mix: &mut Mix) {
    mix.responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 20, 20, &[Kind::Echo, Kind::Sleep(1_000)]);
    for _ in 0..4 {
        let at = mix.dice.millis(0, 25_000);
        let who = mix.dice.below(mix.processes as u64) as usize;
        let by = mix.dice.between(0, 1_200_000) as i64 - 600_000;
        mix.step(at, who, What::StepClock(by));
    }
    let fault = *mix
        .dice
        .pick(&[Fault::DateMissing, Fault::DateLate, Fault::DateOff]);
    mix.fault(fault, 0, 30, &[], 0.5);
}

/// Processes stop and continue, with and without their clocks.
pub(super) fn pauses(mix: &mut Mix) {
    for _ in 0..3 {
        let at = mix.dice.millis(0, 25_000);
        let who = mix.dice.below(mix.processes as u64) as usize;
        let time = mix.dice.millis(100, 40_000);
        let what = match mix.dice.below(3) {
            0 => What::Stop(time),
            1 => What::Suspend(time),
            _ => What::PauseMachine(time),
        };
        mix.step(at, who, what);
    }
}

/// Processes are killed at any point, and start again.
pub(super) fn crashes(mix: &mut Mix) {
    mix.responder(BARE);
    let requester = mix.requester();
    mix.ask(requester, 1, 20, 20, &[Kind::Echo]).of(BARE);
    for _ in 0..3 {
        let at = mix.dice.millis(0, 20_000);
        let who = mix.dice.below(mix.processes as u64) as usize;
        let what = if mix.dice.happens(0.5) {
            What::Kill
        } else {
            What::KillAfter(mix.dice.below(200))
        };
        mix.step(at, who, what);
        let down = mix.dice.millis(100, 15_000);
        mix.step(at + down, who, What::Restart);
    }
}

pub(super) const F58: Scenario = Scenario {
    name: "f58",
    about: "all tasks of a process end, as at the end of its runtime, but its requester is still used: `Closed` at once",
    fill: f58,
    expect: nothing_else,
};

fn f58(mix: &mut Mix) {
    mix.responder(REQUESTS);
    for _ in 0..2 {
        let requester = mix.requester();
        mix.ask(requester, 0, 60, 15, &[Kind::Echo, Kind::Sleep(2_000)]);
        // Sometimes the tasks end before the driver has run for the first time.
        let latest = *mix.dice.pick(&[50, 12_000]);
        let at = mix.dice.millis(0, latest);
        mix.ask(requester, 0, 20, 0, &[Kind::Echo]);
        mix.step(at, requester, What::EndTasks);
        mix.ask(requester, 14, 5, 1, &[Kind::Echo]);
    }
}
