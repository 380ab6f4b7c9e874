//! One host under several spellings of its URL.

use super::mix::{Mix, Scenario, nothing_else};
use super::queues::{PROMPT, messages, queues};
use crate::plan::{Role, Spelling};

const SPELLINGS: [Spelling; 5] = [
    Spelling::Usual,
    Spelling::Legacy,
    Spelling::Oldest,
    Spelling::DualStack,
    Spelling::Fips,
];

pub(super) const F50: Scenario = Scenario {
    name: "f50",
    about: "virtual queues on one host, each with another spelling of its URL: nothing is deleted by mistake",
    fill: f50,
    expect: nothing_else,
};

fn f50(mix: &mut Mix) {
    mix.lasts(60);
    let host = mix.host();
    let names = ["a", "b", "c"];
    let mut plan = queues(
        vec![host],
        names.iter().map(|name| (*name, PROMPT)).collect(),
    );
    plan.spellings = names.iter().map(|_| *mix.dice.pick(&SPELLINGS)).collect();
    let process = mix.process(Role::Queues(plan));
    for queue in names {
        mix.send(process, 1, messages(host, queue, 20, 30));
    }
}
