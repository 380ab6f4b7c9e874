//! Short faults that affect all calls at once and end by themselves.

use local_sqs::engine::Action;

use super::mix::{Mix, SECOND, Scenario, nothing_else};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::plan::{Item, REQUESTS};
use crate::weather::Window;

pub(super) const BURST: Scenario = Scenario {
    name: "burst",
    about: "all polls fail for 30 to 100 ms, with hundreds of callers: no request is lost or late",
    fill: burst,
    expect: nothing_else,
};

fn burst(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 1, 0, &[Kind::Echo]).succeeds();
    mix.ask(requester, 6, 800, 14, &[Kind::Echo, Kind::Sleep(500)])
        .timeout(10)
        .succeeds();
    let fault = *mix.dice.pick(&[Fault::Throttled, Fault::Unavailable]);
    for at in [8, 12, 16] {
        let from = SECOND * at + mix.dice.millis(0, 1_000);
        mix.plan.items.push(Item::Window(Window {
            fault,
            from,
            until: from + mix.dice.millis(30, 100),
            actions: vec![Action::ReceiveMessage],
            process: None,
            probability: 1.0,
            most: u32::MAX,
        }));
    }
}

pub(super) const CREDENTIALS: Scenario = Scenario {
    name: "credentials",
    about: "a process has no credentials, or expired ones, for up to 30 s: pending requests wait and are answered",
    fill: credentials,
    expect: nothing_else,
};

fn credentials(mix: &mut Mix) {
    mix.lasts(90);
    let responder = mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 1, 0, &[Kind::Echo]).succeeds();
    // These requests are sent before the fault, and their replies arrive during or after it.
    mix.ask(requester, 4, 30, 4, &[Kind::Echo, Kind::Sleep(15_000)])
        .timeout(100)
        .succeeds();
    let from = SECOND * 9;
    mix.plan.items.push(Item::Window(Window {
        fault: *mix.dice.pick(&[Fault::NoCredentials, Fault::ExpiredToken]),
        from,
        until: from + mix.dice.millis(1_000, 30_000),
        actions: Vec::new(),
        process: Some(*mix.dice.pick(&[requester, responder])),
        probability: 1.0,
        most: u32::MAX,
    }));
}

pub(super) const PROXY: Scenario = Scenario {
    name: "proxy",
    about: "a proxy with a wrong clock answers with its own pages",
    fill: |mix| proxy(mix, Fault::ProxyPage),
    expect: nothing_else,
};

pub(super) const DATES: Scenario = Scenario {
    name: "dates",
    about: "a proxy with a wrong clock replaces the Date of SQS's answers",
    fill: |mix| proxy(mix, Fault::DateReplaced),
    expect: nothing_else,
};

pub(super) const JUMP: Scenario = Scenario {
    name: "jump",
    about: "one answer to a responder has a Date that is an hour wrong: no request is dropped as expired",
    fill: jump,
    expect: nothing_else,
};

fn jump(mix: &mut Mix) {
    let responder = mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 60, 28, &[Kind::Echo, Kind::Sleep(1_000)])
        .succeeds();
    let at = mix.dice.between(5, 20);
    // The answer contains requests, whose expiry is judged by the time known at that moment.
    let actions = [Action::ReceiveMessage];
    mix.fault_at_most(Fault::DateReplaced, at, at + 10, &actions, 1.0, 1);
    // Only the responder is affected, because an owner of hosts would give them up when SQS's time is in doubt.
    if let Some(Item::Window(window)) = mix.plan.items.last_mut() {
        window.process = Some(responder);
    }
}

fn proxy(mix: &mut Mix, fault: Fault) {
    mix.lasts(90);
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 1, 0, &[Kind::Echo]).succeeds();
    mix.ask(
        requester,
        4,
        30,
        4,
        &[Kind::Sleep(1_000), Kind::Sleep(15_000)],
    )
    .timeout(80)
    .succeeds();
    match fault {
        Fault::ProxyPage => mix.fault(fault, 10, 20, &[Action::ReceiveMessage], 0.5),
        fault => mix.fault(fault, 10, 60, &[], 1.0),
    };
    mix.ask(requester, 30, 20, 20, &[Kind::Echo]).succeeds();
}
