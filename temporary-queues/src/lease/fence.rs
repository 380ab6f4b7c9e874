//! When an owner must give its host up.
//!
//! Owns: the tag key of each renewal, the set of renewals that a reader may find under each key, and the age of each
//! renewal by the clock that shows the most. Invariant: [`Standing::GivenUp`] begins at least 10 s before the end of the
//! longest lease that every reader is sure to find in the host's tags, and it is final.
//!
//! Readers use the key whose lease ends last. So the owner may hold the host as long as at least one key is sure to show a
//! lease that has not ended, whatever SQS carries out late under the other keys.

use std::time::{Duration, SystemTime};

use sqs_rpc_protocol::SqsTime;
use sqs_rpc_transport::Moment;

/// The time before the end of a lease at which the owner stops. It covers the drift of clocks during the lease, and the
/// time from the check of the claim to the use of the host.
const MARGIN: Duration = Duration::from_secs(10);
/// How long after the end of an attempt SQS may still carry out the renewal ("the renewal lands").
///
/// SQS accepts a signature whose time is at most 15 minutes from its own, in either direction. A clock that is 15 minutes
/// ahead signs a call with a time that SQS accepts for 30 minutes. One minute more is for SQS to carry out what it
/// accepted at the last moment. The time counts from the end of the attempt, because nothing is signed after it.
pub(crate) const LATE: Duration = Duration::from_secs(31 * 60);
/// The maximum number of renewals of unknown outcome that are remembered for one key; a further one only moves the `until`
/// of the last. A key gets a second one only while every key has one.
const MOST_UNKNOWN: usize = 32;

/// Both local clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The monotonic clock, which may stop while the machine sleeps.
    pub(crate) now: Moment,
    /// The wall clock, which may be set back or forward.
    pub(crate) wall: SystemTime,
}

/// One attempt to write a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Renewal {
    /// The number of the tag key under which it was written.
    pub(crate) key: usize,
    /// The stamp that was written, in SQS's time. Of an acknowledged lease with a count, a time of SQS's at which it had
    /// been written. `None` if SQS's time is not known.
    pub(crate) stamp: Option<SqsTime>,
    /// The retention that was written.
    pub(crate) retention: Duration,
    /// The clocks just before the renewal was sent.
    pub(crate) began: Reading,
}

/// How good an owner's claim to its host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The host may be used for anything.
    Firm,
    /// Half of the lease has passed: new queues and requests should use another host.
    Draining,
    /// The host must never be used or tagged again.
    GivenUp,
}

/// The claim of an owner to one host.
#[derive(Debug)]
pub(crate) struct Fence {
    /// The tag keys that were used, indexed by their numbers.
    keys: Vec<Key>,
    /// The maximum number of keys.
    most_keys: usize,
    given_up: bool,
}

/// The renewals that may be in one tag, now or later.
#[derive(Debug, Default)]
struct Key {
    /// The last renewal that counted.
    acknowledged: Option<Renewal>,
    /// Renewals that may have replaced the acknowledged one, or may still do so.
    unknown: Vec<Unknown>,
}

/// A renewal that may have landed, or may still land.
#[derive(Debug, Clone, Copy)]
struct Unknown {
    renewal: Renewal,
    /// From then on, neither this renewal nor a later one that was merged into this entry lands.
    until: Moment,
}

impl Fence {
    /// A claim that begins with the host's creation. `most_keys`: the number of tag keys that the owner may use, at least 1.
    pub(crate) fn new(creation: Renewal, most_keys: usize) -> Self {
        let mut fence = Self {
            keys: Vec::new(),
            most_keys: most_keys.max(1),
            given_up: false,
        };
        fence.key_mut(creation.key).acknowledged = Some(creation);
        fence
    }

