//! SQS's time, derived from the dates of its answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqs_rpc_protocol::SqsTime;

use super::clock::Moment;
use crate::mutant;

/// The difference between the local monotonic clock and SQS's clock, derived from the answers of SQS. Cheap to clone;
/// clones share the state.
///
/// An answer with `Date: d` that was awaited from `sent` to `received` proves that SQS's clock was somewhere in
/// `[d, d + 1 s)` (the header is truncated to whole seconds) at some moment between the two. So SQS's time now is at
/// least `d + (now - received)` and less than `d + 1 s + (now - sent)`. The sample with the shortest round trip gives
/// the narrowest bounds, so it is kept.
///
/// An answer whose date jumps (is more than 30 s outside of the bounds of the kept sample) is believed when the next
/// answer agrees with it. Until then the time is unknown.
///
/// A proxy may replace the `Date` of successful answers with its own, wrong time. The timestamp that SQS puts on a
/// message shows this: see [`received`](Self::received). The time then stays unknown permanently.
///
/// **Invariant:** the clocks of two machines are never compared. Where SQS's time is unknown, the result is `None`,
/// and the caller must choose the safe side.
#[derive(Debug, Clone, Default)]
pub struct ServerClock(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// The sample with the shortest round trip.
    best: Option<Sample>,
    /// An answer whose date jumped, until another answer agrees with it or with `best`.
    doubt: Option<Sample>,
    /// Whether a message has shown that `Date` is not SQS's time. Then nothing is known, and nothing more is learned.
    is_wrong: bool,
    /// The answers that were furthest ahead, newest last, each less far ahead than the entries before it.
    ahead: VecDeque<Ahead>,
}

/// The amount by which an answer was ahead of the local clock.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    received: Moment,
    /// The answer's date minus `received`, in ms.
    by: i128,
}

/// One answer of SQS and the times at which its call began and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Just before the call.
    pub sent: Moment,
    /// Just after its answer.
    pub received: Moment,
    /// The local wall clock at `received`, which detects that the machine was suspended.
    pub wall: SystemTime,
    /// The answer's `Date`.
    pub date: SystemTime,
}

/// The maximum number of entries in [`Known::ahead`].
const AHEAD: usize = 64;

/// The age at which a sample is no longer believed. Two clocks drift apart by some milliseconds in that time.
const LIFE: Duration = Duration::from_secs(600);

/// The maximum error of answers and of timestamps of messages that is accepted. The leases allow for the same error
/// (`docs/leases.md`).
const OFF: Duration = Duration::from_secs(30);

/// If the wall clock and the monotonic clock differ by this much, the monotonic clock stood still (a suspended
/// machine) or the wall clock was set. The sample may be wrong then.
const PARTED: Duration = Duration::from_secs(2);

impl ServerClock {
    /// A clock without any samples.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns from an answer. The answer must come from SQS itself, not from a proxy.
    pub fn learn(&self, sample: Sample) {
        let mut known = self.known();
        if known.is_wrong {
            return;
        }
        let jumps = known.best.is_some_and(|best| {
            best.is_alive(sample.received, sample.wall) && best.apart(sample) > OFF
        });
        match known.doubt.take() {
            _ if !jumps => {}
            Some(doubt) if doubt.apart(sample) <= OFF => {
                known.note(doubt);
                known.best = None;
            }
            _ if mutant!("one-jump-believed") => {}
            _ => {
                known.doubt = Some(sample);
                return;
            }
        }
        known.note(sample);
        let better = match known.best {
            // Only one of two contradicting samples can be right. A machine that was paused with both clocks causes
            // such a contradiction, so the new sample replaces the old sample.
            Some(old) if old.contradicts(sample) => true,
            Some(old) if old.is_alive(sample.received, sample.wall) => {
                // An old sample loses a thousandth of its age. That is far more than the drift of clocks, and enough
                // to prefer a fresh sample of the same quality.
                let slack = sample.received.since(old.received) / 1000;
                sample.round_trip() <= old.round_trip() + slack
            }
            _ => true,
        };
        if better {
            known.best = Some(sample);
        }
    }

