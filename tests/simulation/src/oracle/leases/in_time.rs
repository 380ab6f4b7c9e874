//! I6: dead hosts are deleted in time.

use std::time::Duration;

use sqs_rpc_protocol::{SqsTime, TemporaryQueueName};
use sqs_temporary_queues::{Lease, Stamp, Tag};

use super::goes_by;
use crate::coverage::Check;
use crate::oracle::Oracle;
use crate::oracle::facts::{Host, LeaseFacts, Owner};
use crate::owners::RING;

/// The time from the end of a lease to the verdict, with some margin for a walk.
const VERDICT: Duration = Duration::from_secs(180);
/// The longest time between two walks, in periods, because of jitter.
const TURN: f64 = 1.2;
/// How far a stamp may be ahead of SQS's time.
const AHEAD: Duration = Duration::from_secs(120);
/// The time that a walk takes to read and delete one host, with some margin.
const PACE_EACH: Duration = Duration::from_millis(700);

/// When dead hosts must be deleted.
#[derive(Debug)]
pub(crate) struct InTime {
    /// When all dead hosts must be deleted.
    pub(crate) until: Duration,
    /// From then on no fault affects watchers.
    well: Duration,
    limits: Limits,
    /// The masks of the hosts that were dead then.
    masks: Vec<Mask>,
}

/// How long a dead host may stay after nothing hides it any more.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// The time after the end of its lease.
    expired: Duration,
    /// For a host that must be watched in silence: the time in addition to its retention. It is seen once, and again after
    /// it was silent for its whole retention.
    silent: Duration,
}

/// A time in which a dead host looks as if its owner were alive and watched. Walks end there, so no watcher sees the hosts
/// that follow.
#[derive(Debug, Clone, Copy)]
struct Mask {
    from: Duration,
    until: Duration,
}

impl Oracle {
    /// All faults have stopped.
    pub(crate) fn is_well(&self) {
        let now = self.0.time.now();
        self.lock().leases.well_since = Some(now);
    }

    /// When all hosts that are dead now must be deleted. `None`: there is no ring. `rough`: whether there were faults, after
    /// which watchers wait.
    pub(crate) fn ring_clean_by(&self, rough: bool) -> Option<InTime> {
        let now = self.0.time.now();
        let sqs = SqsTime::from_millis(self.0.time.sqs().as_millis());
        let state = self.lock();
        let leases = &state.leases;
        let well = leases.well_since?;
        let mut in_time = InTime {
            until: well,
            well,
            limits: leases.limits(rough)?,
            masks: leases.masks(now, sqs),
        };
        let dead = leases
            .hosts
            .iter()
            .filter(|(name, host)| leases.is_dead(name, host));
        // Hosts with a stamp in the future are left out, because they may take weeks.
        let expires = dead.filter(|(_, host)| !host.is_ahead_of(sqs));
        let due = expires.filter_map(|(_, host)| in_time.due(host, now, sqs));
        in_time.until = due.fold(well + in_time.limits.expired, Duration::max);
        Some(in_time)
    }

    /// I6: checks that no dead host is left that must be deleted by now.
    pub(crate) fn ring_is_clean(&self, mut in_time: InTime) {
        let now = self.0.time.now();
        let sqs = SqsTime::from_millis(self.0.time.sqs().as_millis());
        let mut state = self.lock();
        let state = &mut *state;
        let leases = &state.leases;
        // An owner may have given up a host since then.
        in_time.masks.extend(leases.masks(now, sqs));
        let dead = leases
            .hosts
            .iter()
            .filter(|(name, host)| leases.is_dead(name, host));
        let found: Vec<_> = dead
            .filter_map(|(name, host)| {
                let due = in_time.due(host, now, sqs)?;
                Some((goes_by(&host.tag), name.clone(), due))
            })
            .collect();
        let gone: Vec<_> = leases.taken.values().copied().collect();
        for (check, name, due) in found {
            self.checked(state, check, now <= due, || {
                format!("{name} still exists, expected its deletion by {due:?}")
            });
        }
        for check in gone {
            self.checked(state, check, true, String::new);
        }
    }

    /// I6 while a fault affects one of the watchers: checks that hosts that have been dead for longer than `age` are deleted.
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
                format!("{name} still exists {dead:?} after its death, expected at most {age:?}")
            });
        }
    }
}

