//! Processes that own temporary hosts, and the final phase in which the ring must delete all dead hosts.

use std::time::Duration;

use futures::FutureExt;
use local_sqs::engine::api::requests;
use local_sqs::engine::{Output, Request as EngineRequest};
use sqs_requester::Requester;
use sqs_rpc_protocol::names;
use sqs_rpc_transport::Sqs;
use sqs_temporary_queues::Tag;

use super::World;
use super::process::{Parts, Process};
use crate::coverage::{Check, Fault};
use crate::dice::Dice;
use crate::link::Link;
use crate::oracle::{Kind, Oracle};
use crate::owners::{Face, Foreign, ForeignKind, OwnerPlan, RING, name_of};
use crate::plan::{Ask, Item, Plan, REQUESTS, Role, Step, What};
use crate::temporary_user::use_queue;
use crate::users;

/// How often each owner uses its host while the oracle waits for the ring.
const WORK: Duration = Duration::from_secs(40);
/// The timeout of such a use.
const PATIENCE: Duration = Duration::from_secs(30);

impl World<'_> {
    pub(super) fn owner(&self, link: &Link, sqs: Sqs, plan: &OwnerPlan) -> Parts {
        match plan.face {
            Face::Requester => {
                let requester = plan.requester(sqs);
                let handle = requester.clone();
                let holds = Box::new(move || handle.reply_queues());
                self.oracle.owns(link, plan, holds);
                Parts::Requester(requester)
            }
            Face::Queues => {
                let queues = plan.queues(sqs);
                let handle = queues.clone();
                self.oracle
                    .owns(link, plan, Box::new(move || handle.hosts()));
                Parts::Temporary(queues)
            }
            Face::Borrower(of, otherwise) => {
                let lent = self.processes.get(&of).and_then(Process::host);
                let url = lent.unwrap_or_else(|| self.network.queue_url(otherwise));
                let requester = Requester::builder(sqs).reply_queue(url).build();
                self.oracle.owns(link, plan, Box::new(Vec::new));
                Parts::Requester(requester.expect("the plan is valid"))
            }
        }
    }

    /// Deletes the hosts of a process by hand.
    pub(super) fn lose_hosts(&self, process: &Process) {
        let mut lost = process.hosts();
        lost.retain(|host| {
            let mut delete = requests::DeleteQueue::default();
            delete.queue_url = Some(host.as_str().to_owned());
            // The host may have been deleted a moment ago, or SQS may not know it yet.
            let deleted = self.network.ask(EngineRequest::DeleteQueue(delete));
            deleted.is_ok()
        });
        let names: Vec<_> = lost.iter().map(name_of).collect();
        names
            .iter()
            .for_each(|_| self.oracle.fault(Fault::HostDeleted));
        self.oracle.loses(&process.link, &names, !self.is_rough());
    }

    /// Creates queues of another program.
    pub(super) fn put_foreign(&self, step: &Step, foreign: &Foreign) {
        let mut dice = Dice::new(self.plan.seed, &format!("{step:?}"));
        for _ in 0..foreign.count {
            self.oracle.fault(Fault::Foreign);
            let name = foreign_name(foreign, &mut dice);
            let sqs = self.time.sqs().as_millis();
            let tags = foreign_tags(foreign.kind, sqs, &mut dice);
            let read = Tag::read(&tags.iter().cloned().collect());
            let mut create = requests::CreateQueue::default();
            create.queue_name = Some(name.clone());
            create.tags = Some(tags.into_iter().collect());
            if let Err(error) = self.network.ask(EngineRequest::CreateQueue(create)) {
                self.oracle.broken("simulation", format!("{name}: {error}"));
            }
            self.oracle.finds(&name, read);
            if foreign.messages > 0 {
                self.leave_messages(name.clone(), foreign.messages);
            }
            if let ForeignKind::Java { until, wrong } = foreign.kind {
                self.keep_alive_as_java(name, until, wrong);
            }
        }
    }

    /// Sends orphans to a queue as soon as it can be used.
    fn leave_messages(&self, name: String, count: u32) {
        let (time, network, oracle) =
            (self.time.clone(), self.network.clone(), self.oracle.clone());
        tokio::spawn(async move {
            time.until(time.now() + Duration::from_millis(1_100)).await;
            for _ in 0..count {
                oracle.fault(Fault::Orphan);
                let mut send = requests::SendMessage::default();
                send.queue_url = Some(network.queue_url(&name));
                send.message_body = Some("orphan".to_owned().into());
                // The queue may be deleted already.
                if let Ok(Output::Sent(sent)) = network.ask(EngineRequest::SendMessage(send)) {
                    oracle.is_put(&sent.message_id, "orphan");
                }
            }
        });
    }

    fn keep_alive_as_java(&self, name: String, until: Duration, wrong: i64) {
        let (time, network, oracle) =
            (self.time.clone(), self.network.clone(), self.oracle.clone());
        tokio::spawn(async move {
            loop {
                let next = time.now() + JAVA_HEARTBEAT;
                time.until(next).await;
                if next > until {
                    return;
                }
                let now = time.sqs().as_millis().saturating_add_signed(wrong * 1_000);
                let mut tag = requests::TagQueue::default();
                tag.queue_url = Some(network.queue_url(&name));
                tag.tags = Some(java_tags(now).into_iter().collect());
                if network.ask(EngineRequest::TagQueue(tag)).is_ok() {
                    oracle.finds_renewed(&name);
                }
            }
        });
    }

    /// Whether faults may have delayed watchers.
    fn is_rough(&self) -> bool {
        let hinders = |item: &Item| match item {
            Item::Window(_) => true,
            Item::Step(step) => matches!(
                step.what,
                What::Stop(_) | What::Suspend(_) | What::PauseMachine(_) | What::StepClock(_)
            ),
            Item::Process(_) => false,
        };
        self.plan.items.iter().any(hinders)
    }

    /// I6: all owners use their hosts until every dead host must be deleted.
    pub(super) async fn watch_ring(&mut self) {
        let rough = self.is_rough();
        let Some(in_time) = self.oracle.ring_clean_by(rough) else {
            return;
        };
        let until = in_time.until;
        while self.time.now() < until {
            self.all_owners_work();
            let next = (self.time.now() + WORK).min(until);
            if !self.look_until(next).await {
                return;
            }
        }
        if !self.look_until(until + PATIENCE).await {
            return;
        }
        self.oracle.ring_is_clean(in_time);
        self.look_for_kept();
    }

    fn all_owners_work(&mut self) {
        let (seed, now) = (self.plan.seed, self.time.now());
        for process in self.processes.values_mut() {
            if !process.lives() || !matches!(process.plan.role, Role::Owner(_)) {
                continue;
            }
            let ask = work(process.plan.role.works_again());
            let dice = Dice::new(seed, &format!("{} works at {now:?}", process.link.life));
            process.ask(&ask, dice, &self.network, &self.oracle);
        }
    }

    /// Checks that queues that must not be deleted still exist.
    fn look_for_kept(&self) {
        for (step, foreign) in foreigners(self.plan) {
            let kept = matches!(
                foreign.kind,
                ForeignKind::Untagged | ForeignKind::Malformed(_) | ForeignKind::Misnamed(_)
            );
            if !kept && foreign.prefix == RING {
                continue;
            }
            let mut dice = Dice::new(self.plan.seed, &format!("{step:?}"));
            for _ in 0..foreign.count {
                let name = foreign_name(foreign, &mut dice);
                let _ = foreign_tags(foreign.kind, 0, &mut dice);
                let mut get = requests::GetQueueUrl::default();
                get.queue_name = Some(name.clone());
                let exists = self.network.ask(EngineRequest::GetQueueUrl(get)).is_ok();
                self.oracle.is_kept(&name, foreign.prefix == RING, exists);
            }
        }
    }
}

