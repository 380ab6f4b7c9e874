//! Owners of temporary hosts: their leases, and the effect of lost hosts on their users.

use local_sqs::engine::Action;

use super::mix::{Mix, SECOND, Scenario, nothing_else};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::owners::Face;
use crate::plan::{Item, REQUESTS, What};
use crate::weather::Window;
use crate::world::Report;

pub(super) const F1: Scenario = Scenario {
    name: "f1",
    about: "hosts are deleted by hand while they are in use: pending requests end at once, and the next request succeeds",
    fill: f1,
    expect: nothing_else,
};

fn f1(mix: &mut Mix) {
    mix.lasts(120);
    mix.wide_responder(REQUESTS);
    for _ in 0..mix.dice.between(1, 4) {
        let owner = mix.owner(|plan| plan.face = Face::Requester);
        mix.ask(owner, 1, 3, 2, &[Kind::Echo]).succeeds();
        // These requests are pending when the host is deleted.
        mix.ask(owner, 8, 5, 1, &[Kind::Sleep(40_000)]).timeout(60);
        let at = mix.dice.millis(12_000, 20_000);
        mix.step(at, owner, What::LoseHosts);
        mix.ask(owner, 40, 5, 30, &[Kind::Echo]).succeeds();
    }
}

pub(super) const F2: Scenario = Scenario {
    name: "f2",
    about: "replies are sent to hosts while the hosts are being deleted",
    fill: f2,
    expect: nothing_else,
};

fn f2(mix: &mut Mix) {
    mix.lasts(120);
    mix.wide_responder(REQUESTS);
    let owner = mix.owner(|plan| plan.face = Face::Requester);
    mix.ask(
        owner,
        1,
        40,
        15,
        &[Kind::Sleep(3_000), Kind::Sleep(9_000), Kind::Echo],
    );
    for at in [4, 11] {
        let at = SECOND * at + mix.dice.millis(0, 4_000);
        mix.step(at, owner, What::LoseHosts);
    }
    mix.ask(owner, 60, 5, 20, &[Kind::Echo]).succeeds();
}

pub(super) const F3: Scenario = Scenario {
    name: "f3",
    about: "hosts are created and deleted as fast as possible: no name is used twice",
    fill: f3,
    expect: nothing_else,
};

fn f3(mix: &mut Mix) {
    mix.lasts(600);
    mix.wide_responder(REQUESTS);
    for _ in 0..2 {
        let owner = mix.owner(|plan| {
            plan.idle_time = SECOND * 60;
            plan.retention = SECOND * 60;
        });
        let mut at = 1;
        while at < 560 {
            mix.ask(owner, at, 2, 1, &[Kind::Echo]).succeeds();
            at += mix.dice.between(5, 200);
        }
        for _ in 0..2 {
            let at = mix.dice.millis(1_000, 500_000);
            mix.step(at, owner, What::LoseHosts);
        }
        // Requests that lost their host may fail.
        mix.plan.items.iter_mut().for_each(super::ring::may_fail);
    }
}

pub(super) const F4: Scenario = Scenario {
    name: "f4",
    about: "owners are stopped for half of R, R and twice R, with and without their clocks",
    fill: f4,
    expect: nothing_else,
};

fn f4(mix: &mut Mix) {
    mix.lasts(900);
    let count = mix.dice.between(2, 6);
    let owners = mix.owners(count);
    for owner in owners {
        for at in [60, 480] {
            if mix.dice.happens(0.3) {
                continue;
            }
            let at = SECOND * at + mix.dice.millis(0, 60_000);
            let time = mix.dice.millis(20_000, 400_000);
            let what = match mix.dice.below(3) {
                0 => What::Stop(time),
                1 => What::Suspend(time),
                _ => What::PauseMachine(time),
            };
            mix.step(at, owner, what);
        }
    }
}

pub(super) const F5: Scenario = Scenario {
    name: "f5",
    about: "watchers are stopped between verdict and delete, and deletes land hours later",
    fill: f5,
    expect: nothing_else,
};

fn f5(mix: &mut Mix) {
    mix.lasts(1_500);
    let count = mix.dice.between(3, 6);
    let owners = mix.owners(count);
    mix.fault(Fault::LandsLate, 0, 1_400, &[Action::DeleteQueue], 0.5);
    for owner in owners {
        if mix.dice.happens(0.5) {
            let at = mix.dice.millis(30_000, 400_000);
            mix.step(at, owner, What::Kill);
            mix.step(at + SECOND * 20, owner, What::Restart);
        }
        let at = mix.dice.millis(200_000, 1_000_000);
        let time = mix.dice.millis(1_000, 200_000);
        mix.step(at, owner, What::Stop(time));
    }
}

pub(super) const F6: Scenario = Scenario {
    name: "f6",
    about: "clocks are wrong by minutes, drift and jump; Date headers are missing, late or wrong",
    fill: f6,
    expect: nothing_else,
};

