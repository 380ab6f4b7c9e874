//! Which host is used for one set of attributes, as a state machine.
//!
//! Owns: when one is made, and which one is used meanwhile. Has no clock and makes no call. Invariant: at most one is
//! being made at a time; one that is good enough is used until the next one is there.

use std::time::Duration;

use super::lease::Standing;
use crate::sqs::{Backoff, Delivery, Fault, FaultKind, Moment, Random};

/// How often a creation that failed is tried again at once, under another name each time.
const ATTEMPTS: u32 = 3;
/// Waits between these.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(1);
/// After the last attempt, for how long callers get its error without a call: what was in the way may be gone, and who calls
/// is to find that out soon.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The host of one set of attributes: there is none, there is one, one is being made, or there will be none any more.
///
/// `H` is the host: the driver's handle, or a number in a test.
#[derive(Debug)]
pub(super) struct Machine<H> {
    current: Option<H>,
    /// The attempt that is under way.
    making: Option<u32>,
    /// The number of the creation that was begun last.
    creation: u64,
    /// The last creation failed; the next one begins after that moment.
    failed: Option<(Fault, Moment)>,
    closed: bool,
    /// Between the attempts of one creation.
    retries: Backoff,
    /// Between creations that failed.
    pauses: Backoff,
}

/// What somebody who wants a host has to do.
#[derive(Debug)]
pub(super) enum Step<H> {
    /// Use it.
    Use(H),
    /// Use it, and make another one for those who come later.
    UseAndMake(H),
    /// Make one, and wait for it.
    Make,
    /// Somebody makes one: wait, and ask again.
    Wait,
    /// It could not be made.
    Failed(Fault),
    /// There will be none any more.
    Closed,
}

impl<H: Clone + PartialEq> Machine<H> {
    pub(super) const fn new() -> Self {
        Self {
            current: None,
            making: None,
            creation: 0,
            failed: None,
            closed: false,
            retries: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
        }
    }

    /// Somebody wants a host. `standing` tells how good the claim to the current one is; `answers`, whether SQS answers
    /// any calls: if not, one that can still be used is, and the next is made when it does.
    pub(super) fn wanted(
        &mut self,
        now: Moment,
        answers: bool,
        standing: impl Fn(&H) -> Standing,
    ) -> Step<H> {
        if self.closed {
            return Step::Closed;
        }
        let current = self.current.take().map(|host| (standing(&host), host));
        let current = current.filter(|(standing, _)| *standing != Standing::GivenUp);
        self.current = current.as_ref().map(|(_, host)| host.clone());
        let paused = self.failed.as_ref().filter(|(_, until)| now < *until);
        match (current, paused) {
            (Some((Standing::Firm, host)), _) => Step::Use(host),
            (Some((_, host)), Some(_)) => Step::Use(host),
            (Some((_, host)), None) if self.making.is_some() || !answers => Step::Use(host),
            (None, _) if self.making.is_some() => Step::Wait,
            (None, Some((fault, _))) => Step::Failed(fault.clone()),
            (current, None) => {
                self.making = Some(1);
                self.creation += 1;
                match current {
                    Some((_, host)) => Step::UseAndMake(host),
                    None => Step::Make,
                }
            }
        }
    }

    /// One was made and can be used. Given back if nobody wants it any more: then it must be deleted.
    pub(super) fn made(&mut self, host: H) -> Result<(), H> {
        if self.closed || self.making.take().is_none() {
            return Err(host);
        }
        self.failed = None;
        self.retries.succeeded();
        self.pauses.succeeded();
        self.current = Some(host);
        Ok(())
    }

    /// It could not be made. Returns after what time to try again; `None`: that was the last attempt, or nobody wants it
    /// any more. `answers`: as for [`wanted`](Self::wanted).
    pub(super) fn not_made(
        &mut self,
        fault: Fault,
        answers: bool,
        now: Moment,
        random: &Random,
    ) -> Option<Duration> {
        let attempt = self.making?;
        // A queue that was made, and whose URL is of no use, would not be better the next time.
        let worth_it = fault.is_temporary() && fault.delivery() != Delivery::Sent;
        // After one that failed for good, each further one is a single attempt, until one succeeds; but not where SQS has
        // answered, with a time that spoke against the host: it is known now.
        let first = self.pauses.failures() == 0 || fault.kind() == FaultKind::Unreadable;
        let worth_it = worth_it && answers && first;
        if worth_it && attempt < ATTEMPTS && !self.closed {
            self.making = Some(attempt + 1);
            return Some(self.retries.failed(random));
        }
        self.making = None;
        self.retries.succeeded();
        self.failed = Some((fault, now + self.pauses.failed(random)));
        None
    }