impl InTime {
    /// When a dead host must be deleted; `None`: it must not be deleted.
    fn due(&self, host: &Host, now: Duration, sqs: SqsTime) -> Option<Duration> {
        let (dead, limit) = match host.tag {
            Tag::Ours(Lease {
                stamp: Stamp::Sqs(stamp),
                retention,
                ..
            }) => {
                let expired = true_time(stamp, now, sqs) + retention;
                (host.made.max(expired), self.limits.expired)
            }
            Tag::Ours(lease) => (host.made, lease.retention + self.limits.silent),
            Tag::Java(lease) => (host.written, lease.retention + self.limits.silent),
            _ => return None,
        };
        Some(unmasked(dead.max(self.well), limit, self.masks.clone()) + limit)
    }
}

impl Host {
    const fn is_ahead_of(&self, sqs: SqsTime) -> bool {
        match self.tag {
            Tag::Ours(Lease {
                stamp: Stamp::Sqs(stamp),
                ..
            }) => stamp.as_millis() > sqs.as_millis(),
            _ => false,
        }
    }
}

/// The true time at which SQS's clock shows this time.
fn true_time(stamp: SqsTime, now: Duration, sqs: SqsTime) -> Duration {
    (now + stamp.since(sqs)).saturating_sub(sqs.since(stamp))
}

impl LeaseFacts {
    /// Whether a host is part of the ring and no living process holds it.
    fn is_dead(&self, name: &str, host: &Host) -> bool {
        TemporaryQueueName::parse(name).is_some_and(|parsed| parsed.prefix == RING)
            && !host
                .owner
                .is_some_and(|life| self.holds_or_sleeps(life, name))
    }

    /// The times in which dead hosts look as if their owners were alive and watched.
    fn masks(&self, now: Duration, sqs: SqsTime) -> Vec<Mask> {
        let dead = self
            .hosts
            .iter()
            .filter(|(name, host)| self.is_dead(name, host));
        let mask = |(_, host): (&String, &Host)| match host.tag {
            Tag::Ours(lease) if lease.watches => Some(match lease.stamp {
                Stamp::Sqs(stamp) => {
                    let stamped = true_time(stamp, now, sqs);
                    Mask {
                        from: stamped.saturating_sub(AHEAD),
                        until: stamped + lease.retention,
                    }
                }
                _ => Mask {
                    from: host.written,
                    until: host.written + lease.retention,
                },
            }),
            _ => None,
        };
        dead.filter_map(mask).collect()
    }

    /// The limits; `None`: no process watches.
    fn limits(&self, rough: bool) -> Option<Limits> {
        let watches = |owner: &&Owner| {
            !owner.ended
                && !owner.link.gate.is_killed()
                && owner.plan.prefix == RING
                && owner.plan.watches
                && !owner.plan.face_is_borrower()
        };
        // The longest period counts, because the watcher of a host changes with every new host.
        let periods = self.owners.values().filter(watches);
        let period = periods.map(|owner| owner.plan.period).max()?;
        let turn = period.mul_f64(TURN);
        // A watcher also waits after a failure: at most one period, if a permission was missing.
        let waits = if rough {
            turn + turn / 2
        } else {
            Duration::ZERO
        };
        let pacing = PACE_EACH * u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        let expired = VERDICT + turn + waits + pacing;
        Some(Limits {
            expired,
            silent: expired + turn * 2,
        })
    }
}

/// The first time from which a host is not masked while it must be watched.
fn unmasked(well: Duration, watched: Duration, mut masks: Vec<Mask>) -> Duration {
    masks.sort_by_key(|mask| mask.from);
    let hidden = |seen: Duration, mask: Mask| {
        if mask.from <= seen + watched {
            seen.max(mask.until)
        } else {
            seen
        }
    };
    masks.into_iter().fold(well, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Duration = Duration::from_secs(1_000);
    const WATCHED: Duration = Duration::from_secs(500);

    fn seen_from<const N: usize>(masks: [(u64, u64); N]) -> u64 {
        let mask = |(from, until)| Mask {
            from: Duration::from_secs(from),
            until: Duration::from_secs(until),
        };
        unmasked(WELL, WATCHED, masks.map(mask).to_vec()).as_secs()
    }

    #[test]
    fn a_silent_host_is_seen_once_no_mask_begins_meanwhile() {
        assert_eq!(seen_from([]), 1_000);
        assert_eq!(seen_from([(100, 300)]), 1_000);
        assert_eq!(seen_from([(900, 1_200)]), 1_200);
        // Masks one after the other, in any order.
        assert_eq!(
            seen_from([(1_600, 1_900), (1_400, 1_200), (900, 1_300)]),
            1_900
        );
        // A mask that begins after the silent hosts are deleted.
        assert_eq!(seen_from([(900, 1_200), (1_701, 9_000)]), 1_200);
    }
}