    /// The number of the key for a renewal that begins now.
    ///
    /// First choice: a key that does not hold the host at present and under which no earlier renewal may still land. There
    /// the renewal can do no harm, and counts in full if it is acknowledged. Second choice: the key that holds the host, if
    /// no earlier renewal may land there. Otherwise the key whose pending renewal began last, because its lease ends last.
    pub(crate) fn next_key(&self, now: Moment) -> usize {
        let holds = self.holds();
        let is_settled = |key: usize| {
            let may_land = |key: &Key| key.first_that_may_land(now).is_some();
            !self.keys.get(key).is_some_and(may_land)
                || sqs_rpc_transport::mutant!("blocked-key-reused")
        };
        let all = 0..self.most_keys;
        let free = all.clone().find(|key| *key != holds && is_settled(*key));
        let free = free.or_else(|| is_settled(holds).then_some(holds));
        let began = |key: &usize| self.keys.get(*key)?.first_that_may_land(now);
        free.or_else(|| all.max_by_key(began)).unwrap_or(holds)
    }

    /// SQS has acknowledged a renewal, and its answer showed that the stamp was right.
    ///
    /// Renewals of unknown outcome stay remembered if they could still land when this one began, because they may replace
    /// it. Earlier ones landed before this one or never.
    pub(crate) fn acknowledged(&mut self, renewal: Renewal) {
        // Leases without a time of SQS's are older than this one.
        for key in &mut self.keys {
            for earlier in key.claims_mut() {
                earlier.stamp = earlier.stamp.or(renewal.stamp);
            }
        }
        let key = self.key_mut(renewal.key);
        key.acknowledged = Some(renewal);
        key.unknown
            .retain(|unknown| renewal.began.now < unknown.until);
    }

    /// A renewal ended at `ended` with an unknown outcome: it may or may not have landed.
    pub(crate) fn unknown(&mut self, renewal: Renewal, ended: Moment) {
        if sqs_rpc_transport::mutant!("unknown-renewals-forgotten") {
            return;
        }
        if sqs_rpc_transport::mutant!("unknown-counts") {
            self.acknowledged(renewal);
            return;
        }
        let until = ended + LATE;
        let key = self.key_mut(renewal.key);
        let full = key.unknown.len() == MOST_UNKNOWN;
        match key.unknown.last_mut() {
            // The older entry's lease ends first, and this renewal may land last, so one entry with both values is safe.
            Some(known) if full => known.until = until,
            _ => key.unknown.push(Unknown { renewal, until }),
        }
    }

    /// How good the claim is now. `proven` returns a lower bound of SQS's time, taken from the answers since a moment.
    pub(crate) fn standing(
        &mut self,
        at: Reading,
        proven: impl Fn(Moment) -> Option<SqsTime>,
    ) -> Standing {
        let holds_for = |part: fn(&Renewal) -> Duration| {
            let mut keys = self.keys.iter();
            keys.any(|key| key.is_younger(at, &proven, part))
        };
        let holds = holds_for(Renewal::lasts);
        let is_firm = holds_for(|renewal| renewal.retention / 2);
        self.given_up |= !holds && !sqs_rpc_transport::mutant!("no-fence");
        if self.given_up {
            Standing::GivenUp
        } else if is_firm {
            Standing::Firm
        } else {
            Standing::Draining
        }
    }

    /// When the claim ends by the monotonic clock, unless it is renewed. Other clocks may end it earlier.
    pub(crate) fn ends(&self) -> Moment {
        let ends = self.keys.iter().filter_map(Key::ends);
        ends.max().unwrap_or_default()
    }

    /// Gives the claim up at once.
    pub(crate) const fn give_up(&mut self) {
        self.given_up = true;
    }

    /// The key whose lease ends last.
    fn holds(&self) -> usize {
        let keys = self.keys.iter().enumerate();
        let last = keys.max_by_key(|(_, key)| key.ends());
        last.map_or(0, |(number, _)| number)
    }

    fn key_mut(&mut self, number: usize) -> &mut Key {
        if self.keys.len() <= number {
            self.keys.resize_with(number + 1, Key::default);
        }
        &mut self.keys[number]
    }
}

impl Key {
    /// Whether every lease that may be in the tag is younger than `part` of its retention.
    fn is_younger(
        &self,
        at: Reading,
        proven: impl Fn(Moment) -> Option<SqsTime>,
        part: fn(&Renewal) -> Duration,
    ) -> bool {
        self.acknowledged.is_some_and(|acknowledged| {
            let proven = proven(acknowledged.began.now);
            let mut claims = self.claims();
            claims.all(|renewal| renewal.age(at, proven) < part(renewal))
        })
    }

