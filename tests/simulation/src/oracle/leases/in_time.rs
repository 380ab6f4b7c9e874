//! I6: what is dead is gone in time.

use std::time::Duration;

use sqs_rpc_protocol::TemporaryQueueName;
use sqs_virtual_queues::{Lease, Stamp, Tag};

use super::{Host, LeaseFacts, Owner, goes_by};
use crate::coverage::Check;
use crate::oracle::Oracle;
use crate::owners::RING;

/// From the end of a lease to the verdict, and then some for what a walk takes.
const VERDICT: Duration = Duration::from_secs(180);
/// A walk comes once in the period, with its jitter.
const TURN: f64 = 1.2;
/// Between two hosts that a walk reads and deletes, and then some.
const PACE_EACH: Duration = Duration::from_millis(700);

impl Oracle {
    /// All is well from now on.
    pub(crate) fn is_well(&self) {
        let now = self.0.time.now();
        self.lock().leases.well_since = Some(now);
    }

    /// When, at the latest, all hosts are gone that are dead now. `None`: there is no ring. `rough`: there were faults, and
    /// watchers wait after them.
    pub(crate) fn ring_clean_by(&self, rough: bool) -> Option<Duration> {
        let state = self.lock();
        let leases = &state.leases;
        let (well, bound) = (leases.well_since?, leases.bound(rough, false)?);
        Some(
            well + if leases.any_silent() {
                leases.bound(rough, true)?
            } else {
                bound
            },
        )
    }

    /// I6: no dead host is left of those that should be gone; none is gone of those that nobody may delete.
    pub(crate) fn ring_is_clean(&self, rough: bool) {
        let now = self.0.time.now();
        let sqs = self.0.time.sqs().as_millis();
        let mut state = self.lock();
        let state = &mut *state;
        let leases = &state.leases;
        let (Some(well), Some(bound), Some(silent)) = (
            leases.well_since,
            leases.bound(rough, false),
            leases.bound(rough, true),
        ) else {
            return;
        };
        let mut found = Vec::new();
        for (name, host) in &leases.hosts {
            let Some(parsed) = TemporaryQueueName::parse(name) else {
                continue;
            };
            if parsed.prefix != RING {
                continue;
            }
            if host
                .owner
                .is_some_and(|life| leases.holds_or_sleeps(life, name))
            {
                continue;
            }
            let dead = now.saturating_sub(host.made.max(well));
            let most = match host.tag {
                Tag::Ours(Lease {
                    stamp: Stamp::Sqs(stamp),
                    ..
                }) => {
                    // A stamp in the future: it died then.
                    let ahead = stamp
                        .as_millis()
                        .saturating_sub(sqs.saturating_sub(dead.as_millis() as u64));
                    bound + Duration::from_millis(ahead)
                }
                Tag::Ours(_) | Tag::Java(_) => silent,
                _ => continue,
            };
            let check = goes_by(&host.tag);
            let dead = match host.tag {
                Tag::Java(_) => now.saturating_sub(host.written.max(well)),
                _ => dead,
            };
            found.push((check, dead <= most, name.clone(), dead, most));
        }
        let gone: Vec<_> = leases.taken.values().copied().collect();
        for (check, holds, name, dead, most) in found {
            self.checked(state, check, holds, || {
                format!("{name} is there {dead:?} after its death; {most:?} are allowed")
            });
        }
        for check in gone {
            self.checked(state, check, true, String::new);
        }
    }

    /// I6, while something is broken for one of the watchers: what was dead so long ago is gone.
    pub(crate) fn is_clean_since(&self, age: Duration) {
        let now = self.0.time.now();
        let mut state = self.lock();
        let state = &mut *state;
        let dead = |host: &Host| match host.owner {
            Some(life) => state.leases.owners.get(&life)?.dead,
            None => None,
        };
        let left: Vec<_> = state
            .leases
            .hosts
            .iter()
            .filter_map(|(name, host)| Some((name.clone(), now.saturating_sub(dead(host)?))))
            .collect();
        for (name, dead) in left {
            self.checked(state, Check::DeadIsGone, dead <= age, || {
                format!("{name} is there {dead:?} after its death; {age:?} are allowed")
            });
        }
    }
}

impl LeaseFacts {
    fn any_silent(&self) -> bool {
        let silent = |host: &Host| {
            matches!(
                host.tag,
                Tag::Java(_)
                    | Tag::Ours(Lease {
                        stamp: Stamp::Beat(_),
                        ..
                    })
            )
        };
        self.hosts.values().any(silent)
    }

    /// How long a dead host may stay. `None`: nobody watches.
    fn bound(&self, rough: bool, silent: bool) -> Option<Duration> {
        let watches = |owner: &&Owner| {
            !owner.ended
                && !owner.link.gate.is_killed()
                && owner.plan.prefix == RING
                && owner.plan.watches
                && !owner.plan.face_is_borrower()
        };
        let periods = self.owners.values().filter(watches);
        let period = periods.map(|owner| owner.plan.period).max()?;
        let retentions = self.hosts.values().filter_map(|host| match host.tag {
            Tag::Ours(lease) => Some(lease.retention),
            Tag::Java(lease) if silent => Some(lease.retention),
            _ => None,
        });
        let configured = self.owners.values().map(|owner| owner.plan.retention);
        let retention = retentions.chain(configured).max()?;
        let turn = period.mul_f64(TURN);
        // After a failure a watcher waits, too: at the longest for a period, where a right was missing.
        let waits = if rough {
            turn + turn / 2
        } else {
            Duration::ZERO
        };
        let pacing = PACE_EACH * u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        // What is watched in silence is seen once, and again when it was silent for long enough.
        let again = if silent { turn * 2 } else { Duration::ZERO };
        Some(retention + VERDICT + turn + waits + pacing + again)
    }
}