fn f6(mix: &mut Mix) {
    mix.lasts(900);
    let count = mix.dice.between(3, 6);
    let owners = mix.owners(count);
    let dead = *mix.dice.pick(&owners);
    let at = mix.dice.millis(60_000, 500_000);
    mix.step(at, dead, What::Kill);
    for owner in owners {
        for _ in 0..2 {
            let at = mix.dice.millis(0, 800_000);
            let by = mix.dice.between(0, 1_200_000) as i64 - 600_000;
            mix.step(at, owner, What::StepClock(by));
        }
    }
    for fault in [Fault::DateMissing, Fault::DateLate, Fault::DateOff] {
        if mix.dice.happens(0.5) {
            let from = mix.dice.between(0, 400);
            let until = from + mix.dice.between(60, 400);
            let often = *mix.dice.pick(&[0.1, 0.5, 1.0]);
            mix.fault(fault, from, until, &[], often);
        }
    }
}

pub(super) const F8: Scenario = Scenario {
    name: "f8",
    about: "owners are killed at any await point: every host has a lease, and all their hosts are deleted",
    fill: f8,
    expect: nothing_else,
};

fn f8(mix: &mut Mix) {
    mix.lasts(400);
    let count = mix.dice.between(1, 8);
    let owners = mix.owners(count);
    for owner in owners {
        if count == 1 {
            // A single owner is not killed, because no other owner would delete the hosts that it does not know.
            continue;
        }
        for at in [0, 60, 200] {
            let at = SECOND * at + mix.dice.millis(0, 30_000);
            let polls = mix.dice.below(60);
            mix.step(at, owner, What::KillAfter(polls));
            let down = mix.dice.millis(1_000, 60_000);
            mix.step(at + SECOND * 60 + down, owner, What::Restart);
        }
    }
    if count == 1 || mix.dice.happens(0.5) {
        let lost = [Fault::TimedOutAfter, Fault::ResetAfter, Fault::LandsLate];
        let lost = *mix.dice.pick(&lost);
        mix.fault(lost, 0, 380, &[Action::CreateQueue], 0.5);
    }
}

pub(super) const F13: Scenario = Scenario {
    name: "f13",
    about: "TagQueue is throttled for longer than the retention: requests succeed, and R grows",
    fill: f13,
    expect: f13_expects,
};

fn f13(mix: &mut Mix) {
    mix.lasts(1_200);
    mix.wide_responder(REQUESTS);
    for _ in 0..mix.dice.between(2, 4) {
        let owner = mix.owner(|plan| {
            plan.face = Face::Requester;
            plan.retention = plan.retention.min(SECOND * 120);
        });
        for at in (5..1_190).step_by(20) {
            mix.ask(owner, at, 1, 5, &[Kind::Echo]).succeeds();
        }
    }
    mix.fault(Fault::Throttled, 300, 900, &[Action::TagQueue], 1.0);
}

fn f13_expects(report: &Report) -> Result<(), String> {
    let grown: u64 = report
        .stats
        .values()
        .map(|stats| stats.retention_grown)
        .sum();
    if grown == 0 {
        return Err("expected a retention that has grown, found none".to_owned());
    }
    Ok(())
}

pub(super) const F30: Scenario = Scenario {
    name: "f30",
    about: "SQS is down during a shutdown: the shutdown ends within its time limit, and the ring deletes the hosts later",
    fill: f30,
    expect: nothing_else,
};

fn f30(mix: &mut Mix) {
    mix.lasts(200);
    let count = mix.dice.between(3, 6);
    let owners = mix.owners(count);
    let fault = *mix.dice.pick(&[
        Fault::Unavailable,
        Fault::TimedOut,
        Fault::Hang,
        Fault::Throttled,
    ]);
    mix.fault(fault, 60, 120, &[], 1.0);
    for owner in owners.into_iter().skip(1) {
        let at = mix.dice.millis(55_000, 100_000);
        let within = mix.dice.millis(100, 20_000);
        mix.step(at, owner, What::ShutDown(within));
        if mix.dice.happens(0.3) {
            mix.step(SECOND * 150, owner, What::Restart);
        }
    }
}

pub(super) const F34: Scenario = Scenario {
    name: "f34",
    about: "a new queue cannot be used for a second: the first requests wait, and none is lost",
    fill: f34,
    expect: nothing_else,
};

fn f34(mix: &mut Mix) {
    mix.lasts(60);
    mix.wide_responder(REQUESTS);
    for _ in 0..mix.dice.between(1, 5) {
        let owner = mix.owner(|plan| plan.idle_time = SECOND * 60);
        let begin = mix.dice.between(0, 20);
        mix.ask(owner, begin, 5, 2, &[Kind::Echo]).succeeds();
        mix.ask(owner, begin + 20, 5, 2, &[Kind::Echo]).succeeds();
    }
}

pub(super) const F46: Scenario = Scenario {
    name: "f46",
    about: "renewals have no answer and land minutes later, with older stamps",
    fill: f46,
    expect: nothing_else,
};