    /// The earliest end of all leases that may be in the tag, by the monotonic clock. `None`: the tag may not exist.
    fn ends(&self) -> Option<Moment> {
        self.acknowledged?;
        let end = |renewal: &Renewal| renewal.began.now + renewal.lasts();
        self.claims().map(end).min()
    }

    /// The begin of the earliest renewal that may land now or later.
    fn first_that_may_land(&self, now: Moment) -> Option<Moment> {
        let may_land = self.unknown.iter().filter(|unknown| now < unknown.until);
        may_land.map(|unknown| unknown.renewal.began.now).min()
    }

    fn claims(&self) -> impl Iterator<Item = &Renewal> {
        let unknown = self.unknown.iter().map(|unknown| &unknown.renewal);
        self.acknowledged.iter().chain(unknown)
    }

    fn claims_mut(&mut self) -> impl Iterator<Item = &mut Renewal> {
        let unknown = self.unknown.iter_mut().map(|unknown| &mut unknown.renewal);
        self.acknowledged.iter_mut().chain(unknown)
    }
}

impl Renewal {
    /// How long after its begin the owner may rely on this renewal.
    fn lasts(&self) -> Duration {
        if sqs_rpc_transport::mutant!("fence-60-s-late") {
            return self.retention + Duration::from_secs(60);
        }
        self.retention.saturating_sub(MARGIN)
    }

    /// The age of this renewal, by the clock that shows the most.
    fn age(&self, at: Reading, proven: Option<SqsTime>) -> Duration {
        let monotonic = at.now.since(self.began.now);
        let wall = at.wall.duration_since(self.began.wall).unwrap_or_default();
        let by_sqs = match (proven, self.stamp) {
            (Some(now), Some(stamp)) => now.since(stamp),
            _ => Duration::ZERO,
        };
        if sqs_rpc_transport::mutant!("fence-by-monotonic-clock") {
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
            key: 0,
            stamp: Some(sqs(s)),
            retention: seconds(R),
            began: at(s),
        }
    }

    fn under(key: usize, renewal: Renewal) -> Renewal {
        Renewal { key, ..renewal }
    }

    /// An owner with a single key.
    fn single(creation: Renewal) -> Fence {
        Fence::new(creation, 1)
    }

    fn unknown(fence: &mut Fence, renewal: Renewal) {
        fence.unknown(renewal, renewal.began.now + seconds(5));
    }

    fn standing(fence: &mut Fence, s: u64) -> Standing {
        fence.standing(at(s), |_| None)
    }

    #[test]
    fn a_claim_is_firm_then_draining_then_given_up() {
        let mut fence = single(renewal(0));
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
        let mut fence = single(renewal(0));
        fence.acknowledged(renewal(75));
        assert_eq!(standing(&mut fence, 224), Standing::Firm);
        assert_eq!(standing(&mut fence, 364), Standing::Draining);
        assert_eq!(standing(&mut fence, 365), Standing::GivenUp);
    }

    #[test]
    fn an_unknown_renewal_is_harmless_while_another_key_is_renewed() {
        let mut fence = Fence::new(renewal(0), 3);
        assert_eq!(fence.next_key(at(75).now), 1);
        unknown(&mut fence, under(1, renewal(75)));
        assert_eq!(standing(&mut fence, 149), Standing::Firm);
        assert_eq!(fence.next_key(at(95).now), 2, "neither 0, nor 1 again");
        fence.acknowledged(under(2, renewal(95)));
        for s in (170..3_000).step_by(75) {
            let key = fence.next_key(at(s).now);
            assert!(
                s >= 1_940 || key != 1,
                "{s}: the unknown renewal may still land"
            );
            fence.acknowledged(under(key, renewal(s)));
            assert_eq!(standing(&mut fence, s + 149), Standing::Firm);
        }
    }

