//! The verdict on a host: alive, dead, or not known yet.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::SqsTime;
use sqs_rpc_transport::Moment;

use crate::lease::{Lease, Stamp, Tag};

/// How long after the end of its lease a host is judged dead: tags may be read one minute stale, and the rest is margin.
/// Also the maximum time by which a stamp may be ahead of the answer that shows it.
pub(crate) const DOUBT: Duration = Duration::from_secs(120);
/// How much longer than its retention a host must be silent, because tags may be read stale.
const STALE: Duration = Duration::from_secs(60);
/// A shorter retention than this counts as this one when silence is judged.
const SHORTEST: Duration = Duration::from_secs(60);

/// The maximum number of remembered hosts. Further hosts are remembered when there is room again; until then they are never
/// judged dead.
const MOST_SILENT: usize = 10_000;

/// A watcher's verdict on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Its owner has renewed its lease in time.
    Alive {
        /// Whether the owner watches the hosts that follow.
        watches: bool,
    },
    /// Its owner has given it up or is dead. It may be deleted.
    Dead,
    /// It may be alive or dead. It is not deleted.
    Unknown(Doubt),
}

/// Why a verdict is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// The lease has just expired, so an owner's clock or a stale tag may be the reason. The host is dead after this time
    /// without a renewal.
    JustOver(Duration),
    /// The stamp is in the future. The host is judged when SQS's time has reached the stamp.
    Future,
    /// The host can only be watched in silence. It is dead if its lease tags do not change for this time from now on.
    Silent(Duration),
    /// The host has lease tags that cannot be read. It is never deleted.
    Unreadable,
    /// The queue has the name of a host but no lease. It is never deleted.
    NoLease,
}

/// One observation of the tags of a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) name: &'a str,
    pub(crate) tag: Tag,
    /// A digest that changes with each renewal, and the longest retention in the tags.
    pub(crate) mark: (u64, Duration),
    /// The `Date` of the answer that contained the tags.
    pub(crate) date: Option<SqsTime>,
    /// The time of the observation by the watcher's own clock.
    pub(crate) now: Moment,
}

/// Judges a host by one observation; by earlier ones, too, if its lease cannot be compared with SQS's time.
pub(crate) fn judge(seen: Seen<'_>, silence: &mut Silence) -> Verdict {
    match seen.tag {
        Tag::Ours(lease) => match (lease.stamp, seen.date) {
            (Stamp::Sqs(stamp), Some(date)) => by_stamp(lease, stamp, date),
            (Stamp::Sqs(_), None) | (Stamp::Beat(_), _) => by_silence(seen, Some(lease), silence),
        },
        Tag::Java(_) => by_silence(seen, None, silence),
        Tag::Unreadable => Verdict::Unknown(Doubt::Unreadable),
        Tag::Absent => Verdict::Unknown(Doubt::NoLease),
    }
}

fn by_stamp(lease: Lease, stamp: SqsTime, date: SqsTime) -> Verdict {
    if stamp > date + DOUBT {
        if sqs_rpc_transport::mutant!("future-stamp-stops-walk") {
            return Verdict::Alive { watches: true };
        }
        return Verdict::Unknown(Doubt::Future);
    }
    let age = date.since(stamp);
    if age <= lease.retention {
        Verdict::Alive {
            watches: lease.watches,
        }
    } else if age <= lease.retention + DOUBT && !sqs_rpc_transport::mutant!("no-doubt") {
        Verdict::Unknown(Doubt::JustOver(lease.retention + DOUBT - age))
    } else {
        Verdict::Dead
    }
}

fn by_silence(seen: Seen<'_>, lease: Option<Lease>, silence: &mut Silence) -> Verdict {
    let (_, retention) = seen.mark;
    let needed = retention.max(SHORTEST) + STALE;
    let look = silence.look(seen.name, seen.mark, seen.now);
    if look.silent > needed {
        return Verdict::Dead;
    }
    match lease {
        // The mark has changed while it was observed, so its owner was alive at that time.
        Some(lease) if look.changed && look.silent <= retention => Verdict::Alive {
            watches: lease.watches,
        },
        _ => Verdict::Unknown(Doubt::Silent(needed - look.silent)),
    }
}

/// The last observations of hosts that can only be watched in silence: their leases are judged by whether they change.
/// A host that two walks did not pass is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    hosts: HashMap<Arc<str>, Entry>,
    walk: u64,
}

/// A value that changes with each renewal, which shows that the owner is alive.
type Mark = (u64, Duration);