    /// Whether one is being made and wanted.
    pub(super) const fn is_making(&self) -> bool {
        self.making.is_some() && !self.closed
    }

    /// The number of the creation that was begun last.
    pub(super) const fn creation(&self) -> u64 {
        self.creation
    }

    /// The maker of this creation has ended. If it has not said how, its runtime has ended before it, and no host can be
    /// made any more. A maker that ended long ago says nothing about a creation that was begun since.
    pub(super) fn maker_ended(&mut self, creation: u64) {
        if self.is_making() && self.creation == creation {
            self.close();
        }
    }

    /// The host in use.
    pub(super) const fn current(&self) -> Option<&H> {
        self.current.as_ref()
    }

    /// The host is gone, or not wanted any more.
    pub(super) fn drop_host(&mut self, host: &H) {
        if self.current.as_ref() == Some(host) {
            self.current = None;
        }
    }

    /// No host is wanted any more.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.current = None;
        self.making = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::FaultKind;
    use crate::stats::Action;

    fn at(millis: u64) -> Moment {
        Moment::from_start(Duration::from_millis(millis))
    }

    #[derive(Debug, thiserror::Error)]
    #[error("test")]
    struct TestError;

    fn fault(kind: FaultKind, delivery: Delivery) -> Fault {
        Fault::local(Action::CreateQueue, kind, delivery, TestError)
    }

    fn wanted(machine: &mut Machine<u8>, now: u64) -> Step<u8> {
        machine.wanted(at(now), true, |_| Standing::Firm)
    }

    fn making() -> Machine<u8> {
        let mut machine = Machine::new();
        assert!(matches!(wanted(&mut machine, 0), Step::Make));
        machine
    }

    /// Fails for good, with a fault that is not worth a retry.
    fn fails(machine: &mut Machine<u8>, now: u64) {
        let denied = fault(FaultKind::AccessDenied, Delivery::NotSent);
        assert_eq!(
            machine.not_made(denied, true, at(now), &Random::seeded(1)),
            None
        );
    }

    #[test]
    fn one_makes_and_all_others_wait() {
        let mut machine = making();
        for _ in 0..100 {
            assert!(matches!(wanted(&mut machine, 1), Step::Wait));
        }
        machine.made(7).unwrap();
        assert!(matches!(wanted(&mut machine, 1), Step::Use(7)));
    }

    #[test]
    fn a_maker_that_ends_late_leaves_a_later_creation_alone() {
        let mut machine = making();
        let first = machine.creation();
        machine.made(7).unwrap();
        machine.drop_host(&7);
        assert!(matches!(wanted(&mut machine, 0), Step::Make));
        machine.maker_ended(first);
        assert!(machine.is_making());
        machine.maker_ended(machine.creation());
        assert!(matches!(wanted(&mut machine, 0), Step::Closed));
    }

    #[test]
    fn one_that_drains_is_used_until_the_next_is_there() {
        let mut machine = making();
        machine.made(7).unwrap();
        let drains =
            |machine: &mut Machine<u8>| machine.wanted(at(5), true, |_| Standing::Draining);
        assert!(matches!(drains(&mut machine), Step::UseAndMake(7)));
        assert!(
            matches!(drains(&mut machine), Step::Use(7)),
            "one is made at a time"
        );
        machine.made(8).unwrap();
        assert!(matches!(wanted(&mut machine, 5), Step::Use(8)));
    }

    #[test]
    fn one_that_drains_is_used_while_no_other_can_be_made() {
        let mut machine = making();
        machine.made(7).unwrap();
        let drains =
            |machine: &mut Machine<u8>, now| machine.wanted(at(now), true, |_| Standing::Draining);
        assert!(matches!(drains(&mut machine, 0), Step::UseAndMake(7)));
        fails(&mut machine, 0);
        assert!(matches!(drains(&mut machine, 1), Step::Use(7)));
        assert!(matches!(drains(&mut machine, 601), Step::UseAndMake(7)));
    }

    #[test]
    fn one_that_is_given_up_is_never_used() {
        let mut machine = making();
        machine.made(7).unwrap();
        let given_up = machine.wanted(at(5), true, |_| Standing::GivenUp);
        assert!(matches!(given_up, Step::Make));
        assert_eq!(machine.current(), None);
        assert!(matches!(
            machine.wanted(at(5), true, |_| Standing::GivenUp),
            Step::Wait
        ));
    }