    #[test]
    fn an_unknown_renewal_alone_does_not_lengthen_the_claim() {
        let mut fence = Fence::new(renewal(0), 20);
        for s in [75, 100, 140, 220] {
            let key = fence.next_key(at(s).now);
            unknown(&mut fence, under(key, renewal(s)));
        }
        assert_eq!(fence.ends(), at(290).now);
        assert_eq!(standing(&mut fence, 290), Standing::GivenUp);
    }

    #[test]
    fn with_one_key_an_unknown_renewal_limits_the_claim() {
        let mut fence = single(renewal(0));
        unknown(&mut fence, renewal(75));
        for s in [82, 160, 240, 320] {
            assert_eq!(fence.next_key(at(s).now), 0);
            fence.acknowledged(renewal(s));
        }
        assert_eq!(standing(&mut fence, 364), Standing::Draining);
        assert_eq!(standing(&mut fence, 365), Standing::GivenUp);
    }

    #[test]
    fn an_unknown_renewal_counts_until_it_can_no_longer_land() {
        let long = |s| Renewal {
            retention: seconds(3_600),
            ..renewal(s)
        };
        let mut fence = single(long(0));
        // It may land until 1,965 s, because it was signed at 105 s, perhaps by a clock that is 15 minutes ahead.
        unknown(&mut fence, long(100));
        fence.acknowledged(long(1_964));
        assert_eq!(standing(&mut fence, 3_689), Standing::Draining);
        let mut other = single(long(0));
        unknown(&mut other, long(100));
        other.acknowledged(long(1_964));
        other.acknowledged(long(1_965));
        assert_eq!(standing(&mut other, 1_966), Standing::Firm);
        assert_eq!(standing(&mut fence, 3_700 - 10), Standing::GivenUp);
    }

    #[test]
    fn of_blocked_keys_the_last_to_end_is_written() {
        let mut fence = Fence::new(renewal(0), 3);
        unknown(&mut fence, under(1, renewal(50)));
        unknown(&mut fence, under(2, renewal(60)));
        assert_eq!(fence.next_key(at(70).now), 0, "no renewal may land there");
        unknown(&mut fence, under(0, renewal(70)));
        assert_eq!(fence.next_key(at(80).now), 0, "its renewal began last");
        fence.acknowledged(under(0, renewal(80)));
        assert_eq!(fence.ends(), at(70 + R - 10).now);
    }

    #[test]
    fn twenty_keys_outlast_every_tenth_renewal_for_days() {
        for (retention, most_keys) in [(60, 20), (300, 7), (300, 20), (1_800, 5)] {
            let random = sqs_rpc_transport::Random::seeded(retention);
            let quarter = seconds(retention) / 4;
            let renewal = |key, began: Moment| Renewal {
                key,
                retention: seconds(retention),
                began: at(began.since_start().as_secs()),
                ..renewal(began.since_start().as_secs())
            };
            let mut now = at(0).now;
            let mut fence = Fence::new(renewal(0, now), most_keys);
            let mut attempts = 0;
            while now < at(3 * 86_400).now {
                now += random.jitter(quarter);
                attempts += 1;
                let key = fence.next_key(now);
                if attempts % 10 == 0 {
                    unknown(&mut fence, renewal(key, now));
                    // The first retry.
                    now = now + seconds(5) + (seconds(retention) / 16).max(seconds(5)) - quarter;
                } else {
                    fence.acknowledged(renewal(key, now));
                    assert!(
                        fence.ends() >= now + seconds(retention - 11),
                        "R = {retention}, at {now:?}"
                    );
                }
                let reading = at(now.since_start().as_secs());
                assert_eq!(fence.standing(reading, |_| None), Standing::Firm);
            }
        }
    }

    #[test]
    fn a_sleep_shows_on_the_wall_clock_alone() {
        let mut fence = single(renewal(0));
        let slept = Reading {
            now: at(20).now,
            wall: at(290).wall,
        };
        assert_eq!(fence.standing(slept, |_| None), Standing::GivenUp);
    }

    #[test]
    fn setting_the_wall_clock_back_does_not_lengthen_the_lease() {
        let mut fence = single(renewal(0));
        let set_back = Reading {
            now: at(290).now,
            wall: UNIX_EPOCH,
        };
        assert_eq!(fence.standing(set_back, |_| None), Standing::GivenUp);
    }

