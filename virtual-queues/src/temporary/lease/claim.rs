//! An owner's claim to one host: the fence and the heartbeat together.
//!
//! Owns: what the end of a renewal means for both. Invariant: only an answer whose own time agrees with the stamp
//! lengthens a claim.

use std::time::Duration;

use sqs_rpc_protocol::SqsTime;

use super::fence::{Fence, Reading, Renewal, Standing};
use super::heartbeat::{Heartbeat, Outcome};
use crate::sqs::{Moment, Random};

/// So far a stamp may be from the time of the answer to its renewal.
const AGREES: Duration = Duration::from_secs(30);

/// How a renewal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// SQS acknowledged it, at this time of its own.
    Acknowledged(Option<SqsTime>),
    /// SQS refused it: it will not land.
    Refused,
    /// It may have landed, or land later.
    Unknown,
}

/// The claim to one host.
#[derive(Debug)]
pub(crate) struct Claim {
    fence: Fence,
    heartbeat: Heartbeat,
    /// The stamp of the last renewal that lengthened it.
    stamp: Option<SqsTime>,
}

impl Claim {
    /// The claim to a host that was made with this lease; `None` if the time of the answer speaks against it: then
    /// it must not be used, and is to be deleted.
    pub(crate) fn new(creation: Renewal, date: Option<SqsTime>, random: &Random) -> Option<Self> {
        creation.agrees(date).then(|| Self {
            fence: Fence::new(creation),
            heartbeat: Heartbeat::new(creation.began.now, creation.retention, random),
            stamp: creation.stamp,
        })
    }

    /// How good it is now; see [`Fence::standing`].
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

    /// When the claim ends by the monotonic clock.
    pub(crate) fn ends(&self) -> Moment {
        self.fence.ends()
    }

    /// A renewal ended so. Returns whether it lengthened the claim.
    pub(crate) fn renewed(
        &mut self,
        renewal: Renewal,
        how: Renewed,
        now: Moment,
        random: &Random,
    ) -> bool {
        let counts = match how {
            Renewed::Acknowledged(date) => renewal.agrees(date),
            Renewed::Refused | Renewed::Unknown => false,
        };
        if counts {
            self.fence.acknowledged(renewal);
            self.stamp = renewal.stamp;
        } else if how != Renewed::Refused && (how == Renewed::Unknown || renewal.stamp < self.stamp)
        {
            // One that is in the tag, and whose stamp is only unconfirmed, ends later than the one that counts.
            self.fence.unknown(renewal);
        }
        let outcome = if counts {
            Outcome::Acknowledged
        } else {
            Outcome::Failed
        };
        self.heartbeat
            .ended(outcome, renewal.began.now, now, renewal.retention, random);
        counts
    }

    /// Gives it up at once: the host is gone, or not wanted any more.
    pub(crate) const fn give_up(&mut self) {
        self.fence.give_up();
    }
}

impl Renewal {
    /// Whether the time of its answer is near its stamp. A pause between the two, or a wrong idea of SQS's time, shows
    /// here. Where SQS tells no time at all, the stamp is none, and there is nothing to compare.
    fn agrees(&self, date: Option<SqsTime>) -> bool {
        match (self.stamp, date) {
            _ if crate::mutant!("stamp-not-checked") => true,
            (Some(stamp), Some(date)) => date.since(stamp) <= AGREES && stamp.since(date) <= AGREES,
            (Some(_), None) => false,
            (None, _) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

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
            stamp: Some(sqs(stamp)),
            retention: Duration::from_secs(300),
            began: at(began),
        }
    }

    fn claim() -> Claim {
        Claim::new(renewal(0, 0), Some(sqs(0)), &Random::seeded(1)).unwrap()
    }

    fn standing(claim: &mut Claim, s: u64) -> Standing {
        claim.standing(at(s), |_| None)
    }

    #[test]
    fn a_creation_counts_only_if_its_answer_agrees() {
        let random = Random::seeded(1);
        let new = |date| Claim::new(renewal(0, 100), date, &random).is_some();
        assert!(new(Some(sqs(130))) && new(Some(sqs(70))));
        assert!(!new(Some(sqs(131))) && !new(Some(sqs(69))) && !new(None));
        let untimed = Renewal {
            stamp: None,
            ..renewal(0, 0)
        };
        assert!(Claim::new(untimed, None, &random).is_some());
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
            "the tag says more"
        );
        assert_eq!(standing(&mut claim, 290), Standing::GivenUp);
        assert!(claim.next_renewal() <= at(99).now, "tried again soon");
    }

    #[test]
    fn a_stamp_that_went_back_is_remembered_until_its_own_end() {
        let mut claim = claim();
        let random = Random::seeded(1);
        let good = Renewed::Acknowledged(Some(sqs(1_000)));
        assert!(claim.renewed(renewal(1_000, 1_000), good, at(1_000).now, &random));
        // SQS's time was believed to be 200 s earlier than it is.
        let bad = Renewed::Acknowledged(Some(sqs(1_010)));
        assert!(!claim.renewed(renewal(1_010, 810), bad, at(1_010).now, &random));
        assert_eq!(standing(&mut claim, 1_011), Standing::Draining);
        let proven = |_| Some(sqs(1_100));
        assert_eq!(claim.standing(at(1_100), proven), Standing::GivenUp);
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
