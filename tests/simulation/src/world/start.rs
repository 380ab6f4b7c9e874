//! Starts processes of each role.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use sqs_requester::Requester;
use sqs_responder::Responder;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{Clock, Random, Sqs};
use sqs_virtual_queues::{CreateQueue, VirtualQueues};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::World;
use super::process::{Parts, Process};
use crate::coverage::Fault;
use crate::dice::{Dice, derived};
use crate::link::Link;
use crate::network::ProcessApi;
use crate::plan::{ProcessPlan, QueuesPlan, Role, Spelling};
use crate::process::{Gate, LifeId, ProcessClock};
use crate::users;

/// The time limit of a responder's shutdown.
const DRAIN: Duration = Duration::from_secs(10);

impl World<'_> {
    pub(super) fn start(&mut self, plan: ProcessPlan, life: u32) {
        let life = LifeId {
            process: plan.index,
            life,
        };
        self.oracle.note(format_args!("{life} starts"));
        let seed = |what: &str| derived(self.plan.seed, &format!("{life} {what}"));
        let clock = match self.processes.get(&plan.index) {
            // The process restarts, not its machine, so the clock stays.
            Some(before) => before.link.clock.clone(),
            None => ProcessClock::new(self.time.clone(), plan.offset_ms, plan.drift_ppm),
        };
        let oracle = self.oracle.clone();
        let gate = Gate::new(
            Dice::new(self.plan.seed, &format!("{life} gate")),
            plan.reorder,
            move |text| oracle.broken("no-panic", format!("a task of {life} panicked: {text}")),
        );
        self.gates.push(gate.clone());
        let link = Link {
            life,
            clock: clock.clone(),
            gate: gate.clone(),
            gone: CancellationToken::new(),
            ended: CancellationToken::new(),
            trap: Arc::default(),
        };
        let ended = link.ended.clone();
        let sqs = Sqs::builder(ProcessApi::new(self.network.clone(), link.clone()))
            .clock(Clock::from_source(clock))
            .random(Random::seeded(seed("random")))
            .on_spawn(move |task| {
                gate.wrap(
                    ended
                        .clone()
                        .run_until_cancelled_owned(task)
                        .map(drop)
                        .boxed(),
                )
            })
            .build();
        let parts = match &plan.role {
            Role::Requester { host, max_pending } => self.requester(sqs, *host, *max_pending),
            Role::Responder {
                queue,
                concurrency,
                visibility,
            } => self.responder(&link, sqs, queue, *concurrency, *visibility),
            Role::Queues(queues) => self.queues(&link, sqs, queues),
            Role::Owner(owner) => self.owner(&link, sqs, owner),
        };
        let process = Process {
            plan,
            link,
            parts,
            shut: false,
            asked: 0,
        };
        self.processes.insert(life.process, process);
    }

    fn requester(&self, sqs: Sqs, host: Option<&str>, max_pending: usize) -> Parts {
        let mut builder = Requester::builder(sqs).max_pending(max_pending);
        if let Some(host) = host {
            builder = builder.reply_queue(self.network.queue_url(host));
        }
        Parts::Requester(builder.build().expect("the plan is valid"))
    }

    fn responder(
        &self,
        link: &Link,
        sqs: Sqs,
        queue: &str,
        concurrency: usize,
        visibility: Duration,
    ) -> Parts {
        let mut builder = Responder::builder(sqs)
            .concurrency(concurrency)
            .visibility_timeout(visibility);
        if self.plan.one_store {
            builder = builder.reply_store(self.store.clone());
        }
        let responder = builder.build().expect("the plan is valid");
        self.oracle.serves(link, queue, concurrency);
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = stopped.map(drop).shared();
        let (url, oracle) = (self.network.queue_url(queue), self.oracle.clone());
        let (serving, server) = (responder.clone(), link.clone());
        let serve = async move {
            loop {
                let (link, handler_oracle) = (server.clone(), oracle.clone());
                let serve = serving
                    .serve(&url, move |request| {
                        users::handle(link.clone(), handler_oracle.clone(), request)
                    })
                    .drain(DRAIN)
                    .with_graceful_shutdown(stopped.clone());
                match serve.await {
                    Ok(drained) => {
                        oracle.note(format_args!("{} has drained: {drained:?}", server.life));
                        return;
                    }
                    // A responder without permission to receive ends with an error; its operator starts it again.
                    Err(error) => {
                        oracle.note(format_args!("{} serves no more: {error}", server.life));
                        users::sleep(&server, Duration::from_secs(5)).await;
                    }
                }
            }
        };
        tokio::spawn(link.gate.wrap(serve.boxed()));
        Parts::Responder(Box::new(responder), Some(stop))
    }

    fn queues(&self, link: &Link, sqs: Sqs, plan: &QueuesPlan) -> Parts {
        // A process must not delete the messages of a dead process while the oracle checks them, so orphans are kept long.
        let mut builder = VirtualQueues::builder(sqs).orphan_age(Duration::from_secs(86_400));
        if plan.hook_panics {
            let oracle = self.oracle.clone();
            builder = builder.orphan_age(Duration::ZERO).on_orphan(move |_, _| {
                oracle.fault(Fault::HookPanicked);
                resume_unwind(Box::new("in the hook"));
            });
        }
        let queues = builder
            .queue_capacity(plan.queue_capacity)
            .host_capacity(plan.host_capacity, 64 * 1024 * 1024)
            .visibility(plan.visibility)
            .build()
            .expect("the plan is valid");
        let mut made = BTreeMap::new();
        let mut hosts = Vec::new();
        for host in &plan.hosts {
            let url = HostQueueUrl::parse(&self.network.queue_url(host)).expect("a URL of ours");
            hosts.push(queues.host(&url).expect("there is a runtime"));
            for (number, (name, reading)) in plan.queues.iter().enumerate() {
                let spelling = plan.spellings.get(number % plan.spellings.len().max(1));
                let spelt = self
                    .network
                    .spelt(host, spelling.copied().unwrap_or(Spelling::Usual));
                let url = HostQueueUrl::parse(&spelt).expect("a URL of ours");
                let queue = queues
                    .create(&url, CreateQueue::named(*name))
                    .expect("the plan is valid");
                let known_as = format!("{host}/{name}");
                let dice = Dice::new(self.plan.seed, &format!("{} {known_as}", link.life));
                let read = users::read(
                    queue.clone(),
                    link.clone(),
                    self.oracle.clone(),
                    known_as.clone(),
                    *reading,
                    dice,
                );
                tokio::spawn(link.gate.wrap(read.boxed()));
                made.insert(known_as, queue);
            }
        }
        Parts::Queues(queues, made, hosts)
    }
}
