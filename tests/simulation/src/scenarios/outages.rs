//! SQS does not answer, or answers with errors.

use local_sqs::engine::Action;

use super::mix::{Mix, Scenario, nothing_else};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::plan::REQUESTS;
use crate::world::Report;

/// Every action that the framework calls.
const ACTIONS: [Action; 6] = [
    Action::SendMessageBatch,
    Action::ReceiveMessage,
    Action::DeleteMessageBatch,
    Action::ChangeMessageVisibilityBatch,
    Action::CreateQueue,
    Action::DeleteQueue,
];

const TROUBLES: [Fault; 7] = [
    Fault::Throttled,
    Fault::Unavailable,
    Fault::FailedAfter,
    Fault::TimedOut,
    Fault::TimedOutAfter,
    Fault::Reset,
    Fault::ResetAfter,
];

pub(super) const F14: Scenario = Scenario {
    name: "f14",
    about: "throttling, 503, timeouts and resets on each action: one call, half of the calls or all for a while",
    fill: f14,
    expect: nothing_else,
};

fn f14(mix: &mut Mix) {
    mix.plan.compared = mix.alone;
    mix.lasts(90);
    mix.responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 0, 60, 90, &[Kind::Echo, Kind::Sleep(300)]);
    let actions = match mix.dice.below(3) {
        0 => Vec::new(),
        _ => vec![*mix.dice.pick(&ACTIONS)],
    };
    let fault = *mix.dice.pick(&TROUBLES);
    let from = mix.dice.between(0, 30);
    let until = from + mix.dice.between(5, 50);
    let (often, most) = *mix.dice.pick(&[(1.0, 1), (0.5, u32::MAX), (1.0, u32::MAX)]);
    mix.fault_at_most(fault, from, until, &actions, often, most);
}

pub(super) const F31: Scenario = Scenario {
    name: "f31",
    about: "all calls, or only sends, are denied for a while",
    fill: f31,
    expect: nothing_else,
};

fn f31(mix: &mut Mix) {
    mix.lasts(60);
    mix.responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 0, 40, 60, &[Kind::Echo, Kind::Sleep(2_000)]);
    let from = mix.dice.between(0, 20);
    let until = from + mix.dice.between(5, 30);
    mix.plan.compared = mix.alone;
    let sends = [Action::SendMessageBatch];
    let actions = *mix.dice.pick(&[&[][..], &sends]);
    mix.fault(Fault::Denied, from, until, actions, 1.0);
}

pub(super) const F32: Scenario = Scenario {
    name: "f32",
    about: "too many messages are in flight, so receives return none, without an error",
    fill: f32,
    expect: nothing_else,
};

fn f32(mix: &mut Mix) {
    mix.lasts(60);
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 0, 60, 30, &[Kind::Sleep(3_000)]);
    let most = mix.dice.between(1, 10) as u32;
    mix.fault_at_most(Fault::QuotaReached, 0, 40, &[], 1.0, most);
}

pub(super) const F33: Scenario = Scenario {
    name: "f33",
    about: "a long poll whose connection is half open is given up and replaced",
    fill: f33,
    expect: polls_were_replaced,
};

fn f33(mix: &mut Mix) {
    mix.lasts(90);
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    let most = mix.dice.between(1, 3) as u32;
    mix.fault_at_most(Fault::HalfOpen, 0, 30, &[Action::ReceiveMessage], 0.5, most);
    // A lost poll may hide a message for 30 s, and each poll without an answer takes 25 s.
    mix.ask(requester, 1, 20, 60, &[Kind::Echo])
        .timeout(200)
        .succeeds();
}

fn polls_were_replaced(report: &Report) -> Result<(), String> {
    let lost = report.coverage.of_fault(Fault::HalfOpen);
    let failed: u64 = report.stats.values().map(|stats| stats.polls_failed).sum();
    if failed < lost {
        return Err(format!(
            "expected at least {lost} failed polls, as many as were lost, found {failed}"
        ));
    }
    Ok(())
}