fn foreigners(plan: &Plan) -> Vec<(&Step, &Foreign)> {
    let steps = plan.steps().into_iter();
    let foreign = steps.filter_map(|step| match &step.what {
        What::Foreign(foreign) => Some((step, foreign)),
        _ => None,
    });
    foreign.collect()
}

/// One request, or one use of a temporary queue.
pub(super) fn work(must_succeed: Option<Check>) -> Ask {
    Ask {
        queue: REQUESTS,
        count: 1,
        over: WORK / 2,
        kinds: vec![Kind::Echo],
        timeout: PATIENCE,
        cancelled: 0.0,
        must_succeed,
    }
}

impl Role {
    /// The check that fails if its requests do not succeed without faults.
    pub(super) fn works_again(&self) -> Option<Check> {
        let alone = match self {
            Self::Requester { host, .. } => host.is_none(),
            // A requester that shares its host with another process by mistake may wait long: F39.
            Self::Owner(plan) => !plan.lent && !matches!(plan.face, Face::Borrower(..)),
            _ => false,
        };
        alone.then_some(Check::WorksAgain)
    }
}

impl Process {
    /// The hosts that this process may use.
    fn hosts(&self) -> Vec<sqs_rpc_protocol::HostQueueUrl> {
        match &self.parts {
            Parts::Requester(requester) => requester.reply_queues(),
            Parts::Temporary(queues) => queues.hosts(),
            _ => Vec::new(),
        }
    }

