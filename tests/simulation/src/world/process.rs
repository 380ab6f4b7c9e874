//! One process of a run: its handles, and its user's actions.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use sqs_requester::Requester;
use sqs_responder::Responder;
use sqs_rpc_transport::Stats;
use sqs_temporary_queues::TemporaryQueues;
use sqs_virtual_queues::{Host, VirtualQueue, VirtualQueues};
use tokio::sync::oneshot;

use crate::coverage::{Check, Fault};
use crate::dice::Dice;
use crate::link::Link;
use crate::network::Network;
use crate::oracle::{Asked, Oracle};
use crate::plan::{Ask, ProcessPlan, Reading, Role, SendPlan};
use crate::users::{self, Patience};

/// The tolerance for rounding: timers have whole milliseconds, and clock drift is rounded, too.
const TICK: Duration = Duration::from_millis(5);

pub(super) struct Process {
    pub(super) plan: ProcessPlan,
    pub(super) link: Link,
    pub(super) parts: Parts,
    /// Whether its shutdown has begun, or its tasks were ended.
    pub(super) shut: bool,
    pub(super) asked: u32,
}

pub(super) enum Parts {
    Requester(Requester),
    Responder(Box<Responder>, Option<oneshot::Sender<()>>),
    Queues(VirtualQueues, BTreeMap<String, VirtualQueue>, Vec<Host>),
    Temporary(TemporaryQueues),
    /// The handles were dropped, or the process was killed.
    Gone,
}

impl Process {
    pub(super) fn lives(&self) -> bool {
        self.link.gate.is_open() && !self.shut && !matches!(self.parts, Parts::Gone)
    }

    pub(super) fn ask(&mut self, ask: &Ask, mut dice: Dice, network: &Network, oracle: &Oracle) {
        let Parts::Requester(requester) = &self.parts else {
            return self.use_queues(ask, dice, oracle);
        };
        for number in 0..ask.count {
            let kind = ask.kinds[number as usize % ask.kinds.len()];
            let body = format!("q{}-{}:{}", self.link.life, self.asked, kind.text());
            self.asked += 1;
            let asked = Asked {
                queue: ask.queue.to_owned(),
                kind,
                timeout: ask.timeout,
                must_succeed: ask.must_succeed,
                own_host: self.plan.role.works_again().is_some(),
            };
            let begin = dice.millis(0, ask.over.as_millis() as u64);
            let patience = Patience::draw(&mut dice, ask.cancelled, ask.timeout);
            let (requester, url) = (requester.clone(), network.queue_url(ask.queue));
            let (link, oracle) = (self.link.clone(), oracle.clone());
            let asking = async move {
                users::sleep(&link, begin).await;
                users::ask(requester, url, link, oracle, body, asked, patience).await;
            };
            tokio::spawn(self.link.gate.wrap(asking.boxed()));
        }
    }

    pub(super) fn send(&self, send: &SendPlan, at: Duration, mut dice: Dice, oracle: &Oracle) {
        let Parts::Queues(_, queues, _) = &self.parts else {
            return;
        };
        let name = format!("{}/{}", send.host, send.queue);
        let Some(queue) = queues.get(&name) else {
            return;
        };
        for number in 0..send.count {
            let begin = dice.millis(0, send.over.as_millis() as u64);
            let number = format!("{}.{}.{number}", self.link.life, at.as_millis());
            let number = (!send.equal).then_some(number);
            let (queue, name) = (queue.clone(), name.clone());
            let (link, oracle) = (self.link.clone(), oracle.clone());
            let sending = async move {
                users::sleep(&link, begin).await;
                users::send(queue, link, oracle, name, number).await;
            };
            tokio::spawn(self.link.gate.wrap(sending.boxed()));
        }
    }