    /// The least time of SQS that the answers received since `since` prove, whatever the local clocks did before
    /// those answers. `None` without such an answer.
    ///
    /// Both clocks of a virtual machine may stand still while the machine is paused. Then
    /// [`earliest`](Self::earliest) is too early until the old sample expires, but this method is right after the
    /// first answer.
    ///
    /// A jumped answer that is still in doubt counts, too: callers of this method then stop using a queue that may
    /// belong to another owner.
    #[must_use]
    pub fn proven_since(&self, since: Moment, now: Moment) -> Option<SqsTime> {
        let known = self.known();
        let furthest = known.ahead.iter().find(|ahead| ahead.received >= since);
        let doubt = known.doubt.filter(|doubt| doubt.received >= since);
        let by = furthest
            .map(|furthest| furthest.by)
            .max(doubt.and_then(Sample::ahead_by))?;
        u64::try_from(by + millis(now.since_start()))
            .ok()
            .map(SqsTime::from_millis)
    }

    /// Compares the `Date`s with SQS's own timestamp on a message. `stamp` is the `SentTimestamp` of a message that
    /// was sent after `after` and has arrived at `now`, such as the reply to a request that was made at `after`.
    ///
    /// Returns whether this comparison has just shown that `Date` is not SQS's time: `stamp` is more than 30 s
    /// outside of the bounds that the `Date`s allow. From then on the time is unknown. While a jumped answer is in
    /// doubt, the comparison shows nothing.
    pub fn received(&self, stamp: SqsTime, after: Moment, now: Moment, wall: SystemTime) -> bool {
        let mut known = self.known();
        let alive = known.best.filter(|sample| sample.is_alive(now, wall));
        let (Some(sample), None) = (alive, known.doubt) else {
            return false;
        };
        let Ok(date) = sample.date.duration_since(UNIX_EPOCH) else {
            return false;
        };
        let (stamp, off) = (i128::from(stamp.as_millis()), millis(OFF));
        let at = |moment: Moment, known: Moment| {
            millis(date) + millis(moment.since_start()) - millis(known.since_start())
        };
        let (earliest, latest) = (at(after, sample.received), at(now, sample.sent) + 1_000);
        let is_wrong = stamp < earliest - off || stamp > latest + off;
        if is_wrong {
            *known = Known {
                is_wrong,
                ..Known::default()
            };
        }
        is_wrong
    }

    /// Whether a message has shown that `Date` is not SQS's time: see [`received`](Self::received).
    pub(super) fn is_wrong(&self) -> bool {
        self.known().is_wrong
    }

    /// The earliest possible SQS time; `None` if it is not known.
    #[must_use]
    pub fn earliest(&self, now: Moment, wall: SystemTime) -> Option<SqsTime> {
        let sample = self.alive(now, wall)?;
        to_sqs_time(sample.date, now.since(sample.received))
    }

    /// The latest possible SQS time; `None` if it is not known.
    #[must_use]
    pub fn latest(&self, now: Moment, wall: SystemTime) -> Option<SqsTime> {
        let sample = self.alive(now, wall)?;
        to_sqs_time(sample.date, now.since(sample.sent) + Duration::from_secs(1))
    }

    fn alive(&self, now: Moment, wall: SystemTime) -> Option<Sample> {
        let known = self.known();
        known
            .best
            .filter(|_| known.doubt.is_none())
            .filter(|sample| sample.is_alive(now, wall))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, sample: Sample) {
        let Some(by) = sample.ahead_by() else {
            return;
        };
        let new = Ahead {
            received: sample.received,
            by,
        };
        while self.ahead.back().is_some_and(|old| old.by <= new.by) {
            self.ahead.pop_back();
        }
        let full = self.ahead.len() == AHEAD;
        match self.ahead.back_mut() {
            // Dates are truncated to seconds, so within one second the entry that is further ahead stands for both.
            // If the list is full, it also stands for the new answer. Both make the proven time later than the true
            // time, which is the safe side for callers.
            Some(old) if full || old.by - new.by < 1_000 => old.received = new.received,
            _ => self.ahead.push_back(new),
        }
    }
}

fn millis(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX / 2)
}

impl Sample {
    fn round_trip(&self) -> Duration {
        self.received.since(self.sent)
    }

    /// The amount by which the date is ahead of the local clock, in ms.
    fn ahead_by(self) -> Option<i128> {
        let date = self.date.duration_since(UNIX_EPOCH).ok()?;
        Some(millis(date) - millis(self.received.since_start()))
    }

    /// Whether no time of SQS satisfies both answers, even with the drift of clocks.
    fn contradicts(&self, later: Self) -> bool {
        self.apart(later) > Duration::ZERO
    }

