//! Requests that cannot be handled, are dropped or expired, or cannot be answered.

use super::mix::{Mix, SECOND, Scenario, nothing_else};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::plan::{BARE, REQUESTS, What};
use crate::world::Report;

pub(super) const F22: Scenario = Scenario {
    name: "f22",
    about: "a reply is too large: the requester gets an error at once, and the request is not handled again",
    fill: f22,
    expect: nothing_else,
};

fn f22(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 3, 10, &[Kind::Huge]);
    mix.ask(requester, 1, 20, 10, &[Kind::Echo]).succeeds();
}

pub(super) const F24: Scenario = Scenario {
    name: "f24",
    about: "a handler panics, a request cannot be decoded: other requests are not affected, and the undecodable one becomes a dead letter",
    fill: f24,
    expect: undecodable_are_dead_letters,
};

fn f24(mix: &mut Mix) {
    // An undecodable request is received after 10, 20, 40, 80 and 160 s more.
    mix.lasts(340);
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    let count = mix.dice.between(1, 5) as u32;
    mix.step(SECOND, 0, What::Undecodable(REQUESTS, count));
    mix.ask(requester, 1, 10, 10, &[Kind::Panic]);
    mix.ask(requester, 1, 20, 10, &[Kind::Echo]).succeeds();
    // Requests keep the queue in use, so that it is polled.
    mix.ask(requester, 20, 20, 320, &[Kind::Echo]).succeeds();
}

fn undecodable_are_dead_letters(report: &Report) -> Result<(), String> {
    let put = report.coverage.of_fault(Fault::Undecodable) as usize;
    if report.dead_letters == put {
        Ok(())
    } else {
        let found = report.dead_letters;
        Err(format!(
            "expected the {put} undecodable requests in the dead-letter queue, found {found}"
        ))
    }
}

pub(super) const F28: Scenario = Scenario {
    name: "f28",
    about: "a request's future is dropped at every await point: its slot is free at once",
    fill: f28,
    expect: nothing_else,
};

fn f28(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 0, 60, 20, &[Kind::Echo, Kind::Sleep(500)])
        .cancelled(0.8);
}

pub(super) const F35: Scenario = Scenario {
    name: "f35",
    about: "no responder: `Timeout` exactly at the deadline; later the expired request is dropped without being handled",
    fill: f35,
    expect: nothing_else,
};

fn f35(mix: &mut Mix) {
    mix.lasts(60);
    let requester = mix.requester();
    let timeout = mix.dice.between(1, 20);
    mix.ask(requester, 1, 20, 5, &[Kind::Echo]).timeout(timeout);
    // The responder starts in time for some requests, or for none.
    let responder = mix.responder(REQUESTS);
    mix.step(SECOND / 2, responder, What::Kill);
    let at = mix.dice.millis(2_000, 50_000);
    mix.step(at, responder, What::Restart);
}

pub(super) const F41: Scenario = Scenario {
    name: "f41",
    about: "an undecodable request on a queue without a dead-letter queue: it is redelivered at ever longer intervals",
    fill: f41,
    expect: nothing_else,
};

fn f41(mix: &mut Mix) {
    mix.lasts(120);
    mix.responder(BARE);
    let requester = mix.requester();
    let count = mix.dice.between(1, 12) as u32;
    mix.step(SECOND, 0, What::Undecodable(BARE, count));
    mix.ask(requester, 2, 20, 60, &[Kind::Echo])
        .of(BARE)
        .succeeds();
}

pub(super) const F42: Scenario = Scenario {
    name: "f42",
    about: "an old request returns from a dead-letter queue: it is dropped as expired",
    fill: f42,
    expect: nothing_else,
};

fn f42(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 10, 10, &[Kind::Echo]).succeeds();
    for _ in 0..5 {
        let at = mix.dice.millis(1_000, 20_000);
        mix.step(at, 0, What::OldRequest(REQUESTS));
    }
}
