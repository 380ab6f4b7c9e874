//! I6: what is dead is gone in time.

use std::time::Duration;

use sqs_rpc_protocol::{SqsTime, TemporaryQueueName};
use sqs_virtual_queues::{Lease, Stamp, Tag};

use super::{Host, LeaseFacts, Owner};
use crate::coverage::Check;
use crate::oracle::{Oracle, State};
use crate::owners::RING;

/// From the end of a lease to the verdict, and then some for what a walk takes.
const VERDICT: Duration = Duration::from_secs(180);
/// After a call that failed a walk goes on so much later.
const GOES_ON: Duration = Duration::from_secs(30);
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
    /// From then on nothing hides a host that must be watched without a break.
    seen_from: Duration,
    /// Such a host, so long after.
    silent: Duration,
}

/// When a dead host looks as if its owner lived and watched. Walks end there, and what follows is seen by nobody.
#[derive(Debug, Clone, Copy)]
struct Mask {
    from: Duration,
    until: Duration,
}

impl Oracle {
    /// All is well from now on. `rough`: there were faults, and watchers wait after them.
    pub(crate) fn is_well(&self, rough: bool) {
        let now = self.0.time.now();
        let leases = &mut self.lock().leases;
        leases.well_since = Some(now);
        leases.rough = rough;
    }

    /// When all hosts must be gone that are dead now. `None`: there is no ring. `rough`: there were faults, and watchers
    /// wait after them.
    pub(crate) fn ring_clean_by(&self, rough: bool) -> Option<InTime> {
        let now = self.0.time.now();
        let sqs = SqsTime::from_millis(self.0.time.sqs().as_millis());
        let state = self.lock();
        let leases = &state.leases;
        let well = leases.well_since?;
        let stamped = leases.bound(rough, false)?;
        let silent = leases.bound(rough, true)?;
        let seen_from = unmasked(well, silent, leases.masks(now, sqs));
        let until = if leases.any_silent() {
            seen_from + silent
        } else {
            well + stamped
        };
        Some(InTime {
            until,
            seen_from,
            silent,
        })
    }

    /// I6: no dead host is left of those that can only be watched in silence.
    pub(crate) fn ring_is_clean(&self, in_time: &InTime) {
        let now = self.0.time.now();
        let mut state = self.lock();
        let state = &mut *state;
        let leases = &state.leases;
        let mut found = Vec::new();
        for (name, host) in &leases.hosts {
            if !leases.is_dead(name, host) {
                continue;
            }
            let since = match host.tag {
                Tag::Ours(Lease {
                    stamp: Stamp::Sqs(_),
                    ..
                }) => continue,
                Tag::Ours(_) => host.made.max(in_time.seen_from),
                Tag::Java(_) => host.written.max(in_time.seen_from),
                _ => continue,
            };
            found.push((name.clone(), now.saturating_sub(since), in_time.silent));
        }
        for (name, dead, most) in found {
            self.checked(state, Check::SilentIsGone, dead <= most, || {
                format!("{name} is there {dead:?} after its death; {most:?} are allowed")
            });
        }
        let taken = leases_taken(&state.leases, Check::SilentIsGone);
        for _ in 0..taken {
            self.checked(state, Check::SilentIsGone, true, String::new);
        }
    }

    /// I6: no dead host is there whose time is over. Each second, once all is well.
    pub(in crate::oracle) fn looks_for_overdue(&self, state: &mut State, now: Duration) {
        let sqs = SqsTime::from_millis(self.0.time.sqs().as_millis());
        let due = state.leases.due(now, sqs);
        let late: Vec<_> = due.into_iter().filter(|(_, due)| now > *due).collect();
        for (name, due) in late {
            self.checked(state, Check::DeadIsGone, false, || {
                format!("{name} is there {:?} after it should be gone", now - due)
            });
        }
    }

    /// A dead host is about to be deleted.
    pub(in crate::oracle) fn is_gone_in_time(&self, state: &mut State, name: &str) {
        let now = self.0.time.now();
        let sqs = SqsTime::from_millis(self.0.time.sqs().as_millis());
        let due = state.leases.due(now, sqs);
        if let Some((_, due)) = due.into_iter().find(|(other, _)| other == name) {
            self.checked(state, Check::DeadIsGone, now <= due, || {
                format!("{name} is deleted {:?} after it should be gone", now - due)
            });
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
    /// Whether it is one of the ring's, and nobody lives who holds it.
    fn is_dead(&self, name: &str, host: &Host) -> bool {
        is_of_ring(name)
            && !host
                .owner
                .is_some_and(|life| self.holds_or_sleeps(life, name))
    }

    /// When each dead host must be gone that has a stamp. Its watcher is the nearest one before it that lives; whatever lies
    /// between them and looks alive ends the walk of that watcher.
    fn due(&self, now: Duration, sqs: SqsTime) -> Vec<(String, Duration)> {
        let Some(well) = self.well_since else {
            return Vec::new();
        };
        let hosts: Vec<_> = self
            .hosts
            .iter()
            .filter(|(name, _)| is_of_ring(name))
            .collect();
        let period = |(name, host): &(&String, &Host)| {
            let life = host.owner?;
            let owner = self.owners.get(&life)?;
            let watches = owner.plan.watches && !owner.plan.face_is_borrower();
            (watches && self.holds_or_sleeps(life, name)).then_some(owner.plan.period)
        };
        let Some(first) = hosts.iter().position(|host| period(host).is_some()) else {
            return Vec::new();
        };
        let pacing = PACE_EACH * u32::try_from(hosts.len()).unwrap_or(u32::MAX);
        let slowest = self.bound(self.rough, false).unwrap_or_default() + GOES_ON;
        let mut due = Vec::new();
        let (mut turn, mut over) = (Duration::ZERO, well);
        for host in hosts[first..].iter().chain(&hosts[..first]) {
            if let Some(period) = period(host) {
                (turn, over) = (period.mul_f64(TURN), well);
                continue;
            }
            let (name, host) = *host;
            let Tag::Ours(lease) = host.tag else {
                continue;
            };
            let ends = match lease.stamp {
                Stamp::Sqs(stamp) => {
                    (now + stamp.since(sqs)).saturating_sub(sqs.since(stamp)) + lease.retention
                }
                _ => continue,
            };
            if lease.watches {
                over = over.max(ends);
            }
            if self.is_dead(name, host) {
                // After a failure a watcher waits, too: at the longest for a period, where a right was missing.
                let waits = if self.rough {
                    turn + turn / 2
                } else {
                    Duration::ZERO
                };
                let since = over.max(ends).max(host.made);
                let own = since + VERDICT + turn + GOES_ON + waits + pacing;
                // Which watcher comes next is not followed closely enough to demand less than of the slowest.
                due.push((name.clone(), own.max(host.made.max(well) + slowest)));
            }
        }
        due
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
                    let stamped = (now + stamp.since(sqs)).saturating_sub(sqs.since(stamp));
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

/// Whether it is called as a host of the ring is.
fn is_of_ring(name: &str) -> bool {
    TemporaryQueueName::parse(name).is_some_and(|parsed| parsed.prefix == RING)
}

/// How many hosts were deleted that this check is about.
fn leases_taken(leases: &LeaseFacts, check: Check) -> usize {
    leases.taken.values().filter(|of| **of == check).count()
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
