//! Handlers and hooks that hang or panic, and requests that need no reply or no second handling.

use local_sqs::engine::Action;

use super::mix::{Mix, SECOND, Scenario, nothing_else};
use super::queues::{PROMPT, messages, queues};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::plan::{REQUESTS, Role, What};
use crate::world::Report;

pub(super) const F51: Scenario = Scenario {
    name: "f51",
    about: "handlers never return, or panic when they are dropped: their slots are free 5 s after the deadline",
    fill: f51,
    expect: nothing_else,
};

fn f51(mix: &mut Mix) {
    mix.lasts(90);
    let concurrency = mix.dice.between(1, 8) as usize;
    mix.process(Role::Responder {
        queue: REQUESTS,
        concurrency,
        visibility: SECOND * 30,
    });
    let requester = mix.requester();
    let timeout = mix.dice.between(1, 10);
    let hung = concurrency as u32;
    mix.ask(requester, 1, hung, 1, &[Kind::Hang, Kind::HangAndPanic])
        .timeout(timeout);
    mix.ask(requester, 8, 20, 1, &[Kind::Echo]).succeeds();
    mix.ask(requester, 40, 20, 20, &[Kind::Echo]).succeeds();
}

pub(super) const F52: Scenario = Scenario {
    name: "f52",
    about: "1,000 requests of dead requesters are ahead of those of a live one, which are answered within 3 s",
    fill: f52,
    expect: nothing_else,
};

fn f52(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    // The first request makes sure that the requester has its host.
    mix.ask(requester, 1, 1, 0, &[Kind::Echo]).succeeds();
    mix.step(SECOND * 8, 0, What::DeadRequests(REQUESTS, 1_000));
    mix.ask(requester, 9, 20, 15, &[Kind::Echo])
        .timeout(3)
        .succeeds();
}

pub(super) const F56: Scenario = Scenario {
    name: "f56",
    about: "responders share a reply store, and one is killed: no request is handled by two live responders",
    fill: f56,
    expect: nothing_else,
};

fn f56(mix: &mut Mix) {
    mix.lasts(150);
    mix.plan.one_store = true;
    let responder = mix.wide_responder(REQUESTS);
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    // Handlers run longer than a lease in the store.
    mix.ask(requester, 1, 16, 20, &[Kind::Sleep(50_000), Kind::Echo])
        .timeout(200);
    // Either responder may receive a copy of a request.
    mix.fault(
        Fault::TimedOutAfter,
        0,
        25,
        &[Action::SendMessageBatch],
        0.5,
    );
    if mix.dice.happens(0.5) {
        let at = mix.dice.millis(15_000, 60_000);
        mix.step(at, responder, What::Kill);
        mix.step(at + SECOND * 5, responder, What::Restart);
    }
}

pub(super) const F57: Scenario = Scenario {
    name: "f57",
    about: "the same idempotency key with different bodies: one request is handled, all others are refused",
    fill: f57,
    expect: nothing_else,
};

fn f57(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 10, 10, &[Kind::SameKey]);
    mix.ask(requester, 1, 10, 10, &[Kind::Echo]).succeeds();
}

pub(super) const F59: Scenario = Scenario {
    name: "f59",
    about: "the orphan hook panics: all messages of the host's virtual queues are received",
    fill: f59,
    expect: the_hook_panicked,
};

fn f59(mix: &mut Mix) {
    let host = mix.host();
    let mut plan = queues(vec![host], vec![("a", PROMPT), ("b", PROMPT)]);
    plan.hook_panics = true;
    let process = mix.process(Role::Queues(plan));
    for at in [2, 6, 15] {
        mix.step(SECOND * at, process, What::Orphans(host, 5));
    }
    for queue in ["a", "b"] {
        mix.send(process, 1, messages(host, queue, 20, 20));
    }
}

fn the_hook_panicked(report: &Report) -> Result<(), String> {
    let (orphans, panics) = (
        report.coverage.of_fault(Fault::Orphan),
        report.coverage.of_fault(Fault::HookPanicked),
    );
    if panics < orphans {
        return Err(format!(
            "expected a panic of the hook for each of {orphans} orphans, found {panics}"
        ));
    }
    Ok(())
}
