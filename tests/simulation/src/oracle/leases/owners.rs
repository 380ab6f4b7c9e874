//! Checks each second which hosts the owners report to hold.

use std::time::Duration;

use local_sqs::engine::Action;
use sqs_rpc_protocol::SqsTime;
use sqs_temporary_queues::{Stamp, Tag};

use super::{IDLE_SLACK, of_life};
use crate::coverage::Check;
use crate::oracle::Oracle;
use crate::oracle::facts::{RECOVERY, RequestFacts, State};
use crate::owners::{Face, name_of};
use crate::process::LifeId;

/// The latest begin of a renewal, as a part of R: a quarter, plus a fifth of that for jitter.
const RENEWED: f64 = 0.3;
/// The maximum time of a renewal.
const RENEWAL: Duration = Duration::from_secs(5);
/// The time within which pending requests end after the loss of their host. The poll in flight shows the loss.
const AT_ONCE: Duration = Duration::from_secs(12);
/// The time within which an owner learns SQS's time after a pause of its machine.
const DAZED: Duration = Duration::from_secs(10);
/// How far a `Date` may be wrong.
const DATES_OFF: Duration = Duration::from_secs(6);
/// More than the allowed error of a new host's stamp, which is 30 s and the error of a `Date`.
const SKEWED: Duration = Duration::from_secs(60);

impl Oracle {
    /// Checks all owners.
    pub(crate) fn looks_at_owners(&self) {
        let now = self.0.time.now();
        let mut state = self.lock();
        if state.leases.owners.is_empty() {
            return;
        }
        let lives: Vec<_> = state.leases.owners.keys().copied().collect();
        for life in lives {
            self.looks_at_owner(&mut state, life, now);
        }
        let overdue: Vec<_> = state
            .leases
            .lost
            .iter()
            .filter(|(_, lost)| now > **lost + AT_ONCE)
            .map(|(body, _)| body.clone())
            .collect();
        for body in overdue {
            // In a process that was killed in the meantime, no request ends.
            let waits = state.requests.get(&body).is_some_and(RequestFacts::waits);
            if waits {
                self.lost_ends(&mut state, &body);
            } else {
                state.leases.lost.remove(&body);
            }
        }
    }

    fn looks_at_owner(&self, state: &mut State, life: LifeId, now: Duration) {
        let begins = format!("q{life}-");
        let busy = of_life(state, &begins).next().is_some();
        let Some(owner) = state.leases.owners.get_mut(&life) else {
            return;
        };
        if owner.link.gate.is_killed() || owner.ended {
            owner.dead.get_or_insert(now);
        }
        if owner.ended || owner.asleep || !owner.link.gate.is_open() {
            return;
        }
        let held: Vec<_> = (owner.holds)().iter().map(name_of).collect();
        if busy || owner.working > 0 {
            owner.worked = now;
        }
        if !held.is_empty() {
            owner.held = now;
        }
        if owner.unaware.is_some() || owner.plan.face_is_borrower() {
            return;
        }
        let idle = now.saturating_sub(owner.worked);
        let (idle_time, face) = (owner.plan.idle_time, owner.plan.face);
        let most_idle = idle_time.mul_f64(1.25) + IDLE_SLACK;
        if face == Face::Requester {
            // The owner measures its idle time by its own clock.
            let since = now.saturating_sub(idle);
            let slept = state.conditions.slept_since(life.process, since);
            self.asked(
                state,
                Check::IdleHostGoes,
                slept,
                held.is_empty() || idle <= most_idle,
                || format!("{life} keeps {held:?} although it was idle for {idle:?}"),
            );
        }
        let actions = [Action::TagQueue];
        let clear = state.conditions.clear_since(life.process, &actions, now);
        let awake = state.conditions.awake_since(life.process);
        let well = clear.zip(awake).map(|(clear, awake)| {
            // Failed calls are retried after a while.
            let late = clear.max(awake);
            if late.is_zero() {
                late
            } else {
                late + RECOVERY
            }
        });
        // After all faults have stopped, the time counts from that moment, without a time for recovery.
        let well_since = state.leases.well_since.or(well.filter(|well| *well <= now));
        for name in held {
            let taken = state.leases.taken.contains_key(&name);
            self.checked(state, Check::NotLive, !taken, || {
                format!("{life} uses {name}, which another process has deleted as dead")
            });
            let Some(host) = state.leases.hosts.get(&name) else {
                continue;
            };
            let (skew, tag) = (host.skew, host.tag);
            self.checked(state, Check::StampIsRight, skew <= SKEWED, || {
                format!("{life} uses {name}, whose stamp was {skew:?} wrong when it was created")
            });
            let Tag::Ours(lease) = tag else {
                continue;
            };
            if let Stamp::Sqs(stamp) = lease.stamp {
                let sqs = SqsTime::from_millis(self.0.time.sqs().as_millis());
                let age = sqs.since(stamp);
                // A late `Date` may have made the stamp older than it was, and the owner learns that from a later answer.
                let written = now.saturating_sub(age);
                let behind = state.conditions.dates_behind(life.process, written, now);
                let right = age <= lease.retention + DATES_OFF + behind;
                // After a pause with both clocks, an owner believes the new time when a second answer agrees.
                let dazed = awake.is_none_or(|since| !since.is_zero() && now < since + DAZED);
                self.asked(state, Check::WithinLease, dazed, right, || {
                    format!(
                        "{life} uses {name}, whose lease of {:?} is {age:?} old",
                        lease.retention
                    )
                });
            }
            let well = well_since.unwrap_or(now);
            let age = now.saturating_sub(state.leases.hosts[&name].written.max(well));
            let most = lease.retention.mul_f64(RENEWED) + RENEWAL;
            // The renewal cannot be late yet, or a fault delays it.
            let young = now.saturating_sub(well) <= most;
            self.asked(state, Check::Renewed, young, age <= most, || {
                format!(
                    "{life} has not renewed the lease of {name} for {age:?}; its retention is {:?}",
                    lease.retention
                )
            });
        }
    }

    /// A request has ended.
    pub(in crate::oracle) fn lost_ends(&self, state: &mut State, body: &str) {
        let now = self.0.time.now();
        if let Some(lost) = state.leases.lost.remove(body) {
            let late = now.saturating_sub(lost);
            self.checked(state, Check::LossIsTold, late <= AT_ONCE, || {
                format!(
                    "{body} ended {late:?} after the loss of its host, expected at most {AT_ONCE:?}"
                )
            });
        }
    }
}