    /// The host that this process uses.
    fn host(&self) -> Option<String> {
        let host = match &self.parts {
            Parts::Requester(requester) => requester.reply_queue(),
            Parts::Temporary(queues) => queues.current_host(),
            _ => None,
        };
        host.map(|url| url.as_str().to_owned())
    }

    /// Uses a temporary queue for each request of `ask`.
    pub(super) fn use_queues(&mut self, ask: &Ask, mut dice: Dice, oracle: &Oracle) {
        let Parts::Temporary(queues) = &self.parts else {
            return;
        };
        for _ in 0..ask.count {
            let body = format!("t{}-{}", self.link.life, self.asked);
            self.asked += 1;
            let begin = dice.millis(0, ask.over.as_millis() as u64);
            let (queues, must_succeed) = (queues.clone(), ask.must_succeed);
            let (link, oracle) = (self.link.clone(), oracle.clone());
            let using = async move {
                users::sleep(&link, begin).await;
                use_queue(queues, link, oracle, body, must_succeed).await;
            };
            tokio::spawn(self.link.gate.wrap(using.boxed()));
        }
    }
}

/// The default of Java's client.
const JAVA_HEARTBEAT: Duration = Duration::from_secs(5);
const JAVA_RETENTION: &str = "300";
/// The retention of dead hosts, in seconds.
const RETENTION: u64 = 120;

fn uuid(dice: &mut Dice) -> String {
    let (high, low) = (dice.bits(), dice.bits());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

fn foreign_name(foreign: &Foreign, dice: &mut Dice) -> String {
    let (prefix, uuid) = (foreign.prefix, uuid(dice));
    match foreign.kind {
        ForeignKind::Misnamed(form) => match form % 5 {
            0 => format!("{prefix}{uuid}"),
            1 => format!("{prefix}{uuid}-01"),
            2 => format!("{prefix}{}-0", uuid.to_uppercase()),
            3 => format!("{prefix}{}-0", &uuid[..35]),
            _ => format!("{prefix}orders-{uuid}-0"),
        },
        ForeignKind::Java { .. } if dice.happens(0.3) => format!("{prefix}{uuid}-1-Failover"),
        _ => format!("{prefix}{uuid}-0"),
    }
}

fn java_tags(now: u64) -> Vec<(String, String)> {
    vec![
        (
            names::LEASE_RETENTION_TAG.to_owned(),
            JAVA_RETENTION.to_owned(),
        ),
        (names::LEASE_HEARTBEAT_TAG.to_owned(), now.to_string()),
    ]
}

fn foreign_tags(kind: ForeignKind, now: u64, dice: &mut Dice) -> Vec<(String, String)> {
    let ours = |value: String| vec![(names::LEASE_TAG.to_owned(), value)];
    let long_ago = now.saturating_sub(3_600_000);
    match kind {
        ForeignKind::Dead | ForeignKind::Misnamed(_) => {
            let watches = *dice.pick(&["w", "n"]);
            ours(format!("1:s{long_ago}:{RETENTION}:{watches}"))
        }
        ForeignKind::Future(ahead) => {
            let stamp = now + ahead.as_millis() as u64;
            ours(format!("1:s{stamp}:{RETENTION}:w"))
        }
        ForeignKind::Beat => ours(format!("1:b{}:{RETENTION}:w", dice.below(9))),
        ForeignKind::Java { wrong, .. } => java_tags(now.saturating_add_signed(wrong * 1_000)),
        ForeignKind::Untagged => vec![("team".to_owned(), "orders".to_owned())],
        ForeignKind::Malformed(form) => match form % 9 {
            0 => ours(format!("1:s{long_ago}:3153600000:w")),
            1 => ours(format!("1:s-{long_ago}:{RETENTION}:w")),
            2 => ours(format!("2:s{long_ago}:{RETENTION}:w")),
            3 => ours(format!("1:s{long_ago}:{RETENTION}:x")),
            4 => ours(format!("1:s{long_ago}:-5:w")),
            5 => ours(format!("1:s{long_ago}{long_ago}:{RETENTION}:w")),
            6 => ours(String::new()),
            7 => java_tags(long_ago).split_off(1),
            _ => ours(format!("1:s{long_ago}:59:w")),
        },
    }
}