    /// The distance between the times of SQS that the two answers allow, beyond the drift of clocks.
    fn apart(&self, later: Self) -> Duration {
        let (Ok(old), Ok(new)) = (
            self.date.duration_since(UNIX_EPOCH),
            later.date.duration_since(UNIX_EPOCH),
        ) else {
            return Duration::MAX;
        };
        let second = Duration::from_secs(1);
        let least = |date: Duration, received| date + later.received.since(received);
        let most = |date: Duration, sent| date + second + later.received.since(sent);
        let slack = second + later.received.since(self.received) / 1000;
        let back = least(old, self.received).saturating_sub(most(new, later.sent) + slack);
        let ahead = least(new, later.received).saturating_sub(most(old, self.sent) + slack);
        back.max(ahead)
    }

    fn is_alive(&self, now: Moment, wall: SystemTime) -> bool {
        let monotonic = now.since(self.received);
        let Ok(walled) = wall.duration_since(self.wall) else {
            return self
                .wall
                .duration_since(wall)
                .is_ok_and(|back| back + monotonic < PARTED);
        };
        monotonic < LIFE && monotonic.abs_diff(walled) < PARTED
    }
}

/// A `Date` as SQS's time, at its earliest bound.
pub(super) fn sqs_time(date: SystemTime) -> Option<SqsTime> {
    to_sqs_time(date, Duration::ZERO)
}

