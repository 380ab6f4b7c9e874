//! Users change visibility.

use local_sqs::engine::Action;

use super::mix::{Mix, SECOND, Scenario, nothing_else};
use super::queues::{messages, queues};
use crate::coverage::Fault;
use crate::plan::{Reading, Role};

pub(super) const F53: Scenario = Scenario {
    name: "f53",
    about: "users change the visibility of messages, and delete them or give them back: the user's last call takes effect",
    fill: f53,
    expect: nothing_else,
};

fn f53(mix: &mut Mix) {
    mix.lasts(60);
    let host = mix.host();
    let mut plan = queues(
        vec![host],
        vec![("a", Reading::Undecided), ("b", Reading::Undecided)],
    );
    plan.visibility = SECOND * mix.dice.between(5, 30) as u32;
    let process = mix.process(Role::Queues(plan));
    if mix.dice.happens(0.5) {
        // Failed changes are retried, and then there may be a newer change or delete.
        let actions = [Action::ChangeMessageVisibilityBatch];
        mix.fault(Fault::FailedEntry, 0, 50, &actions, 0.3);
    }
    for queue in ["a", "b"] {
        mix.send(process, 1, messages(host, queue, 40, 40));
    }
}
