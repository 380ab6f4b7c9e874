//! Messages that are delivered twice, late, in another order, or changed.

use local_sqs::engine::Action;

use super::mix::{Mix, Scenario, nothing_else};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::owners::Face;
use crate::plan::{REQUESTS, Role, What};

use super::mix::SECOND;
use super::queues::{PROMPT, messages, queues};

pub(super) const F18: Scenario = Scenario {
    name: "f18",
    about: "a request is delivered twice, also at the same time: it is handled once, and one reply is used",
    fill: f18,
    expect: nothing_else,
};

fn f18(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(
        requester,
        1,
        60,
        20,
        &[Kind::Echo, Kind::Sleep(2_000), Kind::Fail],
    );
    mix.fault(Fault::Duplicate, 0, 25, &[], 0.5);
}

pub(super) const F19: Scenario = Scenario {
    name: "f19",
    about: "duplicate and late replies: the first is used, the others are deleted and counted, the host is empty at the end",
    fill: f19,
    expect: nothing_else,
};

fn f19(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 40, 20, &[Kind::Sleep(1_500)])
        .timeout(1);
    mix.ask(requester, 1, 40, 20, &[Kind::Echo]).cancelled(0.5);
    mix.fault(Fault::Duplicate, 0, 25, &[], 0.3);
    mix.fault(
        Fault::TimedOutAfter,
        0,
        20,
        &[Action::SendMessageBatch],
        0.2,
    );
}

pub(super) const F20: Scenario = Scenario {
    name: "f20",
    about: "all messages are reordered: all requests succeed with their own reply",
    fill: f20,
    expect: nothing_else,
};

fn f20(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    for _ in 0..2 {
        let requester = mix.requester();
        mix.ask(requester, 2, 60, 10, &[Kind::Echo, Kind::Sleep(100)])
            .succeeds();
    }
    mix.fault(Fault::Reordered, 0, 30, &[], 1.0);
}

pub(super) const F27: Scenario = Scenario {
    name: "f27",
    about: "a receipt handle is stale when it is used: no caller gets an error, the message is deleted at the next delivery",
    fill: f27,
    expect: nothing_else,
};

fn f27(mix: &mut Mix) {
    let responder = mix.process(Role::Responder {
        queue: REQUESTS,
        concurrency: 64,
        visibility: SECOND * 2,
    });
    let requester = mix.requester();
    mix.ask(
        requester,
        1,
        40,
        20,
        &[Kind::Sleep(1_000), Kind::Sleep(3_000)],
    );
    for at in [3, 9, 15] {
        let pause = mix.dice.millis(1_000, 4_000);
        let who = *mix.dice.pick(&[responder, requester]);
        mix.step(SECOND * at, who, What::Stop(pause));
    }
    // Deletes that SQS receives after their receipt handles have expired.
    mix.fault(Fault::TimedOut, 2, 25, &[Action::DeleteMessageBatch], 0.5);
}

pub(super) const F36: Scenario = Scenario {
    name: "f36",
    about: "a body is changed in transit: the change is detected and counted, and the message is redelivered",
    fill: f36,
    expect: nothing_else,
};

fn f36(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    // A message is redelivered when its visibility ends: after 30 s for a request, 5 s for a reply.
    mix.ask(requester, 1, 40, 15, &[Kind::Echo])
        .timeout(200)
        .succeeds();
    let host = mix.host();
    let reader = mix.process(Role::Queues(queues(vec![host], vec![("a", PROMPT)])));
    mix.send(reader, 1, messages(host, "a", 20, 15));
    mix.fault_at_most(Fault::Corrupted, 0, 20, &[], 0.3, 30);
}

pub(super) const F38: Scenario = Scenario {
    name: "f38",
    about: "a poll continues after its last waiter has left; a connection breaks while it carries replies: nothing is lost",
    fill: f38,
    expect: nothing_else,
};

fn f38(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    for at in 0..8 {
        let at = 2 + at * 3;
        mix.ask(requester, at, 2, 1, &[Kind::Sleep(1_000)])
            .cancelled(1.0);
        mix.ask(requester, at + 1, 2, 1, &[Kind::Echo])
            .timeout(60)
            .succeeds();
    }
    let most = mix.dice.between(0, 2) as u32;
    mix.fault_at_most(
        Fault::ResetAfter,
        1,
        25,
        &[Action::ReceiveMessage],
        0.3,
        most,
    );
}

pub(super) const F39: Scenario = Scenario {
    name: "f39",
    about: "two processes are given the same host, also after a restart",
    fill: f39,
    expect: nothing_else,
};

fn f39(mix: &mut Mix) {
    mix.lasts(60);
    mix.wide_responder(REQUESTS);
    let host = mix.host();
    let given = || Role::Requester {
        host: Some(host),
        max_pending: 1_000,
    };
    let (one, other) = (mix.process(given()), mix.process(given()));
    for requester in [one, other] {
        // A reply may be put back several times before its own process receives it.
        mix.ask(requester, 1, 20, 20, &[Kind::Echo, Kind::Sleep(500)])
            .timeout(60);
    }
    if mix.dice.happens(0.5) {
        mix.step(SECOND * 15, one, What::Kill);
        mix.step(SECOND * 20, one, What::Restart);
        mix.ask(one, 22, 10, 10, &[Kind::Echo]);
    }
    f39_of_a_temporary_host(mix);
}

/// A process is given the temporary host of another process while that process holds it.
fn f39_of_a_temporary_host(mix: &mut Mix) {
    let lender = mix.owner(|plan| (plan.face, plan.lent) = (Face::Requester, true));
    mix.ask(lender, 1, 20, 40, &[Kind::Echo, Kind::Sleep(500)]);
    // At the first start of the borrower, the lender may have no host yet.
    let otherwise = mix.host();
    let borrower = mix.owner(|plan| plan.face = Face::Borrower(lender, otherwise));
    mix.step(SECOND * 8, borrower, What::Kill);
    mix.step(SECOND * 10, borrower, What::Restart);
    mix.ask(borrower, 12, 20, 20, &[Kind::Echo, Kind::Sleep(500)])
        .timeout(60);
}
