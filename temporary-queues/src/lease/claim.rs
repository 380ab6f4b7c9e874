//! An owner's claim to one host: the fence and the heartbeat together.
//!
//! Owns: what the end of a renewal means for both. Invariant: a renewal lengthens the claim only if the time in SQS's
//! answer agrees with its stamp.

use std::time::Duration;

use sqs_rpc_protocol::SqsTime;
use sqs_rpc_transport::{Moment, Random};

use super::fence::{Fence, Reading, Renewal, Standing};
use super::heartbeat::{Heartbeat, Outcome};

/// The maximum difference between a stamp and the time in the answer to its renewal.
const AGREES: Duration = Duration::from_secs(30);

/// How a renewal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// SQS acknowledged it. The value is SQS's time in the answer.
    Acknowledged(Option<SqsTime>),
    /// SQS refused it, or it was not sent: it will never be carried out.
    Refused,
    /// SQS may have carried it out, or may do so later.
    Unknown,
}

/// The claim to one host.
#[derive(Debug)]
pub(crate) struct Claim {
    fence: Fence,
    heartbeat: Heartbeat,
    /// The stamp of the last renewal that lengthened the claim.
    stamp: Option<SqsTime>,
}

impl Claim {
    /// The claim to a host that was created with this lease. `None` if the time in the answer (`date`) disagrees with the
    /// stamp: then the host must not be used and must be deleted. `keys`: the maximum number of tag keys for its leases.
    pub(crate) fn new(
        creation: Renewal,
        keys: usize,
        date: Option<SqsTime>,
        random: &Random,
    ) -> Option<Self> {
        creation.agrees(date).then(|| Self {
            fence: Fence::new(creation.dated(date), keys),
            heartbeat: Heartbeat::new(creation.began.now, creation.retention, random),
            stamp: creation.stamp,
        })
    }

    /// How good the claim is now; see [`Fence::standing`].
    pub(crate) fn standing(
        &mut self,
        at: Reading,
        proven: impl Fn(Moment) -> Option<SqsTime>,
    ) -> Standing {
        self.fence.standing(at, proven)
    }

    /// When the next renewal begins.
    pub(crate) const fn next_renewal(&self) -> Moment {
        self.heartbeat.next()
    }

    /// The key and the stamp for a renewal that begins now. `time`: SQS's time as far as it is known.
    ///
    /// No stamp is earlier than the last one that counted. SQS has confirmed that one, so a `time` before it is wrong.
    pub(crate) fn begin(&self, now: Moment, time: Option<SqsTime>) -> (usize, Option<SqsTime>) {
        let stamp = time.map(|time| self.stamp.map_or(time, |counted| counted.max(time)));
        (self.fence.next_key(now), stamp)
    }

    /// When the claim ends by the monotonic clock.
    pub(crate) fn ends(&self) -> Moment {
        self.fence.ends()
    }

    /// A renewal has ended. Returns whether it lengthened the claim.
    pub(crate) fn renewed(
        &mut self,
        renewal: Renewal,
        how: Renewed,
        now: Moment,
        random: &Random,
    ) -> bool {
        let counts = match how {
            Renewed::Acknowledged(date) if renewal.agrees(date) => {
                self.fence.acknowledged(renewal.dated(date));
                self.stamp = renewal.stamp.or(self.stamp);
                true
            }
            Renewed::Acknowledged(_) | Renewed::Refused => false,
            Renewed::Unknown => {
                self.fence.unknown(renewal, now);
                false
            }
        };
        // An acknowledged renewal whose times disagree is in the tag. The fence need not know it, because its lease ends no
        // earlier than the one that counts there.
        let outcome = if counts {
            Outcome::Acknowledged
        } else {
            Outcome::Failed
        };
        self.heartbeat
            .ended(outcome, renewal.began.now, now, renewal.retention, random);
        counts
    }

    /// Gives the claim up at once: the host is gone, or not wanted any more.
    pub(crate) const fn give_up(&mut self) {
        self.fence.give_up();
    }
}

