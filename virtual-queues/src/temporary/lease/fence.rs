//! When an owner must give its host up.
//!
//! Owns: which renewals may be the ones that others read, and how old each is at the least favourable reading of all
//! clocks. Invariant: [`Standing::GivenUp`] comes at the latest 10 s before the end of every lease that may be, or may
//! still come to be, in the host's tag; and it stays.

use std::time::{Duration, SystemTime};

use sqs_rpc_protocol::SqsTime;

use crate::sqs::Moment;

/// What is kept back from the end of a lease: clocks that part within it, and the time that a decision takes.
const MARGIN: Duration = Duration::from_secs(10);
/// So long after it was sent, a renewal may still land: SQS refuses a signature that is older.
pub(crate) const LATE: Duration = Duration::from_secs(15 * 60);
/// So many renewals of unknown outcome are told apart; further ones count as the last of them.
const MOST_UNKNOWN: usize = 32;

/// Both local clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The monotonic one, which may stand still while the machine sleeps.
    pub(crate) now: Moment,
    /// The wall clock, which may be set.
    pub(crate) wall: SystemTime,
}

/// One attempt to write a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Renewal {
    /// What was written, in SQS's time; `None` where that is not known.
    pub(crate) stamp: Option<SqsTime>,
    /// The retention that was written.
    pub(crate) retention: Duration,
    /// Just before it was sent.
    pub(crate) began: Reading,
}

/// How good an owner's claim to its host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may be used for anything.
    Firm,
    /// What is new should go to another host: half of the lease has passed, or a renewal has an unknown outcome.
    Draining,
    /// It must not be used, nor tagged, ever again.
    GivenUp,
}

/// The claim of an owner to one host.
#[derive(Debug)]
pub(crate) struct Fence {
    acknowledged: Renewal,
    unknown: Vec<Unknown>,
    given_up: bool,
}

/// A renewal that may have landed, or may land yet.
#[derive(Debug, Clone, Copy)]
struct Unknown {
    renewal: Renewal,
    /// When the last one of those that it stands for began.
    last: Moment,
}

impl Fence {
    /// A claim that begins with the host's creation.
    pub(crate) const fn new(creation: Renewal) -> Self {
        Self {
            acknowledged: creation,
            unknown: Vec::new(),
            given_up: false,
        }
    }

    /// SQS has acknowledged a renewal, and its answer showed that the stamp was right.
    ///
    /// Renewals of unknown outcome that began less than [`LATE`] before it are remembered all the same: they may
    /// land after it. Those that are older landed before it or never.
    pub(crate) fn acknowledged(&mut self, renewal: Renewal) {
        self.acknowledged = renewal;
        self.unknown
            .retain(|unknown| renewal.began.now < unknown.last + LATE);
    }

    /// A renewal ended in a way that does not tell whether it has landed.
    pub(crate) fn unknown(&mut self, renewal: Renewal) {
        if crate::mutant!("unknown-renewals-forgotten") {
            return;
        }
        let last = renewal.began.now;
        let full = self.unknown.len() == MOST_UNKNOWN;
        match self.unknown.last_mut() {
            // The older one's lease ends first, and this one's outcome stays unknown longest.
            Some(known) if full => known.last = last,
            _ => self.unknown.push(Unknown { renewal, last }),
        }
    }

    /// How good the claim is now. `proven` says what SQS's time is at least, by the answers since a moment.
    pub(crate) fn standing(
        &mut self,
        at: Reading,
        proven: impl Fn(Moment) -> Option<SqsTime>,
    ) -> Standing {
        let proven = proven(self.acknowledged.began.now);
        let over =
            |renewal: &Renewal| renewal.age(at, proven) >= renewal.retention.saturating_sub(MARGIN);
        let is_over = self.claims().any(over);
        self.given_up |= is_over && !crate::mutant!("no-fence");
        let half = self.acknowledged.age(at, proven) >= self.acknowledged.retention / 2;
        if self.given_up {
            Standing::GivenUp
        } else if half || !self.unknown.is_empty() {
            Standing::Draining
        } else {
            Standing::Firm
        }
    }

    /// When the claim ends by the monotonic clock, unless it is renewed. Other clocks may end it earlier.
    pub(crate) fn ends(&self) -> Moment {
        let end = |renewal: &Renewal| renewal.began.now + renewal.retention.saturating_sub(MARGIN);
        let ends = self.claims().map(end);
        ends.min().unwrap_or_default()
    }