    pub(super) fn shut_down(&mut self, within: Duration, oracle: &Oracle) {
        oracle.fault(Fault::ShutDown);
        self.shut = true;
        oracle.disowns(self.link.life);
        let (link, oracle) = (self.link.clone(), oracle.clone());
        match &mut self.parts {
            Parts::Responder(_, stop) => {
                if let Some(stop) = stop.take() {
                    // The responder may have ended by itself.
                    let _ = stop.send(());
                }
            }
            Parts::Requester(requester) => {
                let requester = requester.clone();
                let shutdown = async move {
                    let begun = link.clock.now();
                    let report = requester.shutdown(within).await;
                    oracle.shut_down(&link, begun, within, &report);
                };
                tokio::spawn(self.link.gate.wrap(shutdown.boxed()));
            }
            Parts::Queues(queues, ..) => {
                let queues = queues.clone();
                let shutdown = async move {
                    let begun = link.clock.now();
                    let report = queues.shutdown(within).await;
                    oracle.shut_down(&link, begun, within, &report);
                };
                tokio::spawn(self.link.gate.wrap(shutdown.boxed()));
            }
            Parts::Temporary(queues) => {
                let queues = queues.clone();
                let shutdown = async move {
                    let begun = link.clock.now();
                    let report = queues.shutdown(within).await;
                    oracle.shut_down(&link, begun, within, &report);
                };
                tokio::spawn(self.link.gate.wrap(shutdown.boxed()));
            }
            Parts::Gone => {}
        }
    }

    pub(super) fn look_at_caps(&self, oracle: &Oracle) {
        match (&self.parts, &self.plan.role) {
            (Parts::Queues(_, queues, hosts), Role::Queues(plan)) => {
                for host in hosts {
                    let (messages, _) = host.buffered();
                    // A waiting receiver gets a message even if the buffers are full: up to the 10 messages of a poll.
                    let most = plan.host_capacity + 10 * plan.queues.len();
                    oracle.check(Check::UnderCaps, messages <= most, || {
                        format!("{} buffers {messages} messages", host.url())
                    });
                }
                for queue in queues.values() {
                    let messages = queue.buffered().unwrap_or_default();
                    oracle.check(Check::UnderCaps, messages <= plan.queue_capacity, || {
                        format!("{} buffers {messages} messages", queue.url())
                    });
                }
            }
            (Parts::Requester(requester), Role::Requester { max_pending, .. }) => {
                let pending = requester.pending();
                oracle.check(Check::UnderCaps, pending <= *max_pending, || {
                    format!("{pending} requests are pending")
                });
            }
            _ => {}
        }
    }

    /// The names of virtual queues that are read until the end of the run.
    pub(super) fn reads(&self) -> Vec<String> {
        match (&self.parts, &self.plan.role) {
            (Parts::Queues(..), Role::Queues(plan)) if self.lives() => {
                let read = plan
                    .queues
                    .iter()
                    .filter(|(_, reading)| *reading != Reading::Never);
                let names: Vec<_> = read.map(|(name, _)| *name).collect();
                let hosts = plan.hosts.iter();
                hosts
                    .flat_map(|host| names.iter().map(move |name| format!("{host}/{name}")))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Parts {
    pub(super) fn stats(&self) -> Stats {
        match self {
            Self::Requester(requester) => requester.stats(),
            Self::Responder(responder, _) => responder.stats(),
            Self::Queues(queues, ..) => queues.stats(),
            Self::Temporary(temporary) => temporary.queues().stats(),
            Self::Gone => Stats::default(),
        }
    }
}

impl Oracle {
    fn shut_down(
        &self,
        link: &Link,
        begun: Duration,
        within: Duration,
        report: &dyn std::fmt::Debug,
    ) {
        let now = link.clock.now();
        self.note(format_args!("{} has shut down: {report:?}", link.life));
        let end = (begun + within).max(link.gate.resumed()) + TICK;
        self.check(Check::ShutdownInTime, now <= end, || {
            format!(
                "{} took {:?} to shut down within {within:?}",
                link.life,
                now - begun
            )
        });
    }
}
