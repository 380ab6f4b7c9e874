//! Carries out the steps of a plan.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqs_rpc_protocol::names;

use super::process::Parts;
use super::{START, World};
use crate::coverage::Fault;
use crate::dice::Dice;
use crate::link::Link;
use crate::plan::{Step, What};

impl World<'_> {
    pub(super) fn take(&mut self, step: &Step) {
        match &step.what {
            What::Restart => return self.restart(step.process),
            What::Undecodable(queue, count) => {
                for number in 0..*count {
                    self.oracle.fault(Fault::Undecodable);
                    let body = format!("u{queue}-{}-{number}", step.at.as_millis());
                    self.put(queue, &body, vec![(names::HEADER, "no header".to_owned())]);
                }
                return;
            }
            What::DeadRequests(queue, count) => {
                for number in 0..*count {
                    self.oracle.fault(Fault::DeadRequest);
                    self.put_dead_request(queue, number);
                }
                return;
            }
            What::OldRequest(queue) => {
                self.oracle.fault(Fault::OldRequest);
                return self.put_old_request(queue, step.at);
            }
            What::Orphans(host, count) => {
                for number in 0..*count {
                    self.oracle.fault(Fault::Orphan);
                    let name = format!("nobody-{number}");
                    let body = format!("o{number}");
                    self.put(host, &body, vec![(names::VIRTUAL_QUEUE_NAME, name)]);
                }
                return;
            }
            What::Foreign(foreign) => return self.put_foreign(step, foreign),
            What::CleanSince(age) => return self.oracle.is_clean_since(*age),
            What::Count(on) => return self.oracle.counts_owner_calls(*on),
            What::LoseHosts => {
                if let Some(process) = self.processes.get(&step.process) {
                    self.lose_hosts(process);
                }
                return;
            }
            _ => {}
        }
        let seed = self.plan.seed;
        let Some(process) = self.processes.get_mut(&step.process) else {
            // The process was removed from the plan.
            return;
        };
        if process.link.gate.is_killed() {
            return;
        }
        let (link, oracle) = (process.link.clone(), self.oracle.clone());
        match &step.what {
            What::Ask(ask) => {
                let dice = Dice::new(seed, &format!("{} {:?}", link.life, step));
                process.ask(ask, dice, &self.network, &oracle);
            }
            What::Send(send) => {
                let dice = Dice::new(seed, &format!("{} {:?}", link.life, step));
                process.send(send, step.at, dice, &oracle);
            }
            What::Stop(time) => self.pause(&link, Fault::Stopped, *time),
            What::Suspend(time) => self.pause(&link, Fault::Suspended, *time),
            What::PauseMachine(time) => self.pause(&link, Fault::MachinePaused, *time),
            What::StepClock(millis) => {
                oracle.fault(Fault::ClockStep);
                link.clock.step_wall(*millis);
                oracle.clock_is_set(link.life);
                oracle.is_set(link.life, *millis);
            }
            What::Kill => {
                oracle.fault(Fault::Killed);
                link.kill();
                self.collect_dead();
            }
            What::KillAfter(polls) => {
                let gone = link.gone.clone();
                link.gate.kill_after(*polls, move || {
                    oracle.fault(Fault::KilledMidway);
                    gone.cancel();
                });
            }
            What::KillAfterReply => link.trap.store(true, Ordering::Relaxed),
            What::ShutDown(within) => process.shut_down(*within, &oracle),
            What::EndTasks => {
                oracle.fault(Fault::TasksEnded);
                oracle.tasks_end(link.life);
                oracle.disowns(link.life);
                link.ended.cancel();
                link.gone.cancel();
                process.shut = true;
            }
            What::Drop => {
                oracle.fault(Fault::Dropped);
                oracle.disowns(link.life);
                self.stats.insert(link.life, process.parts.stats());
                process.parts = Parts::Gone;
            }
            What::Restart
            | What::Undecodable(..)
            | What::OldRequest(_)
            | What::DeadRequests(..)
            | What::Orphans(..)
            | What::LoseHosts
            | What::Foreign(_)
            | What::CleanSince(_)
            | What::Count(_) => {}
        }
    }

    fn restart(&mut self, index: usize) {
        self.collect_dead();
        let Some(process) = self.processes.get(&index) else {
            return;
        };
        if process.shut || matches!(process.parts, Parts::Gone) {
            self.oracle.fault(Fault::Restarted);
            let (plan, life) = (process.plan.clone(), process.link.life.life + 1);
            self.stats
                .entry(process.link.life)
                .or_insert_with(|| process.parts.stats());
            self.start(plan, life);
        }
    }

    /// Pauses a process. A process that is already paused is not paused longer.
    fn pause(&self, link: &Link, how: Fault, time: Duration) {
        if !link.gate.is_open() {
            return;
        }
        self.oracle.fault(how);
        link.gate.shut();
        self.oracle.stands_still(link.life);
        self.oracle.falls_asleep(link.life, how);
        if how != Fault::Stopped {
            link.clock.stop();
        }
        // No process is paused after the end of the faults.
        let healed = START + self.plan.length;
        let (until, link) = ((self.time.now() + time).min(healed), link.clone());
        let (true_time, oracle) = (self.time.clone(), self.oracle.clone());
        tokio::spawn(async move {
            true_time.until(until).await;
            if how != Fault::Stopped {
                link.clock.go_on(how == Fault::MachinePaused);
            }
            oracle.note(format_args!("{} goes on", link.life));
            oracle.moves_again(link.life);
            oracle.wakes_up(link.life);
            link.gate.open(link.clock.now());
        });
    }
}
