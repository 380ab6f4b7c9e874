//! The end of every run: all faults stop, every living requester sends requests again, and the oracle makes the final checks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::process::{Parts, Process};
use super::{Report, START, World};
use crate::coverage::{Check, Fault};
use crate::dice::Dice;
use crate::oracle::{Kind, Oracle};
use crate::plan::{Ask, BARE, ProcessPlan, REQUESTS, Role, What};
use crate::process::Gate;

/// More than the longest back-off of a poll and of the creation of a reply queue, with jitter.
const SETTLING: Duration = Duration::from_secs(45);
/// The timeout of the last requests.
const PROBE: Duration = Duration::from_secs(30);
/// The longest time that a call may hang, and so the longest delay of a message.
const LATE: Duration = Duration::from_secs(60);
/// The number of seconds within which the last replies are deleted.
const DELETES_TAKE: u32 = 5;
/// The first index of responders that the world starts for queues that have no responder any more.
const STAND_IN: usize = 10_000;

impl World<'_> {
    /// Stops all faults, and waits until the processes have recovered. Returns `false` after a violation.
    pub(super) async fn heal(&mut self) -> bool {
        self.oracle.note(format_args!("all is well"));
        self.oracle.is_well();
        for process in self.processes.values() {
            process.link.gate.defuse();
            process.link.trap.store(false, Ordering::Relaxed);
        }
        self.look_until(self.time.now() + SETTLING).await
    }

    /// I8, and the checks of a run in which nothing is left to do.
    pub(super) async fn ask_all_again(&mut self) {
        self.serve_all();
        let asking: Vec<_> = self.living(|parts| matches!(parts, Parts::Requester(_)));
        for queue in [REQUESTS, BARE] {
            self.ask_again(&asking, queue);
            if !self.look_until(self.time.now() + PROBE / 2).await {
                return;
            }
        }
        // Waits until all requests of users have ended, late messages have arrived, and polls have ended.
        let longest = self
            .plan
            .steps()
            .into_iter()
            .filter_map(|step| match &step.what {
                What::Ask(ask) => Some(START + step.at + ask.over + ask.timeout),
                _ => None,
            });
        let until = longest.max().unwrap_or_default().max(self.time.now());
        if !self.look_until(until + LATE).await {
            return;
        }
        // A host is polled only while requests are pending, so messages that arrived after the last poll are still there.
        self.ask_again(&asking, REQUESTS);
        if !self.look_until(self.time.now() + PROBE * 2).await {
            return;
        }
        // A requester whose clock was stopped sends its requests late. A reply that has just arrived is deleted soon.
        for _ in 0..DELETES_TAKE {
            if asking.iter().all(|index| self.left_on_host_of(*index) == 0) {
                break;
            }
            if !self
                .look_until(self.time.now() + Duration::from_secs(1))
                .await
            {
                return;
            }
        }
        self.look_at_the_end(&asking);
    }

    /// The number of messages on the host of a requester.
    fn left_on_host_of(&self, index: usize) -> usize {
        let Some(Parts::Requester(requester)) = self.processes.get(&index).map(|it| &it.parts)
        else {
            return 0;
        };
        let host = requester.reply_queue();
        host.map_or(0, |host| self.messages_on(host.as_str()))
    }

    fn ask_again(&mut self, asking: &[usize], queue: &'static str) {
        for &index in asking {
            let Some(process) = self.processes.get_mut(&index) else {
                continue;
            };
            let ask = Ask {
                queue,
                count: 2,
                over: Duration::from_secs(1),
                kinds: vec![Kind::Echo],
                timeout: PROBE,
                cancelled: 0.0,
                must_succeed: process.plan.role.works_again(),
            };
            let dice = Dice::new(self.plan.seed, &format!("probe {queue} {}", process.asked));
            process.ask(&ask, dice, &self.network, &self.oracle);
        }
    }

    /// Starts a responder for each queue that has none any more, so that the last requests can succeed.
    fn serve_all(&mut self) {
        for (number, queue) in [REQUESTS, BARE].into_iter().enumerate() {
            let serves = |process: &Process| match &process.plan.role {
                Role::Responder { queue: served, .. } => *served == queue && process.lives(),
                _ => false,
            };
            if !self.processes.values().any(serves) {
                let plan = ProcessPlan {
                    index: STAND_IN + number,
                    role: Role::Responder {
                        queue,
                        concurrency: 64,
                        visibility: Duration::from_secs(30),
                    },
                    offset_ms: 0,
                    drift_ppm: 0,
                    reorder: 0.0,
                };
                self.start(plan, 0);
            }
        }
    }

    fn look_at_the_end(&mut self, asking: &[usize]) {
        for index in asking {
            let Some(process) = self.processes.get(index) else {
                continue;
            };
            let Parts::Requester(requester) = &process.parts else {
                continue;
            };
            let (life, pending) = (process.link.life, requester.pending());
            let left = self.oracle.pending_of(&process.link);
            // An owner's clock may have been stopped for minutes, so its user sends requests later than planned.
            let asks_late = self.oracle.has_stood_still(&process.link)
                && matches!(process.plan.role, Role::Owner(_))
                && left > 0;
            self.oracle.check(Check::SlotsFree, pending == left, || {
                format!("{life} has {pending} slots taken, expected {left}, the number of requests that have not ended")
            });
            if !asks_late {
                self.oracle.check(Check::NotOverdue, left == 0, || {
                    format!("{left} requests of {life} have not ended")
                });
            }
            let given = asks_late || process.plan.role.works_again().is_none();
            if !given && requester.reply_queue().is_some() {
                let left = self.left_on_host_of(*index);
                self.oracle.check(Check::HostDrained, left == 0, || {
                    format!("{left} messages are left on the host of {life}")
                });
            }
        }
        self.oracle.looks_at_words();
        let read: Vec<_> = self.processes.values().flat_map(Process::reads).collect();
        self.oracle
            .looks_at_messages(|queue| read.iter().any(|read| read == queue));
    }

    fn living(&self, which: impl Fn(&Parts) -> bool) -> Vec<usize> {
        let living = self
            .processes
            .iter()
            .filter(|(_, process)| process.lives() && which(&process.parts));
        living.map(|(index, _)| *index).collect()
    }

    pub(super) fn report(mut self) -> (Report, Oracle, Vec<Gate>) {
        self.collect_dead();
        for process in self.processes.values() {
            if !matches!(process.parts, Parts::Gone) {
                self.stats.insert(process.link.life, process.parts.stats());
            }
        }
        let mut coverage = self.oracle.coverage();
        for stats in self.stats.values() {
            let late = stats.late_replies + stats.duplicate_replies;
            let all = [
                (Fault::LateCopy, late),
                (Fault::GivenUp, stats.hosts_given_up),
                (Fault::HostLost, stats.hosts_lost),
                (Fault::HostIdle, stats.hosts_idle),
                (Fault::Swept, stats.hosts_swept),
                (Fault::RetentionGrown, stats.retention_grown),
            ];
            for (fault, count) in all {
                (0..count).for_each(|_| coverage.fault(fault));
            }
        }
        let on = |queue| self.messages_on(&self.network.queue_url(queue));
        let dead_letters = on("dead") + on("dead.fifo");
        let report = Report {
            violation: self.oracle.violation(),
            coverage,
            trace: self.trace.hash(),
            lines: self.trace.take_lines(),
            calls: self.oracle.calls(),
            owner_calls: self.oracle.owner_calls(),
            stats: self.stats,
            dead_letters,
        };
        self.oracle.forgets_owners();
        (report, self.oracle, self.gates)
    }
}