    #[test]
    fn a_pause_of_both_clocks_shows_on_the_first_answer() {
        let mut fence = single(renewal(0));
        let asked = |since: Moment| (since == at(0).now).then(|| sqs(3_600));
        assert_eq!(fence.standing(at(20), |_| Some(sqs(20))), Standing::Firm);
        assert_eq!(fence.standing(at(20), asked), Standing::GivenUp);
    }

    #[test]
    fn a_longer_retention_counts_only_where_it_was_written() {
        let mut fence = single(renewal(0));
        let grown = Renewal {
            retention: seconds(600),
            ..renewal(75)
        };
        unknown(&mut fence, renewal(10));
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
        let mut fence = single(day(0));
        for s in 1..1_000 {
            unknown(&mut fence, day(s));
        }
        assert_eq!(fence.keys[0].unknown.len(), MOST_UNKNOWN);
        let late = LATE.as_secs();
        fence.acknowledged(day(1_003 + late));
        assert_eq!(
            fence.keys[0].unknown.len(),
            1,
            "the last one may still land"
        );
        fence.acknowledged(day(1_004 + late));
        assert_eq!(standing(&mut fence, 1_005 + late), Standing::Firm);
    }

    #[derive(Debug, Clone, Copy)]
    enum Event {
        /// Acknowledged after this number of seconds.
        Acknowledged(u64),
        /// No answer; lands after this number of seconds, or never.
        Unknown(Option<u64>),
        Wait(u64),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        // Up to 30 minutes after the attempt of 5 s.
        let late = 0..30 * 60 + 5u64;
        let event = prop_oneof![
            (0..5u64).prop_map(Event::Acknowledged),
            proptest::option::of(late).prop_map(Event::Unknown),
            (0..400u64).prop_map(Event::Wait),
        ];
        proptest::collection::vec(event, 1..60)
    }

    proptest! {
        /// The heart of the safety argument: as long as the owner has not given up, the lease that ends last in SQS's tags,
        /// now and at any later time, ends at least 10 s later.
        #[test]
        fn a_held_host_is_never_read_as_expired(
            events in events(),
            retention in prop_oneof![Just(60u64), Just(300), Just(3_600), Just(43_200)],
            most_keys in 1..6usize,
        ) {
            let renewal = |key, s: u64| Renewal { key, retention: seconds(retention), ..renewal(s) };
            let mut now = 10_000;
            let mut fence = Fence::new(renewal(0, now), most_keys);
            // When each write lands, under which key, and its stamp.
            let mut landings = vec![(now, 0, now)];
            for event in events {
                if standing(&mut fence, now) == Standing::GivenUp {
                    break;
                }
                let (began, key) = (now, fence.next_key(at(now).now));
                prop_assert!(key < most_keys);
                match event {
                    Event::Acknowledged(after) => {
                        landings.push((now + after, key, now));
                        now += after;
                        fence.acknowledged(renewal(key, began));
                    }
                    Event::Unknown(lands) => {
                        landings.extend(lands.map(|after| (now + after, key, now)));
                        now += 5;
                        fence.unknown(renewal(key, began), at(now).now);
                    }
                    Event::Wait(time) => now += time,
                }
                if standing(&mut fence, now) == Standing::GivenUp {
                    break;
                }
                // The sort is stable, so that of two renewals that land at the same time the later one stays.
                let mut by_time = landings.clone();
                by_time.sort_by_key(|landing| landing.0);
                let shown = |time: u64| {
                    let under = |key| by_time.iter().rev().find(|landing| landing.0 <= time && landing.1 == key);
                    (0..most_keys).filter_map(under).map(|landing| landing.2).max()
                };
                prop_assert!(shown(now).unwrap() + retention >= now + 10, "read now, at {now}");
                let at_end = fence.ends().since_start().as_secs();
                for later in by_time.iter().map(|landing| landing.0).filter(|time| *time > now) {
                    prop_assert!(shown(later).unwrap() + retention >= at_end + 10, "read after {later}");
                }
            }
        }
    }
}
