//! The life of a reply host, as a state machine.
//!
//! Owns: when one is made, by whom, under which number, and what becomes of one that is not wanted any more. Has no
//! clock and makes no call. Invariant: at most one is being made at a time, and no number is given twice.

use std::time::Duration;

use sqs_virtual_queues::sqs::{Backoff, Delivery, Fault, Moment, Random};

/// How often a creation that failed is tried again at once, under another name each time.
const ATTEMPTS: u32 = 3;
/// Waits between these.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(1);
/// After the last attempt, for how long requests get its error without a call.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// One requester's host: there is none, one is being made, there is one, or there will be none any more.
///
/// `H` is the host: the driver's handle, or a number in a test.
#[derive(Debug)]
pub(super) struct Machine<H> {
    phase: Phase<H>,
    /// Of the next host.
    number: u32,
    /// Between the attempts of one creation.
    retries: Backoff,
    /// Between creations that failed.
    pauses: Backoff,
    /// Creations that may have taken place although they failed.
    unconfirmed: usize,
}

#[derive(Debug)]
enum Phase<H> {
    /// Nobody asked for it yet, or it was lost.
    Absent,
    /// Somebody makes it.
    Making { number: u32, attempt: u32 },
    /// It can be used from `usable_at` on.
    Made { host: H, usable_at: Moment },
    /// The last creation failed; the next one begins after `until`.
    Failed { fault: Fault, until: Moment },
    /// For good. The host is still to be deleted, if there is one.
    Closed { undeleted: Option<H> },
}

/// What somebody who wants a host has to do.
#[derive(Debug)]
pub(super) enum Step<H> {
    /// Use it, from that moment on.
    Use { host: H, usable_at: Moment },
    /// Make it, under this number, and say what came of it.
    Make(u32),
    /// Somebody makes it: wait, and ask again.
    Wait,
    /// It could not be made.
    Failed(Fault),
    /// There will be none any more.
    Closed,
}

/// What the maker does after a failure: try again after that time, under another number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) number: u32,
    pub(super) after: Duration,
}

impl<H: Clone> Machine<H> {
    pub(super) const fn new() -> Self {
        Self {
            phase: Phase::Absent,
            number: 0,
            retries: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            unconfirmed: 0,
        }
    }

    /// Somebody wants a host.
    pub(super) fn wanted(&mut self, now: Moment) -> Step<H> {
        match &self.phase {
            Phase::Made { host, usable_at } => Step::Use {
                host: host.clone(),
                usable_at: *usable_at,
            },
            Phase::Making { .. } => Step::Wait,
            Phase::Failed { fault, until } if now < *until => Step::Failed(fault.clone()),
            Phase::Closed { .. } => Step::Closed,
            Phase::Absent | Phase::Failed { .. } => {
                let number = self.take_number();
                self.phase = Phase::Making { number, attempt: 1 };
                Step::Make(number)
            }
        }
    }

    /// It was made. Given back if nobody wants it any more: then it must be deleted.
    pub(super) fn made(&mut self, host: H, usable_at: Moment) -> Result<(), H> {
        if !matches!(self.phase, Phase::Making { .. }) {
            return Err(host);
        }
        self.retries.succeeded();
        self.pauses.succeeded();
        self.phase = Phase::Made { host, usable_at };
        Ok(())
    }

    /// It could not be made. `None`: that was the last attempt, or nobody wants it any more.
    pub(super) fn not_made(&mut self, fault: Fault, now: Moment, random: &Random) -> Option<Retry> {
        if fault.delivery() == Delivery::Unknown {
            self.unconfirmed += 1;
        }
        let Phase::Making { attempt, .. } = self.phase else {
            return None;
        };
        // A queue that was made, and whose URL is of no use, would not be better the next time.
        let worth_it = fault.is_temporary() && fault.delivery() != Delivery::Sent;
        if worth_it && attempt < ATTEMPTS {
            let number = self.take_number();
            self.phase = Phase::Making {
                number,
                attempt: attempt + 1,
            };
            return Some(Retry {
                number,
                after: self.retries.failed(random),
            });
        }
        self.retries.succeeded();
        self.phase = Phase::Failed {
            fault,
            until: now + self.pauses.failed(random),
        };
        None
    }

    /// Whether the host of this number is being made.
    pub(super) const fn is_making(&self, number: u32) -> bool {
        matches!(self.phase, Phase::Making { number: making, .. } if making == number)
    }

    /// The host, if there is one in use.
    pub(super) fn host(&self) -> Option<&H> {
        match &self.phase {
            Phase::Made { host, .. } => Some(host),
            _ => None,
        }
    }

    /// The host is gone. The next who wants one makes another.
    pub(super) fn lost(&mut self) {
        if matches!(self.phase, Phase::Made { .. }) {
            self.phase = Phase::Absent;
        }
    }

    /// The maker of this number has ended without a word: its runtime has. Nothing can be made any more.
    pub(super) fn abandoned(&mut self, number: u32) {
        if self.is_making(number) {
            self.unconfirmed += 1;
            self.close();
        }
    }

    /// No host is wanted any more.
    pub(super) fn close(&mut self) {
        let undeleted = match std::mem::replace(&mut self.phase, Phase::Closed { undeleted: None })
        {
            Phase::Made { host, .. } => Some(host),
            Phase::Closed { undeleted } => undeleted,
            _ => None,
        };
        self.phase = Phase::Closed { undeleted };
    }

    /// The host that is to be deleted, after [`close`](Self::close).
    pub(super) fn undeleted(&self) -> Option<&H> {
        match &self.phase {
            Phase::Closed { undeleted } => undeleted.as_ref(),
            _ => None,
        }
    }

