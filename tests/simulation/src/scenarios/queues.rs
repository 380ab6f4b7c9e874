//! Virtual queues: routing, buffers, visibility.

use std::time::Duration;

use super::mix::{Mix, SECOND, Scenario, nothing_else};
use crate::plan::{QueuesPlan, Reading, Role, SendPlan, What};

pub(super) const PROMPT: Reading = Reading::Always {
    pause: Duration::ZERO,
    gives_up: 0.2,
};

fn slow(seconds: u32) -> Reading {
    Reading::Always {
        pause: SECOND * seconds,
        gives_up: 0.2,
    }
}

pub(super) fn queues(hosts: Vec<&'static str>, queues: Vec<(&'static str, Reading)>) -> QueuesPlan {
    QueuesPlan {
        hosts,
        queues,
        queue_capacity: 1_000,
        host_capacity: 10_000,
        visibility: SECOND * 30,
        spellings: Vec::new(),
        hook_panics: false,
    }
}

pub(super) fn messages(host: &'static str, queue: &'static str, count: u32, over: u64) -> SendPlan {
    SendPlan {
        host,
        queue,
        count,
        over: SECOND * over as u32,
        equal: false,
    }
}

pub(super) const F21: Scenario = Scenario {
    name: "f21",
    about: "the same virtual names on two hosts: each queue receives its own messages",
    fill: f21,
    expect: nothing_else,
};

fn f21(mix: &mut Mix) {
    let readers = vec![("a", PROMPT), ("b", PROMPT)];
    let hosts = vec![mix.host(), mix.host()];
    let process = mix.process(Role::Queues(queues(hosts.clone(), readers)));
    for &host in &hosts {
        for queue in ["a", "b"] {
            mix.send(process, 1, messages(host, queue, 30, 20));
        }
    }
    let orphans = mix.dice.between(0, 20) as u32;
    mix.step(SECOND * 2, process, What::Orphans(hosts[0], orphans));
}

pub(super) const F25: Scenario = Scenario {
    name: "f25",
    about: "many messages wait without a receiver: polling pauses at the cap",
    fill: f25,
    expect: nothing_else,
};

fn f25(mix: &mut Mix) {
    mix.lasts(60);
    let host = mix.host();
    let mut plan = queues(vec![host], vec![("idle", Reading::Never), ("busy", PROMPT)]);
    plan.queue_capacity = 20;
    plan.host_capacity = 30;
    let process = mix.process(Role::Queues(plan));
    mix.send(process, 1, messages(host, "idle", 200, 10));
    mix.send(process, 5, messages(host, "busy", 20, 30));
}

pub(super) const F26: Scenario = Scenario {
    name: "f26",
    about: "the visibility of a buffered message ends: it leaves the buffer, and is never delivered after its delete",
    fill: f26,
    expect: nothing_else,
};

fn f26(mix: &mut Mix) {
    mix.lasts(60);
    let host = mix.host();
    let mut plan = queues(
        vec![host],
        vec![("slow", slow(1)), ("late", Reading::From(SECOND * 25))],
    );
    plan.visibility = SECOND * mix.dice.between(2, 8) as u32;
    let process = mix.process(Role::Queues(plan));
    mix.send(process, 1, messages(host, "slow", 20, 5));
    mix.send(process, 1, messages(host, "late", 20, 20));
}

pub(super) const F37: Scenario = Scenario {
    name: "f37",
    about: "one virtual queue's buffer is full: other queues on the host receive their messages",
    fill: f37,
    expect: nothing_else,
};

fn f37(mix: &mut Mix) {
    mix.lasts(60);
    let host = mix.host();
    // Readers always wait: messages that stay in the buffer without a reader are not a delay of the host.
    let reading = Reading::Always {
        pause: Duration::ZERO,
        gives_up: 0.0,
    };
    let mut plan = queues(
        vec![host],
        vec![("full", Reading::Never), ("one", reading), ("two", reading)],
    );
    // The other two queues never have that many messages at the same time, and the full buffer leaves room on the host.
    plan.queue_capacity = mix.dice.between(5, 10) as usize;
    plan.host_capacity = mix.dice.between(30, 100) as usize;
    let process = mix.process(Role::Queues(plan));
    mix.send(process, 1, messages(host, "full", 100, 20));
    for queue in ["one", "two"] {
        mix.send(process, 3, messages(host, queue, 20, 50));
    }
    // 1 s, because a poll may leave out a message although it is not full, as in SQS.
    mix.plan.promises.prompt = Some(SECOND);
}

pub(super) const SHARED_HOST: Scenario = Scenario {
    name: "shared-host",
    about: "two processes have virtual queues on one host: each receives all of its own messages",
    fill: shared_host,
    expect: nothing_else,
};

fn shared_host(mix: &mut Mix) {
    // Each time the other process receives a message, the message is hidden for half a minute.
    mix.lasts(300);
    let host = mix.host();
    for name in ["here", "there"] {
        let process = mix.process(Role::Queues(queues(vec![host], vec![(name, PROMPT)])));
        mix.send(process, 1, messages(host, name, 20, 20));
    }
}

pub(super) const F40: Scenario = Scenario {
    name: "f40",
    about: "equal bodies to two virtual queues on a FIFO host: all arrive",
    fill: f40,
    expect: nothing_else,
};

fn f40(mix: &mut Mix) {
    let host = mix.fifo_host();
    let process = mix.process(Role::Queues(queues(
        vec![host],
        vec![("a", PROMPT), ("b", PROMPT)],
    )));
    for queue in ["a", "b"] {
        let equal = SendPlan {
            equal: true,
            ..messages(host, queue, 10, 10)
        };
        mix.send(process, 2, equal);
    }
}
