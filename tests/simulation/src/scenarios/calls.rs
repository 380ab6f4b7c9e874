//! Calls that are never answered.

use local_sqs::engine::Action;

use super::mix::{Mix, Scenario, nothing_else};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::plan::REQUESTS;

/// Every action that a requester and a responder call.
const ACTIONS: [Action; 8] = [
    Action::SendMessageBatch,
    Action::ReceiveMessage,
    Action::DeleteMessageBatch,
    Action::ChangeMessageVisibilityBatch,
    Action::GetQueueAttributes,
    Action::CreateQueue,
    Action::TagQueue,
    Action::DeleteQueue,
];

pub(super) const F49: Scenario = Scenario {
    name: "f49",
    about: "calls of each action never get an answer, once, often, or all for a while; then the network works again",
    fill: f49,
    expect: nothing_else,
};

fn f49(mix: &mut Mix) {
    mix.lasts(120);
    mix.plan.compared = mix.alone;
    mix.wide_responder(REQUESTS);
    let requester = mix.requester();
    mix.ask(requester, 0, 60, 90, &[Kind::Echo, Kind::Sleep(300)])
        .timeout(90);
    let actions = match mix.dice.below(4) {
        0 => Vec::new(),
        _ => vec![*mix.dice.pick(&ACTIONS)],
    };
    let (often, most) = *mix
        .dice
        .pick(&[(1.0, 1), (1.0, 8), (0.3, u32::MAX), (1.0, u32::MAX)]);
    let until = mix.dice.between(5, 50);
    mix.fault_at_most(Fault::NoAnswer, 0, until, &actions, often, most);
    // The timeout of a call is 30 s, of a poll 25 s, so all lost calls have been given up by then.
    mix.ask(requester, until + 36, 20, 20, &[Kind::Echo])
        .timeout(60)
        .succeeds();
}