    /// It is deleted.
    pub(super) fn deleted(&mut self) {
        if let Phase::Closed { undeleted } = &mut self.phase {
            *undeleted = None;
        }
    }

    /// Creations that may have taken place although they failed.
    pub(super) const fn unconfirmed(&self) -> usize {
        self.unconfirmed
    }

    fn take_number(&mut self) -> u32 {
        let number = self.number;
        self.number = number.wrapping_add(1);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqs_virtual_queues::Action;
    use sqs_virtual_queues::sqs::FaultKind;

    fn at(millis: u64) -> Moment {
        Moment::from_start(Duration::from_millis(millis))
    }

    #[derive(Debug, thiserror::Error)]
    #[error("test")]
    struct TestError;

    fn fault(kind: FaultKind, delivery: Delivery) -> Fault {
        Fault::local(Action::CreateQueue, kind, delivery, TestError)
    }

    fn making() -> Machine<&'static str> {
        let mut machine = Machine::new();
        assert!(matches!(machine.wanted(at(0)), Step::Make(0)));
        machine
    }

    /// Fails for good, with a fault that is not worth a retry.
    fn fails(machine: &mut Machine<&'static str>, now: Moment) {
        let denied = fault(FaultKind::AccessDenied, Delivery::NotSent);
        assert_eq!(machine.not_made(denied, now, &Random::seeded(1)), None);
    }

    #[test]
    fn one_makes_and_all_others_wait() {
        let mut machine = making();
        for _ in 0..100 {
            assert!(matches!(machine.wanted(at(1)), Step::Wait));
        }
        machine.made("h", at(1_000)).unwrap();
        assert!(
            matches!(machine.wanted(at(1)), Step::Use { host: "h", usable_at } if usable_at == at(1_000))
        );
    }

    #[test]
    fn a_lost_host_is_made_again_under_the_next_number() {
        let mut machine = making();
        machine.lost();
        assert!(
            matches!(machine.wanted(at(0)), Step::Wait),
            "a loss of an earlier one does not stop a creation"
        );
        machine.made("h", at(0)).unwrap();
        machine.lost();
        assert!(matches!(machine.wanted(at(0)), Step::Make(1)));
    }

    #[test]
    fn an_unknown_outcome_is_tried_again_under_other_names_and_not_for_ever() {
        let mut machine = making();
        let random = Random::seeded(1);
        let unknown = || fault(FaultKind::TimedOut, Delivery::Unknown);
        let numbers: Vec<_> = std::iter::from_fn(|| machine.not_made(unknown(), at(0), &random))
            .map(|retry| retry.number)
            .collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(machine.unconfirmed(), 3);
        assert!(matches!(machine.wanted(at(0)), Step::Failed(_)));
    }

    #[test]
    fn a_refusal_is_told_at_once_and_again_without_a_call_until_the_pause_is_over() {
        let mut machine = making();
        fails(&mut machine, at(0));
        assert!(
            matches!(machine.wanted(at(399)), Step::Failed(fault) if fault.kind() == FaultKind::AccessDenied)
        );
        assert!(matches!(machine.wanted(at(601)), Step::Make(1)));
    }

    #[test]
    fn pauses_grow_with_each_failure_and_a_success_forgets_them() {
        let mut machine = making();
        let mut now = 0;
        for _ in 0..8 {
            fails(&mut machine, at(now));
            now += 30_000;
            assert!(matches!(machine.wanted(at(now)), Step::Make(_)));
        }
        fails(&mut machine, at(now));
        assert!(
            matches!(machine.wanted(at(now + 15_999)), Step::Failed(_)),
            "at least 4/5 of 20 s"
        );
        assert!(matches!(machine.wanted(at(now + 24_001)), Step::Make(_)));
        machine.made("h", at(0)).unwrap();
        machine.lost();
        assert!(matches!(machine.wanted(at(0)), Step::Make(_)));
        fails(&mut machine, at(0));
        assert!(matches!(machine.wanted(at(601)), Step::Make(_)));
    }

    #[test]
    fn a_queue_with_a_useless_url_is_not_made_three_times() {
        let mut machine = making();
        let odd = fault(FaultKind::Unreadable, Delivery::Sent);
        assert_eq!(machine.not_made(odd, at(0), &Random::seeded(1)), None);
    }

    #[test]
    fn what_is_made_after_the_end_is_given_back() {
        let mut machine = making();
        machine.close();
        assert!(matches!(machine.wanted(at(0)), Step::Closed));
        assert_eq!(machine.made("h", at(0)), Err("h"));
        let unknown = fault(FaultKind::TimedOut, Delivery::Unknown);
        assert_eq!(machine.not_made(unknown, at(0), &Random::seeded(1)), None);
        assert_eq!((machine.undeleted(), machine.unconfirmed()), (None, 1));
    }

    #[test]
    fn what_exists_at_the_end_is_to_be_deleted_until_it_is() {
        let mut machine = making();
        machine.made("h", at(0)).unwrap();
        assert_eq!((machine.host(), machine.undeleted()), (Some(&"h"), None));
        machine.close();
        machine.close();
        assert_eq!((machine.host(), machine.undeleted()), (None, Some(&"h")));
        machine.deleted();
        assert_eq!(machine.undeleted(), None);
    }

    #[test]
    fn a_maker_that_vanished_closes_and_an_older_one_does_not() {
        let mut machine = making();
        machine.made("h", at(0)).unwrap();
        machine.lost();
        assert!(matches!(machine.wanted(at(0)), Step::Make(1)));
        machine.abandoned(0);
        assert!(matches!(machine.wanted(at(0)), Step::Wait));
        machine.abandoned(1);
        assert!(matches!(machine.wanted(at(0)), Step::Closed));
    }
}