#[derive(Debug)]
struct Entry {
    mark: Mark,
    since: Moment,
    changed: bool,
    walk: u64,
}

/// The result of one observation together with the earlier ones.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// How long the mark has been the same, as far as is known.
    silent: Duration,
    /// Whether the mark has ever changed while it was observed.
    changed: bool,
}

impl Silence {
    /// Records the mark that a host shows now.
    fn look(&mut self, name: &str, mark: Mark, now: Moment) -> Look {
        let walk = self.walk;
        if let Some(entry) = self.hosts.get_mut(name) {
            entry.walk = walk;
            if entry.mark != mark {
                (entry.mark, entry.since, entry.changed) = (mark, now, true);
            }
            if sqs_rpc_transport::mutant!("silence-not-believed") {
                entry.since = now;
            }
            return Look {
                silent: now.since(entry.since),
                changed: entry.changed,
            };
        }
        if self.hosts.len() < MOST_SILENT {
            let entry = Entry {
                mark,
                since: now,
                changed: false,
                walk,
            };
            self.hosts.insert(name.into(), entry);
        }
        Look {
            silent: Duration::ZERO,
            changed: false,
        }
    }

    /// A host is gone.
    pub(super) fn forget(&mut self, name: &str) {
        self.hosts.remove(name);
    }