fn to_sqs_time(date: SystemTime, since: Duration) -> Option<SqsTime> {
    let epoch = date.duration_since(UNIX_EPOCH).ok()?.checked_add(since)?;
    u64::try_from(epoch.as_millis())
        .ok()
        .map(SqsTime::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_start(Duration::from_millis(millis))
    }

    /// The local wall clock is wrong by an hour, which must not matter.
    fn wall(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_003_600) + Duration::from_millis(millis)
    }

    fn sample(sent: u64, received: u64, date: u64) -> Sample {
        let date = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + date);
        Sample {
            sent: at(sent),
            received: at(received),
            wall: wall(received),
            date,
        }
    }

    fn millis_of(time: Option<SqsTime>) -> Option<u64> {
        time.map(|time| time.as_millis() - 1_700_000_000_000)
    }

    #[test]
    fn knows_nothing_before_the_first_answer() {
        assert_eq!(ServerClock::new().earliest(at(0), wall(0)), None);
    }

    #[test]
    fn the_bounds_enclose_the_true_time() {
        let clock = ServerClock::new();
        clock.learn(sample(100, 140, 7));
        assert_eq!(millis_of(clock.earliest(at(640), wall(640))), Some(7_500));
        assert_eq!(millis_of(clock.latest(at(640), wall(640))), Some(8_540));
    }

    #[test]
    fn the_shortest_round_trip_counts_until_it_is_old() {
        let clock = ServerClock::new();
        clock.learn(sample(100, 120, 7));
        clock.learn(sample(1_000, 1_500, 8));
        assert_eq!(
            millis_of(clock.earliest(at(1_120), wall(1_120))),
            Some(8_000)
        );
        // Ten minutes later even a slow answer is better.
        clock.learn(sample(600_000, 601_000, 610));
        assert_eq!(
            millis_of(clock.earliest(at(601_000), wall(601_000))),
            Some(610_000)
        );
    }

    #[test]
    fn a_sample_expires_after_ten_minutes() {
        let clock = ServerClock::new();
        clock.learn(sample(0, 0, 7));
        assert!(clock.earliest(at(599_999), wall(599_999)).is_some());
        assert_eq!(clock.earliest(at(600_000), wall(600_000)), None);
    }

    #[test]
    fn a_suspend_or_a_set_wall_clock_expires_the_sample() {
        let clock = ServerClock::new();
        clock.learn(sample(0, 5_000, 7));
        let now = at(10_000);
        assert!(clock.earliest(now, wall(11_999)).is_some());
        assert_eq!(
            clock.earliest(now, wall(12_000)),
            None,
            "the monotonic clock stood still"
        );
        assert_eq!(
            clock.earliest(now, wall(8_000)),
            None,
            "the wall clock was set back"
        );
        assert_eq!(
            clock.earliest(now, wall(0)),
            None,
            "the wall clock was set back before the sample"
        );
        assert!(
            clock.earliest(at(5_500), wall(4_000)).is_some(),
            "half a second and a small step back"
        );
    }

    #[test]
    fn two_answers_after_a_pause_prove_the_later_time() {
        let clock = ServerClock::new();
        clock.learn(sample(1_000, 1_010, 5));
        clock.learn(sample(2_000, 2_050, 3_606));
        assert_eq!(clock.earliest(at(2_050), wall(2_050)), None, "doubted");
        clock.learn(sample(2_060, 2_070, 3_606));
        assert_eq!(
            millis_of(clock.proven_since(at(1_500), at(2_150))),
            Some(3_606_100)
        );
    }

    #[test]
    fn a_contradicting_answer_replaces_the_kept_sample() {
        let clock = ServerClock::new();
        clock.learn(sample(1_000, 1_010, 5));
        clock.learn(sample(2_000, 3_000, 15));
        assert_eq!(
            millis_of(clock.earliest(at(3_000), wall(3_000))),
            Some(15_000)
        );
        clock.learn(sample(4_000, 5_000, 9));
        assert_eq!(
            millis_of(clock.earliest(at(5_000), wall(5_000))),
            Some(9_000),
            "the second answer was wrong"
        );
    }

    #[test]
    fn a_jump_is_believed_when_two_answers_agree() {
        let clock = ServerClock::new();
        clock.learn(sample(1_000, 1_010, 100));
        // One wrong answer, in either direction: the time is unknown until the next answer, which agrees with the
        // first.
        for (now, wrong) in [(2_000, 700), (3_000, 40)] {
            clock.learn(sample(now, now, wrong));
            assert_eq!(clock.earliest(at(now), wall(now)), None);
            assert_eq!(clock.latest(at(now), wall(now)), None);
            clock.learn(sample(now + 500, now + 510, 99 + now / 1_000));
            assert!(millis_of(clock.earliest(at(now + 510), wall(now + 510))) > Some(100_000));
            assert!(millis_of(clock.proven_since(at(0), at(now + 510))) < Some(105_000));
        }
        // Two wrong answers that disagree with each other.
        clock.learn(sample(4_000, 4_000, 700));
        clock.learn(sample(4_010, 4_010, 1_700));
        assert_eq!(clock.earliest(at(4_010), wall(4_010)), None);
        // Two answers that agree.
        clock.learn(sample(5_000, 5_010, 1_700));
        assert_eq!(
            millis_of(clock.earliest(at(5_010), wall(5_010))),
            Some(1_700_000)
        );
        assert!(millis_of(clock.proven_since(at(0), at(5_010))) >= Some(1_700_000));
    }

    fn stamp(second: u64) -> SqsTime {
        SqsTime::from_millis((1_700_000_000 + second) * 1_000)
    }

    #[test]
    fn a_timestamp_outside_of_the_bounds_shows_wrong_dates() {
        // Learned at second 100, asked at 105, arrived at 120: the message was stamped between 205 and 221.
        let learnt = || {
            let clock = ServerClock::new();
            clock.learn(sample(100_000, 100_020, 200));
            clock
        };
        for (second, wrong) in [
            (170, true),
            (176, false),
            (212, false),
            (250, false),
            (252, true),
        ] {
            let clock = learnt();
            let (asked, now) = (at(105_000), at(120_000));
            let shown = clock.received(stamp(second), asked, now, wall(120_000));
            assert_eq!(shown, wrong, "{second}");
            assert_eq!(clock.earliest(now, wall(120_000)).is_none(), wrong);
            clock.learn(sample(121_000, 121_000, 221));
            assert_eq!(clock.proven_since(at(0), at(121_000)).is_none(), wrong);
            let again = clock.received(stamp(second), asked, now, wall(120_000));
            assert!(!again, "reported once");
        }
        // The same comparison on a machine that was suspended, or that was paused with both its clocks.
        let clock = learnt();
        let slept = clock.received(stamp(900), at(105_000), at(120_000), wall(820_000));
        assert!(!slept);
        clock.learn(sample(119_000, 120_000, 900));
        assert!(!clock.received(stamp(899), at(105_000), at(120_000), wall(120_000)));
    }

    #[test]
    fn an_answer_before_since_proves_nothing() {
        let clock = ServerClock::new();
        clock.learn(sample(1_000, 1_000, 3_600));
        clock.learn(sample(2_000, 2_000, 7));
        assert_eq!(
            millis_of(clock.proven_since(at(1_000), at(2_000))),
            Some(3_601_000)
        );
        assert_eq!(
            millis_of(clock.proven_since(at(1_001), at(2_000))),
            Some(7_000)
        );
        assert_eq!(clock.proven_since(at(2_001), at(2_002)), None);
    }

    #[test]
    fn kept_answers_are_bounded_and_never_too_early() {
        let clock = ServerClock::new();
        // The local clock runs fast: each answer is further behind than the previous answer.
        for i in 0..10_000u64 {
            clock.learn(sample(i * 3_000, i * 3_000, i));
        }
        assert!(clock.known().ahead.len() <= AHEAD);
        let proven = millis_of(clock.proven_since(at(9_000 * 3_000), at(9_999 * 3_000)));
        assert!(proven >= Some(9_999_000), "{proven:?}");
    }
}