    /// Gives it up at once.
    pub(crate) const fn give_up(&mut self) {
        self.given_up = true;
    }

    fn claims(&self) -> impl Iterator<Item = &Renewal> {
        let unknown = self.unknown.iter().map(|unknown| &unknown.renewal);
        std::iter::once(&self.acknowledged).chain(unknown)
    }
}

impl Renewal {
    /// How old it is by the clock that says most.
    fn age(&self, at: Reading, proven: Option<SqsTime>) -> Duration {
        let monotonic = at.now.since(self.began.now);
        let wall = at.wall.duration_since(self.began.wall).unwrap_or_default();
        let by_sqs = match (proven, self.stamp) {
            (Some(now), Some(stamp)) => now.since(stamp),
            _ => Duration::ZERO,
        };
        if crate::mutant!("fence-by-monotonic-clock") {
            return monotonic;
        }
        monotonic.max(wall).max(by_sqs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    const R: u64 = 300;

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn at(s: u64) -> Reading {
        Reading {
            now: Moment::from_start(seconds(s)),
            wall: UNIX_EPOCH + seconds(1_000_000 + s),
        }
    }

    fn sqs(s: u64) -> SqsTime {
        SqsTime::from_millis((1_800_000_000 + s) * 1_000)
    }

    fn renewal(s: u64) -> Renewal {
        Renewal {
            stamp: Some(sqs(s)),
            retention: seconds(R),
            began: at(s),
        }
    }

    fn standing(fence: &mut Fence, s: u64) -> Standing {
        fence.standing(at(s), |_| None)
    }

    #[test]
    fn it_is_firm_then_drains_then_is_given_up_for_good() {
        let mut fence = Fence::new(renewal(0));
        assert_eq!(standing(&mut fence, 149), Standing::Firm);
        assert_eq!(standing(&mut fence, 150), Standing::Draining);
        assert_eq!(standing(&mut fence, 289), Standing::Draining);
        assert_eq!(fence.ends(), at(290).now);
        assert_eq!(standing(&mut fence, 290), Standing::GivenUp);
        fence.acknowledged(renewal(290));
        assert_eq!(standing(&mut fence, 291), Standing::GivenUp);
    }

    #[test]
    fn a_renewal_moves_the_end() {
        let mut fence = Fence::new(renewal(0));
        fence.acknowledged(renewal(75));
        assert_eq!(standing(&mut fence, 224), Standing::Firm);
        assert_eq!(standing(&mut fence, 364), Standing::Draining);
        assert_eq!(standing(&mut fence, 365), Standing::GivenUp);
    }

    #[test]
    fn an_unknown_renewal_ends_the_host_at_its_own_end_however_many_succeed_after_it() {
        let mut fence = Fence::new(renewal(0));
        fence.unknown(renewal(75));
        assert_eq!(standing(&mut fence, 80), Standing::Draining);
        for s in [82, 160, 240, 320] {
            fence.acknowledged(renewal(s));
        }
        assert_eq!(standing(&mut fence, 364), Standing::Draining);
        assert_eq!(standing(&mut fence, 365), Standing::GivenUp);
    }

    #[test]
    fn an_unknown_renewal_is_forgotten_only_by_one_that_began_when_it_could_not_land_any_more() {
        let long = |s| Renewal {
            retention: seconds(3_600),
            ..renewal(s)
        };
        let mut fence = Fence::new(long(0));
        fence.unknown(long(100));
        // It may land at 999 s, after this one, and be what others read from then on.
        fence.acknowledged(long(999));
        assert_eq!(standing(&mut fence, 1_001), Standing::Draining);
        assert_eq!(standing(&mut fence, 3_689), Standing::Draining);
        let mut other = Fence::new(long(0));
        other.unknown(long(100));
        other.acknowledged(long(999));
        other.acknowledged(long(1_000));
        assert_eq!(standing(&mut other, 1_001), Standing::Firm);
        assert_eq!(standing(&mut fence, 3_690), Standing::GivenUp);
    }

    #[test]
    fn a_sleep_shows_on_the_wall_clock_alone() {
        let mut fence = Fence::new(renewal(0));
        let slept = Reading {
            now: at(20).now,
            wall: at(290).wall,
        };
        assert_eq!(fence.standing(slept, |_| None), Standing::GivenUp);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_does_not_lengthen_the_lease() {
        let mut fence = Fence::new(renewal(0));
        let set_back = Reading {
            now: at(290).now,
            wall: UNIX_EPOCH,
        };
        assert_eq!(fence.standing(set_back, |_| None), Standing::GivenUp);
    }

    #[test]
    fn a_pause_of_both_clocks_shows_on_the_first_answer() {
        let mut fence = Fence::new(renewal(0));
        let asked = |since: Moment| (since == at(0).now).then(|| sqs(3_600));
        assert_eq!(fence.standing(at(20), |_| Some(sqs(20))), Standing::Firm);
        assert_eq!(fence.standing(at(20), asked), Standing::GivenUp);
    }

    #[test]
    fn a_longer_retention_counts_only_where_it_was_written() {
        let mut fence = Fence::new(renewal(0));
        let grown = Renewal {
            retention: seconds(600),
            ..renewal(75)
        };
        fence.unknown(renewal(10));
        fence.acknowledged(grown);
        assert_eq!(standing(&mut fence, 299), Standing::Draining);
        assert_eq!(standing(&mut fence, 300), Standing::GivenUp);
    }

    #[test]
    fn unknown_renewals_are_bounded_and_the_oldest_still_counts() {
        let day = |s| Renewal {
            retention: seconds(43_200),
            ..renewal(s)
        };
        let mut fence = Fence::new(day(0));
        for s in 1..1_000 {
            fence.unknown(day(s));
        }
        assert_eq!(fence.unknown.len(), MOST_UNKNOWN);
        fence.acknowledged(day(1_890));
        assert_eq!(
            fence.unknown.len(),
            1,
            "the last began less than 15 min ago"
        );
        fence.acknowledged(day(1_899));
        assert_eq!(standing(&mut fence, 1_900), Standing::Firm);
    }

    #[derive(Debug, Clone, Copy)]
    enum Event {
        /// Acknowledged after so long.
        Acknowledged(u64),
        /// No answer; lands after so long, or never.
        Unknown(Option<u64>),
        Wait(u64),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            (0..5u64).prop_map(Event::Acknowledged),
            proptest::option::of(0..LATE.as_secs()).prop_map(Event::Unknown),
            (0..400u64).prop_map(Event::Wait),
        ];
        proptest::collection::vec(event, 1..40)
    }

    proptest! {
        /// The heart of the safety argument: as long as the owner has not given up, the tag as SQS has it, and as it will
        /// have it at any later time, ends at least 10 s later.
        #[test]
        fn an_owner_that_goes_on_is_never_read_as_over(events in events(), retention in prop_oneof![Just(60u64), Just(300), Just(3_600), Just(43_200)]) {
            let renewal = |s: u64| Renewal { retention: seconds(retention), ..renewal(s) };
            let mut now = 10_000;
            let mut fence = Fence::new(renewal(now));
            // When each write lands, and its stamp.
            let mut landings = vec![(now, now)];
            for event in events {
                if standing(&mut fence, now) == Standing::GivenUp {
                    break;
                }
                match event {
                    Event::Acknowledged(after) => {
                        landings.push((now + after, now));
                        let began = now;
                        now += after;
                        fence.acknowledged(renewal(began));
                    }
                    Event::Unknown(lands) => {
                        landings.extend(lands.map(|after| (now + after, now)));
                        let began = now;
                        now += 5;
                        fence.unknown(renewal(began));
                    }
                    Event::Wait(time) => now += time,
                }
                if standing(&mut fence, now) == Standing::GivenUp {
                    break;
                }
                // Stable: among those that land at once, the last written stays.
                let mut by_time = landings.clone();
                by_time.sort_by_key(|landing| landing.0);
                let landed = by_time.iter().rev().find(|landing| landing.0 <= now).map(|landing| landing.1);
                prop_assert!(landed.unwrap() + retention >= now + 10, "read now, at {now}: {landed:?}");
                for later in by_time.iter().filter(|landing| landing.0 > now) {
                    let at_end = fence.ends().since_start().as_secs();
                    prop_assert!(later.1 + retention >= at_end + 10, "read after {}", later.0);
                }
            }
        }
    }
}