    #[test]
    fn a_lost_host_is_made_again_and_another_ones_loss_means_nothing() {
        let mut machine = making();
        machine.made(7).unwrap();
        machine.drop_host(&6);
        assert!(matches!(wanted(&mut machine, 0), Step::Use(7)));
        machine.drop_host(&7);
        assert!(matches!(wanted(&mut machine, 0), Step::Make));
    }

    #[test]
    fn an_unknown_outcome_is_tried_again_and_not_for_ever() {
        let mut machine = making();
        let random = Random::seeded(1);
        let unknown = || fault(FaultKind::TimedOut, Delivery::Unknown);
        let retries =
            std::iter::from_fn(|| machine.not_made(unknown(), true, at(0), &random)).count();
        assert_eq!(retries, 2);
        assert!(matches!(wanted(&mut machine, 0), Step::Failed(_)));
    }

    #[test]
    fn after_a_creation_that_failed_the_next_is_a_single_attempt() {
        let mut machine = making();
        let random = Random::seeded(1);
        let unknown = || fault(FaultKind::TimedOut, Delivery::Unknown);
        while machine.not_made(unknown(), true, at(0), &random).is_some() {}
        for now in [30_000, 60_000] {
            assert!(matches!(wanted(&mut machine, now), Step::Make));
            assert_eq!(machine.not_made(unknown(), true, at(now), &random), None);
        }
        assert!(matches!(wanted(&mut machine, 90_000), Step::Make));
        machine.made(7).unwrap();
        machine.drop_host(&7);
        assert!(matches!(wanted(&mut machine, 90_000), Step::Make));
        assert!(
            machine
                .not_made(unknown(), true, at(90_000), &random)
                .is_some(),
            "one was made in between"
        );
    }

    #[test]
    fn a_host_that_was_made_at_a_wrong_time_is_made_again_even_after_a_creation_that_failed() {
        let mut machine = making();
        fails(&mut machine, 0);
        assert!(matches!(wanted(&mut machine, 30_000), Step::Make));
        let random = Random::seeded(1);
        let wrong_time = || fault(FaultKind::Unreadable, Delivery::Unknown);
        let retries =
            std::iter::from_fn(|| machine.not_made(wrong_time(), true, at(30_000), &random))
                .count();
        assert_eq!(retries, 2);
    }

    #[test]
    fn none_is_made_beside_one_that_can_be_used_while_sqs_answers_nothing() {
        let mut machine = making();
        machine.made(7).unwrap();
        let drains = |machine: &mut Machine<u8>, answers| {
            machine.wanted(at(5), answers, |_| Standing::Draining)
        };
        assert!(matches!(drains(&mut machine, false), Step::Use(7)));
        assert!(matches!(drains(&mut machine, true), Step::UseAndMake(7)));
        machine.drop_host(&7);
        let mut machine = Machine::<u8>::new();
        let without = machine.wanted(at(5), false, |_| Standing::Firm);
        assert!(matches!(without, Step::Make), "somebody has to try");
    }

    #[test]
    fn a_refusal_is_told_at_once_and_again_without_a_call_until_the_pause_is_over() {
        let mut machine = making();
        fails(&mut machine, 0);
        assert!(
            matches!(wanted(&mut machine, 399), Step::Failed(fault) if fault.kind() == FaultKind::AccessDenied)
        );
        assert!(matches!(wanted(&mut machine, 601), Step::Make));
    }

    #[test]
    fn pauses_grow_with_each_failure_and_a_success_forgets_them() {
        let mut machine = making();
        let mut now = 0;
        for _ in 0..8 {
            fails(&mut machine, now);
            now += 30_000;
            assert!(matches!(wanted(&mut machine, now), Step::Make));
        }
        fails(&mut machine, now);
        let early = wanted(&mut machine, now + 799);
        assert!(matches!(early, Step::Failed(_)), "at least 4/5 of a second");
        // However long it has failed: what was in the way may be gone.
        assert!(matches!(wanted(&mut machine, now + 1_201), Step::Make));
        machine.made(7).unwrap();
        machine.drop_host(&7);
        assert!(matches!(wanted(&mut machine, now), Step::Make));
        fails(&mut machine, 0);
        assert!(matches!(wanted(&mut machine, 601), Step::Make));
    }

    #[test]
    fn what_is_made_after_the_end_is_given_back() {
        let mut machine = making();
        machine.close();
        assert!(matches!(wanted(&mut machine, 0), Step::Closed));
        assert!(!machine.is_making());
        assert_eq!(machine.made(7), Err(7));
    }
}