impl Renewal {
    /// Whether the time in the answer (`date`) is near the stamp. A pause between the two, or an error about SQS's time,
    /// shows here. If SQS's answers have no time, there is no stamp and nothing to compare.
    fn agrees(&self, date: Option<SqsTime>) -> bool {
        match (self.stamp, date) {
            _ if sqs_rpc_transport::mutant!("stamp-not-checked") => true,
            (Some(stamp), Some(date)) => date.since(stamp) <= AGREES && stamp.since(date) <= AGREES,
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    /// The renewal with a time from which SQS's clock shows its age. A lease with a count has no stamp, but the answer
    /// (`date`) may have a time.
    fn dated(self, date: Option<SqsTime>) -> Self {
        Self {
            stamp: self.stamp.or(date),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    const KEYS: usize = 20;

    fn sqs(s: u64) -> SqsTime {
        SqsTime::from_millis((1_800_000_000 + s) * 1_000)
    }

    fn at(s: u64) -> Reading {
        let wall: SystemTime = UNIX_EPOCH + Duration::from_secs(s);
        Reading {
            now: Moment::from_start(Duration::from_secs(s)),
            wall,
        }
    }

    fn renewal(began: u64, stamp: u64) -> Renewal {
        Renewal {
            key: 0,
            stamp: Some(sqs(stamp)),
            retention: Duration::from_secs(300),
            began: at(began),
        }
    }

    fn claim() -> Claim {
        Claim::new(renewal(0, 0), KEYS, Some(sqs(0)), &Random::seeded(1)).unwrap()
    }

    fn standing(claim: &mut Claim, s: u64) -> Standing {
        claim.standing(at(s), |_| None)
    }

    #[test]
    fn a_creation_counts_only_if_its_answer_agrees() {
        let random = Random::seeded(1);
        let new = |date| Claim::new(renewal(0, 100), KEYS, date, &random).is_some();
        assert!(new(Some(sqs(130))) && new(Some(sqs(70))));
        assert!(!new(Some(sqs(131))) && !new(Some(sqs(69))) && !new(None));
        let untimed = Renewal {
            stamp: None,
            ..renewal(0, 0)
        };
        assert!(Claim::new(untimed, KEYS, None, &random).is_some());
    }

    #[test]
    fn a_pause_of_both_clocks_ends_leases_with_a_count() {
        let random = Random::seeded(1);
        let counted = |key, began| Renewal {
            key,
            stamp: None,
            ..renewal(began, 0)
        };
        // SQS's time was not known until the answer to the renewal.
        let mut claim = Claim::new(counted(0, 0), KEYS, None, &random).unwrap();
        let dated = Renewed::Acknowledged(Some(sqs(60)));
        assert!(claim.renewed(counted(1, 60), dated, at(60).now, &random));
        let standing = |claim: &mut Claim, date| claim.standing(at(110), |_| Some(sqs(date)));
        assert_eq!(standing(&mut claim, 110), Standing::Firm);
        // By its own clocks, the owner was away for no time.
        assert_eq!(standing(&mut claim, 990), Standing::GivenUp);
    }

    #[test]
    fn a_renewal_whose_answer_disagrees_does_not_lengthen_the_claim() {
        let mut claim = claim();
        let random = Random::seeded(1);
        let late = Renewed::Acknowledged(Some(sqs(106)));
        assert!(!claim.renewed(renewal(75, 75), late, at(76).now, &random));
        assert_eq!(
            standing(&mut claim, 149),
            Standing::Firm,
            "the lease in the tag ends later"
        );
        assert_eq!(standing(&mut claim, 290), Standing::GivenUp);
        assert!(claim.next_renewal() <= at(99).now, "tried again soon");
    }

    #[test]
    fn a_stamp_never_goes_back_behind_one_that_counted() {
        let mut claim = claim();
        let random = Random::seeded(1);
        let good = Renewed::Acknowledged(Some(sqs(1_000)));
        assert!(claim.renewed(renewal(1_000, 1_000), good, at(1_000).now, &random));
        // The process assumes an SQS time that is 200 s early.
        let stamp = |time| claim.begin(at(1_010).now, time).1;
        assert_eq!(stamp(Some(sqs(810))), Some(sqs(1_000)));
        assert_eq!(stamp(Some(sqs(1_010))), Some(sqs(1_010)));
        assert_eq!(stamp(None), None);
    }

    #[test]
    fn an_unknown_renewal_keeps_the_claim_and_blocks_its_key() {
        let mut claim = claim();
        let random = Random::seeded(1);
        let (key, stamp) = claim.begin(at(75).now, Some(sqs(75)));
        let lost = Renewal {
            key,
            stamp,
            ..renewal(75, 75)
        };
        assert!(!claim.renewed(lost, Renewed::Unknown, at(80).now, &random));
        assert_eq!(standing(&mut claim, 149), Standing::Firm);
        assert!(claim.next_renewal() <= at(103).now, "tried again soon");
        assert_eq!((key, claim.begin(at(100).now, None).0), (1, 2));
    }

    #[test]
    fn a_refusal_changes_nothing_but_the_schedule() {
        let mut claim = claim();
        assert!(!claim.renewed(
            renewal(75, 75),
            Renewed::Refused,
            at(75).now,
            &Random::seeded(1)
        ));
        assert_eq!(standing(&mut claim, 149), Standing::Firm);
        assert_eq!(claim.ends(), at(290).now);
    }
}