    /// A walk has ended. Hosts that this walk and the one before it did not pass are forgotten: another process watches them.
    pub(super) fn walked(&mut self) {
        let walk = self.walk;
        self.hosts.retain(|_, entry| entry.walk + 1 >= walk);
        self.walk += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::JavaLease;
    use proptest::prelude::*;

    const R: u64 = 300;

    fn sqs(s: u64) -> SqsTime {
        SqsTime::from_millis((1_800_000_000 + s) * 1_000)
    }

    fn at(s: u64) -> Moment {
        Moment::from_start(Duration::from_secs(s))
    }

    fn ours(stamp: Stamp, watches: bool) -> Tag {
        Tag::Ours(Lease {
            stamp,
            retention: Duration::from_secs(R),
            watches,
        })
    }

    fn verdict(tag: Tag, date: Option<u64>, now: u64, silence: &mut Silence) -> Verdict {
        let mark = match tag {
            Tag::Ours(Lease {
                stamp, retention, ..
            }) => match stamp {
                Stamp::Sqs(time) => (time.as_millis(), retention),
                Stamp::Beat(count) => (count, retention),
            },
            Tag::Java(java) => (java.heartbeat, java.retention),
            _ => (0, Duration::ZERO),
        };
        let seen = Seen {
            name: "h",
            tag,
            mark,
            date: date.map(sqs),
            now: at(now),
        };
        judge(seen, silence)
    }

    fn stamped(stamp: u64, date: u64) -> Verdict {
        verdict(
            ours(Stamp::Sqs(sqs(stamp)), true),
            Some(date),
            0,
            &mut Silence::default(),
        )
    }

    #[test]
    fn a_stamp_is_judged_by_the_date_of_the_answer() {
        let alive = Verdict::Alive { watches: true };
        assert_eq!(stamped(1_000, 1_000), alive);
        assert_eq!(stamped(1_000, 1_000 + R), alive);
        assert_eq!(
            stamped(1_000, 1_001 + R),
            Verdict::Unknown(Doubt::JustOver(Duration::from_secs(119)))
        );
        assert!(matches!(
            stamped(1_000, 1_120 + R),
            Verdict::Unknown(Doubt::JustOver(_))
        ));
        assert_eq!(stamped(1_000, 1_121 + R), Verdict::Dead);
        assert_eq!(stamped(1_120, 1_000), alive);
        assert_eq!(stamped(1_121, 1_000), Verdict::Unknown(Doubt::Future));
    }

    #[test]
    fn an_unreadable_or_absent_lease_is_never_dead() {
        let mut silence = Silence::default();
        for now in [0, 1_000_000] {
            let date = Some(1_000_000_000);
            assert_eq!(
                verdict(Tag::Unreadable, date, now, &mut silence),
                Verdict::Unknown(Doubt::Unreadable)
            );
            assert_eq!(
                verdict(Tag::Absent, date, now, &mut silence),
                Verdict::Unknown(Doubt::NoLease)
            );
        }
    }

    #[test]
    fn without_a_date_only_silence_counts() {
        let mut silence = Silence::default();
        // The stamp is old, but without a date it is not compared with anything.
        let tag = |stamp| ours(Stamp::Sqs(sqs(stamp)), true);
        let wait = |s| Verdict::Unknown(Doubt::Silent(Duration::from_secs(s)));
        assert_eq!(verdict(tag(0), None, 100, &mut silence), wait(360));
        assert_eq!(verdict(tag(0), None, 460, &mut silence), wait(0));
        assert_eq!(
            verdict(tag(75), None, 461, &mut silence),
            Verdict::Alive { watches: true },
            "the lease has changed"
        );
        assert_eq!(verdict(tag(75), None, 800, &mut silence), wait(21));
        assert_eq!(verdict(tag(75), None, 822, &mut silence), Verdict::Dead);
    }

    #[test]
    fn a_count_of_beats_is_never_compared_with_a_date() {
        let mut silence = Silence::default();
        let tag = ours(Stamp::Beat(3), false);
        assert!(matches!(
            verdict(tag, Some(1_000_000), 0, &mut silence),
            Verdict::Unknown(Doubt::Silent(_))
        ));
        assert_eq!(
            verdict(tag, Some(1_000_000), 361, &mut silence),
            Verdict::Dead
        );
    }

    #[test]
    fn java_is_watched_in_silence_for_a_minimum_time() {
        let java = |heartbeat| {
            Tag::Java(JavaLease {
                retention: Duration::from_secs(5),
                heartbeat,
            })
        };
        let mut silence = Silence::default();
        // The Java client's clock is years behind.
        let wait = |s| Verdict::Unknown(Doubt::Silent(Duration::from_secs(s)));
        assert_eq!(verdict(java(7), Some(0), 0, &mut silence), wait(120));
        assert_eq!(verdict(java(8), Some(120), 120, &mut silence), wait(120));
        assert_eq!(verdict(java(8), Some(240), 240, &mut silence), wait(0));
        assert_eq!(
            verdict(java(8), Some(241), 241, &mut silence),
            Verdict::Dead
        );
    }

    const MARK: Mark = (1, Duration::from_secs(300));

    #[test]
    fn hosts_that_walks_no_longer_pass_are_forgotten() {
        let mut silence = Silence::default();
        silence.look("a", MARK, at(0));
        silence.walked();
        silence.walked();
        assert_eq!(
            silence.look("a", MARK, at(60)).silent,
            Duration::from_secs(60)
        );
        silence.walked();
        silence.walked();
        silence.walked();
        assert_eq!(silence.look("a", MARK, at(120)).silent, Duration::ZERO);
    }

    #[test]
    fn a_host_without_room_never_counts_as_silent() {
        let mut silence = Silence::default();
        for i in 0..MOST_SILENT + 10 {
            silence.look(&i.to_string(), MARK, at(0));
        }
        assert_eq!(silence.hosts.len(), MOST_SILENT);
        assert_eq!(
            silence.look("10005", MARK, at(9_999)).silent,
            Duration::ZERO
        );
    }

    #[test]
    fn a_longer_retention_is_a_sign_of_life() {
        let mut silence = Silence::default();
        silence.look("a", MARK, at(0));
        let look = silence.look("a", (1, Duration::from_secs(600)), at(9));
        assert!(look.changed && look.silent.is_zero());
    }

    proptest! {
        /// The other half of the safety argument. An owner gives its host up 10 s before its lease ends, in SQS's time, and
        /// does not renew after that. A watcher reads a tag that is at most a minute old, with a date that is at most 30 s
        /// wrong. Its verdict is never `Dead` while the owner may hold the host, whatever the watcher's own clock shows.
        #[test]
        fn a_host_that_its_owner_holds_is_never_dead(
            stamp in 0..100_000u64,
            retention in 60..=43_200u64,
            part in 0.0..1.0f64,
            stale in 0..=60u64,
            wrong in -30..=30i64,
            local in 0..1_000_000u64,
        ) {
            // `now` is any time before the owner must give up, if its last renewal was at most `stale` after the stamp.
            let held_until = stamp + retention - 10 + stale;
            let now = stamp + (part * (held_until - stamp) as f64) as u64;
            let tag = Tag::Ours(Lease { stamp: Stamp::Sqs(sqs(stamp)), retention: Duration::from_secs(retention), watches: true });
            let date = SqsTime::from_millis((sqs(now).as_millis() as i64 + wrong * 1_000) as u64);
            let seen = Seen { name: "h", tag, mark: (0, Duration::from_secs(retention)), date: Some(date), now: at(local) };
            prop_assert_ne!(judge(seen, &mut Silence::default()), Verdict::Dead);
        }
    }
}
