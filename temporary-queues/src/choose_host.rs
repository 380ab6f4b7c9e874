//! A state machine that decides which host is used for one set of attributes.
//!
//! Owns: when a host is created, and which host is used in the meantime. Has no clock and makes no call. Invariant: at most
//! one host is being created at a time, and a host that still can be used is used until the next host is ready.

use std::time::Duration;

use sqs_rpc_transport::{Backoff, Delivery, Fault, FaultKind, Moment, Random};

use super::lease::Standing;

/// The maximum number of attempts of one creation, each under another name.
const ATTEMPTS: u32 = 3;
/// The waits between these attempts.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(1);
/// How long callers get the error of the last attempt without a new call. Short, so that callers soon notice when the cause
/// is gone.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The state of the host of one set of attributes: no host, a host in use, a host being created, or closed.
///
/// `H` is the host: the driver's handle, or a number in tests.
#[derive(Debug)]
pub(super) struct Machine<H> {
    current: Option<H>,
    /// The number of the current attempt to create a host.
    making: Option<u32>,
    /// The number of the last creation that has begun.
    creation: u64,
    /// The error of the last creation. The next creation begins no earlier than this moment.
    failed: Option<(Fault, Moment)>,
    closed: bool,
    /// The waits between the attempts of one creation.
    retries: Backoff,
    /// The waits after creations that failed.
    pauses: Backoff,
}

/// What a caller that wants a host must do.
#[derive(Debug)]
pub(super) enum Step<H> {
    /// Use this host.
    Use(H),
    /// Use this host, and create another one for later callers.
    UseAndMake(H),
    /// Create a host, and wait for it.
    Make,
    /// A host is being created: wait, and ask again.
    Wait,
    /// No host could be created.
    Failed(Fault),
    /// The machine is closed: there will be no more hosts.
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

    /// A caller wants a host. `standing` returns how good the claim to the current host is. `answers`: whether SQS answers
    /// calls at present. If it does not, a host that can still be used is used without creating the next one.
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

    /// A host was created and can be used. Returns the host as an error if it is not wanted any more and must be deleted.
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

    /// An attempt failed. Returns the wait before the next attempt; `None` after the last attempt, or if no host is wanted
    /// any more. `answers`: see [`wanted`](Self::wanted).
    pub(super) fn not_made(
        &mut self,
        fault: Fault,
        answers: bool,
        now: Moment,
        random: &Random,
    ) -> Option<Duration> {
        let attempt = self.making?;
        // If SQS created the queue but its answer has no valid URL, a retry would have the same result.
        let worth_it = fault.is_temporary() && fault.delivery() != Delivery::Sent;
        // After a creation that failed, each further creation is a single attempt until one succeeds. Exception: SQS has
        // answered with a time that disagrees with the lease. SQS's time is known now, so a retry is likely to succeed.
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

    /// Whether a host is being created and is still wanted.
    pub(super) const fn is_making(&self) -> bool {
        self.making.is_some() && !self.closed
    }

    /// The number of the last creation that has begun.
    pub(super) const fn creation(&self) -> u64 {
        self.creation
    }

    /// The maker of this creation has ended. If it has not reported a result, its runtime has ended, and no more hosts can be
    /// created. The end of an earlier maker does not affect a creation that has begun since.
    pub(super) fn maker_ended(&mut self, creation: u64) {
        if self.is_making() && self.creation == creation {
            self.close();
        }
    }

    /// The host in use.
    pub(super) const fn current(&self) -> Option<&H> {
        self.current.as_ref()
    }

    /// The host is lost, or not wanted any more.
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
    use sqs_rpc_transport::{Action, FaultKind};

    use super::*;

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
    fn one_caller_creates_and_all_others_wait() {
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
    fn a_draining_host_is_used_until_the_next_is_ready() {
        let mut machine = making();
        machine.made(7).unwrap();
        let drains =
            |machine: &mut Machine<u8>| machine.wanted(at(5), true, |_| Standing::Draining);
        assert!(matches!(drains(&mut machine), Step::UseAndMake(7)));
        assert!(
            matches!(drains(&mut machine), Step::Use(7)),
            "only one host is created at a time"
        );
        machine.made(8).unwrap();
        assert!(matches!(wanted(&mut machine, 5), Step::Use(8)));
    }

    #[test]
    fn a_draining_host_is_used_while_no_creation_succeeds() {
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
    fn a_host_that_is_given_up_is_never_used() {
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
    fn only_the_loss_of_the_current_host_causes_a_creation() {
        let mut machine = making();
        machine.made(7).unwrap();
        machine.drop_host(&6);
        assert!(matches!(wanted(&mut machine, 0), Step::Use(7)));
        machine.drop_host(&7);
        assert!(matches!(wanted(&mut machine, 0), Step::Make));
    }

    #[test]
    fn an_unknown_outcome_is_retried_at_most_twice() {
        let mut machine = making();
        let random = Random::seeded(1);
        let unknown = || fault(FaultKind::TimedOut, Delivery::Unknown);
        let retries =
            std::iter::from_fn(|| machine.not_made(unknown(), true, at(0), &random)).count();
        assert_eq!(retries, 2);
        assert!(matches!(wanted(&mut machine, 0), Step::Failed(_)));
    }

    #[test]
    fn after_a_failed_creation_the_next_is_a_single_attempt() {
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
            "a creation has succeeded in between"
        );
    }

    #[test]
    fn a_wrong_time_is_retried_even_after_a_failed_creation() {
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
    fn no_creation_beside_a_usable_host_while_sqs_is_silent() {
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
        assert!(
            matches!(without, Step::Make),
            "without a usable host, a creation is tried"
        );
    }

    #[test]
    fn a_refusal_is_returned_without_calls_until_the_pause_ends() {
        let mut machine = making();
        fails(&mut machine, 0);
        assert!(
            matches!(wanted(&mut machine, 399), Step::Failed(fault) if fault.kind() == FaultKind::AccessDenied)
        );
        assert!(matches!(wanted(&mut machine, 601), Step::Make));
    }

    #[test]
    fn pauses_grow_with_failures_and_a_success_resets_them() {
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
        // The pause stays short however long creations have failed, because the cause may be gone.
        assert!(matches!(wanted(&mut machine, now + 1_201), Step::Make));
        machine.made(7).unwrap();
        machine.drop_host(&7);
        assert!(matches!(wanted(&mut machine, now), Step::Make));
        fails(&mut machine, 0);
        assert!(matches!(wanted(&mut machine, 601), Step::Make));
    }

    #[test]
    fn a_host_created_after_the_close_is_given_back() {
        let mut machine = making();
        machine.close();
        assert!(matches!(wanted(&mut machine, 0), Step::Closed));
        assert!(!machine.is_making());
        assert_eq!(machine.made(7), Err(7));
    }
}
