//! Request queues and hosts with a redrive policy.

use super::mix::{Mix, SECOND, Scenario};
use super::queues::{PROMPT, messages, queues};
use crate::coverage::Fault;
use crate::oracle::Kind;
use crate::plan::{FIFO, REQUESTS, Reading, Role, What};
use crate::world::Report;

pub(super) const F54: Scenario = Scenario {
    name: "f54",
    about: "all queues have a redrive policy with a maxReceiveCount of 1 to 5: only undecodable requests become dead letters",
    fill: f54,
    expect: only_undecodable_are_dead_letters,
};

fn f54(mix: &mut Mix) {
    mix.lasts(340);
    mix.plan.redriven = Some(mix.dice.between(1, 5) as u32);
    let requester = mix.requester();
    for queue in [REQUESTS, FIFO] {
        mix.wide_responder(queue);
        let count = mix.dice.between(0, 3) as u32;
        mix.step(SECOND, 0, What::Undecodable(queue, count));
        mix.ask(requester, 1, 20, 20, &[Kind::Echo, Kind::Sleep(800)])
            .of(queue)
            .succeeds();
        mix.ask(requester, 30, 20, 300, &[Kind::Echo]).of(queue);
    }
    let from = SECOND * mix.dice.between(2, 60) as u32;
    for host in [mix.host(), mix.fifo_host()] {
        let late = vec![("prompt", PROMPT), ("late", Reading::From(from))];
        let process = mix.process(Role::Queues(queues(vec![host], late)));
        mix.send(process, 1, messages(host, "late", 20, 1));
        mix.send(process, 1, messages(host, "prompt", 60, 60));
    }
}

fn only_undecodable_are_dead_letters(report: &Report) -> Result<(), String> {
    let (put, found) = (
        report.coverage.of_fault(Fault::Undecodable),
        report.dead_letters as u64,
    );
    if put == found {
        return Ok(());
    }
    Err(format!(
        "expected the {put} undecodable requests as dead letters, found {found} dead letters"
    ))
}