fn f46(mix: &mut Mix) {
    let long = mix.dice.happens(0.3);
    mix.lasts(if long { 4_000 } else { 1_500 });
    mix.wide_responder(REQUESTS);
    for _ in 0..mix.dice.between(3, 6) {
        let retention = *mix
            .dice
            .pick(if long { &[900, 1_800] } else { &[60, 60, 120] });
        let owner = mix.owner(|plan| {
            plan.retention = SECOND * retention;
            plan.period = SECOND * 60;
        });
        let until = mix.plan.length.as_secs();
        mix.works(owner, 0, until);
        if mix.dice.happens(0.3) {
            let at = mix.dice.millis(60_000, 1_000_000);
            let time = mix.dice.millis(10_000, 200_000);
            mix.step(at, owner, What::Stop(time));
        }
    }
    let often = *mix.dice.pick(&[0.2, 0.5, 0.8]);
    let until = mix.plan.length.as_secs() - 60;
    mix.fault(Fault::LandsLate, 10, until, &[Action::TagQueue], often);
}

pub(super) const F47: Scenario = Scenario {
    name: "f47",
    about: "virtual machines are paused for an hour, machines are suspended: the first answer shows the pause",
    fill: f47,
    expect: nothing_else,
};

fn f47(mix: &mut Mix) {
    mix.lasts(4_500);
    let owners = mix.owners(3);
    let at = mix.dice.millis(100_000, 300_000);
    let time = mix.dice.millis(600_000, 3_600_000);
    let paused = mix.dice.happens(0.7);
    let what = if paused {
        What::PauseMachine
    } else {
        What::Suspend
    };
    mix.step(at, owners[0], what(time));
    if mix.dice.happens(0.5) {
        let later = mix.dice.millis(0, 60_000);
        mix.step(at + later, owners[1], What::PauseMachine(time / 2));
    }
    // This owner has no host when it is paused, and creates one as soon as it continues, with a stamp that is too old.
    let owner = mix.owner(|plan| {
        plan.face = Face::Requester;
        plan.idle_time = SECOND * 60;
        plan.retention = SECOND * 300;
    });
    mix.ask(owner, 5, 2, 1, &[Kind::Echo]);
    let (at, time) = (SECOND * 220, mix.dice.millis(70_000, 280_000));
    mix.step(at, owner, What::PauseMachine(time));
    mix.ask(owner, 221 + time.as_secs(), 2, 1, &[Kind::Echo]);
}

pub(super) const F55: Scenario = Scenario {
    name: "f55",
    about: "every tenth renewal has no answer, and up to three in a row, for days: no host is given up because of that",
    fill: f55,
    expect: f55_expects,
};

fn f55(mix: &mut Mix) {
    let days = mix.alone && mix.dice.happens(0.25);
    let until = if days { 2 * 86_400 } else { 4 * 3_600 };
    mix.lasts(if mix.alone { until } else { 3_600 });
    let until = mix.plan.length.as_secs();
    mix.wide_responder(REQUESTS);
    for _ in 0..2 {
        let owner = mix.owner(|plan| {
            plan.face = Face::Requester;
            (plan.retention, plan.period) = (SECOND * 300, SECOND * 300);
        });
        // Often enough that the host is never idle.
        for at in (0..until).step_by(600) {
            mix.ask(owner, at, 1, 60, &[Kind::Echo]).succeeds();
        }
        // Ten renewals take about 700 s.
        for from in (10..until - 60).step_by(700) {
            let lost = [Fault::TimedOut, Fault::TimedOutAfter, Fault::LandsLate];
            let window = Window {
                fault: *mix.dice.pick(&lost),
                from: SECOND * from as u32,
                until: SECOND * (from + 600) as u32,
                actions: vec![Action::TagQueue],
                process: Some(owner),
                probability: 1.0,
                most: *mix.dice.pick(&[1, 1, 1, 2, 3]),
            };
            mix.plan.items.push(Item::Window(window));
        }
    }
}

fn f55_expects(report: &Report) -> Result<(), String> {
    let of = |count: fn(&sqs_rpc_transport::Stats) -> u64| report.stats.values().map(count).sum();
    let (made, given_up): (u64, u64) = (
        of(|stats| stats.hosts_made),
        of(|stats| stats.hosts_given_up),
    );
    let failed: u64 = of(|stats| stats.renewals_failed);
    if given_up > 0 || failed < 20 {
        return Err(format!(
            "expected no host given up and at least 20 failed renewals, found {given_up} of {made} hosts and {failed} renewals"
        ));
    }
    Ok(())
}

pub(super) const IDLE: Scenario = Scenario {
    name: "idle",
    about: "an unused owner deletes its host, makes no calls, and works again when it is used",
    fill: idle,
    expect: nothing_else,
};

fn idle(mix: &mut Mix) {
    mix.lasts(1_000);
    mix.wide_responder(REQUESTS);
    for _ in 0..mix.dice.between(1, 3) {
        let idle_time = SECOND * mix.dice.between(60, 200) as u32;
        let owner = mix.owner(|plan| plan.idle_time = idle_time);
        mix.ask(owner, 1, 5, 5, &[Kind::Echo]).succeeds();
        mix.ask(owner, 900, 5, 5, &[Kind::Echo]).succeeds();
    }
}
