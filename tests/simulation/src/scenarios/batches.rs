//! Batches that fail in part, and calls of unknown outcome.

use local_sqs::engine::Action;

use super::mix::{Mix, Scenario, nothing_else};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::plan::REQUESTS;
use crate::world::Report;

const BATCHES: [Action; 3] = [
    Action::SendMessageBatch,
    Action::DeleteMessageBatch,
    Action::ChangeMessageVisibilityBatch,
];

pub(super) const F15: Scenario = Scenario {
    name: "f15",
    about: "a send times out but SQS accepted it: the duplicate is answered from the reply store",
    fill: f15,
    expect: nothing_else,
};

fn f15(mix: &mut Mix) {
    mix.plan.compared = mix.alone;
    // One process, so that every duplicate reaches it.
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 60, 20, &[Kind::Echo, Kind::Sleep(500)]);
    let fault = *mix
        .dice
        .pick(&[Fault::TimedOutAfter, Fault::ResetAfter, Fault::FailedAfter]);
    mix.fault(fault, 0, 25, &[Action::SendMessageBatch], 0.3);
}

pub(super) const F16: Scenario = Scenario {
    name: "f16",
    about: "1 to 9 of 10 entries of a batch fail: only those are sent again, and each caller gets its own result",
    fill: f16,
    expect: nothing_else,
};

fn f16(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    // All requests begin at once, so that batches are full.
    for at in [2, 8, 14] {
        mix.ask(requester, at, 40, 0, &[Kind::Echo]).succeeds();
    }
    let often = *mix.dice.pick(&[0.02, 0.05, 0.1]);
    let most = mix.dice.between(1, 20) as u32;
    let action = *mix.dice.pick(&BATCHES);
    mix.fault_at_most(Fault::FailedEntry, 0, 25, &[action], often, most);
}

pub(super) const F17: Scenario = Scenario {
    name: "f17",
    about: "an entry of a batch is in neither list of the answer: its caller gets an error, and the entry is counted",
    fill: f17,
    expect: unanswered_were_counted,
};

fn f17(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 1, 60, 15, &[Kind::Echo, Kind::Sleep(1_000)]);
    mix.ask(requester, 5, 30, 0, &[Kind::Echo]);
    mix.fault(Fault::LostEntry, 0, 20, &[], 0.1);
}

fn unanswered_were_counted(report: &Report) -> Result<(), String> {
    let lost = report.coverage.of_fault(Fault::LostEntry);
    let counted: u64 = report
        .stats
        .values()
        .map(|stats| stats.entries_unanswered)
        .sum();
    // An entry is not counted if its answer did not arrive before the end of the run or of its driver.
    if counted > lost || counted + 3 < lost {
        return Err(format!(
            "expected {lost} entries that were left out of answers to be counted, found {counted}"
        ));
    }
    Ok(())
}

pub(super) const F43: Scenario = Scenario {
    name: "f43",
    about: "a whole batch is refused: its entries are sent one by one, and only the caller that caused it gets the error",
    fill: f43,
    expect: nothing_else,
};

fn f43(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 2, 1, 0, &[Kind::Echo]).succeeds();
    for at in [4, 8, 12] {
        mix.ask(requester, at, 20, 0, &[Kind::Echo]).succeeds();
        let guilty = mix.dice.between(1, 3) as u32;
        mix.ask(requester, at, guilty, 0, &[Kind::Guilty]);
    }
}

pub(super) const F44: Scenario = Scenario {
    name: "f44",
    about: "one batch call hangs: other calls continue",
    fill: f44,
    expect: nothing_else,
};

fn f44(mix: &mut Mix) {
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 2, 1, 0, &[Kind::Echo]);
    // The requests in the hanging call cannot succeed.
    mix.ask(requester, 4, 3, 0, &[Kind::Echo]).timeout(10);
    mix.fault_at_most(Fault::Hang, 4, 10, &[Action::SendMessageBatch], 1.0, 1);
    mix.ask(requester, 6, 40, 15, &[Kind::Echo]).succeeds();
}
