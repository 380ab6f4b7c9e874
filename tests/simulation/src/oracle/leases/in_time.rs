//! I6: what is dead is gone in time.

use std::time::Duration;

use sqs_rpc_protocol::{SqsTime, TemporaryQueueName};
use sqs_virtual_queues::{Lease, Stamp, Tag};

use super::{Host, LeaseFacts, Owner, goes_by};
use crate::coverage::Check;
use crate::oracle::Oracle;
use crate::owners::RING;

/// From the end of a lease to the verdict, and then some for what a walk takes.
const VERDICT: Duration = Duration::from_secs(180);
/// A walk comes once in the period, with its jitter.
const TURN: f64 = 1.2;
/// A stamp may be ahead of SQS's time by so much.
const AHEAD: Duration = Duration::from_secs(120);
/// Between two hosts that a walk reads and deletes, and then some.
const PACE_EACH: Duration = Duration::from_millis(700);

/// When dead hosts must be gone.
#[derive(Debug)]
pub(crate) struct InTime {
    /// All of them.
    pub(crate) until: Duration,
    /// From then on nothing hinders a watcher.
    well: Duration,
    limits: Limits,
    /// Those of the hosts that were dead then.
    masks: Vec<Mask>,
}

/// How long a dead host may stay from when nothing hides it any more.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// After the end of its lease.
    expired: Duration,
    /// What must be watched in silence is seen once, and again when it was silent for its whole retention: so much longer
    /// than that.
    silent: Duration,
}

/// When a dead host looks as if its owner lived and watched. Walks end there, and what follows is seen by nobody.
#[derive(Debug, Clone, Copy)]
struct Mask {
    from: Duration,
    until: Duration,
}

impl Oracle {
    /// All is well from now on.
    pub(crate) fn is_well(&self) {
        let now = self.0.time.now();
        self.lock().leases.well_since = Some(now);
    }

    /// When all hosts must be gone that are dead now. `None`: there is no ring. `rough`: there were faults, and watchers
    /// wait after them.
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
        // Those whose stamps are in the future would take weeks.
        let expires = dead.filter(|(_, host)| !host.is_ahead_of(sqs));
        let due = expires.filter_map(|(_, host)| in_time.due(host, now, sqs));
        in_time.until = due.fold(well + in_time.limits.expired, Duration::max);
        Some(in_time)
    }

    /// I6: no dead host is left of those that should be gone; none is gone of those that nobody may delete.
    pub(crate) fn ring_is_clean(&self, mut in_time: InTime) {
        let now = self.0.time.now();
        let sqs = SqsTime::from_millis(self.0.time.sqs().as_millis());
        let mut state = self.lock();
        let state = &mut *state;
        let leases = &state.leases;
        // Some owner may have given up a host since.
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
                format!("{name} is there, and should be gone since {due:?}")
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

impl InTime {
    /// When a dead host must be gone; `None`: nobody may delete it.
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

/// When SQS's clock shows this time.
fn true_time(stamp: SqsTime, now: Duration, sqs: SqsTime) -> Duration {
    (now + stamp.since(sqs)).saturating_sub(sqs.since(stamp))
}

impl LeaseFacts {
    /// Whether it is one of the ring's, and nobody lives who holds it.
    fn is_dead(&self, name: &str, host: &Host) -> bool {
        TemporaryQueueName::parse(name).is_some_and(|parsed| parsed.prefix == RING)
            && !host
                .owner
                .is_some_and(|life| self.holds_or_sleeps(life, name))
    }

    /// When dead hosts look as if their owners lived and watched.
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

    /// `None`: nobody watches.
    fn limits(&self, rough: bool) -> Option<Limits> {
        let watches = |owner: &&Owner| {
            !owner.ended
                && !owner.link.gate.is_killed()
                && owner.plan.prefix == RING
                && owner.plan.watches
                && !owner.plan.face_is_borrower()
        };
        // Which of them comes by a host changes with every host that is made.
        let periods = self.owners.values().filter(watches);
        let period = periods.map(|owner| owner.plan.period).max()?;
        let turn = period.mul_f64(TURN);
        // After a failure a watcher waits, too: at the longest for a period, where a right was missing.
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

/// From when on nothing is hidden for as long as it must be watched.
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
    fn what_is_watched_in_silence_is_seen_when_nothing_that_hides_it_begins_meanwhile() {
        assert_eq!(seen_from([]), 1_000);
        assert_eq!(seen_from([(100, 300)]), 1_000);
        assert_eq!(seen_from([(900, 1_200)]), 1_200);
        // One after the other, in any order.
        assert_eq!(
            seen_from([(1_600, 1_900), (1_400, 1_200), (900, 1_300)]),
            1_900
        );
        // Long after the silent ones are gone.
        assert_eq!(seen_from([(900, 1_200), (1_701, 9_000)]), 1_200);
    }
}
