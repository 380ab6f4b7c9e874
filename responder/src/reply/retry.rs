//! When a failed reply is tried again, and when it is given up, as a pure state machine.
//!
//! Owns: the times, and the reason for giving up. Does not send. Invariant: no reply is tried again at or after its
//! deadline.

use std::time::Duration;

use sqs_rpc_protocol::limits::NEW_QUEUE_WAIT;
use sqs_rpc_transport::{Backoff, Fault, FaultKind, Moment, Random};

/// A queue is missing if SQS has answered so for this long. Before, the queue may be new. A mistake costs little: the
/// request is redelivered, or the program that serves the queue is started again.
pub(crate) const MISSING_AFTER: Duration = NEW_QUEUE_WAIT.saturating_mul(2);

/// How long a reply without a deadline (to a Java requester) is tried. After that the request is left to be
/// redelivered, and is answered from the reply store.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(60);

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Counts the attempts to send one reply.
#[derive(Debug)]
pub(crate) struct Attempts {
    first: Moment,
    deadline: Option<Moment>,
    backoff: Backoff,
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Try again at this moment.
    At(Moment),
    /// SQS refuses this message for good. Send an error reply instead.
    Refused,
    /// Give up.
    Stop(Unsent),
}

/// Why a reply was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// The deadline has passed, so nobody waits.
    TooLate,
    /// The return address does not exist, so nobody waits.
    NoQueue,
    /// SQS refuses the message.
    Refused,
    /// The responder lacks the permission to send.
    Denied,
    /// SQS could not be reached for too long.
    Unreachable,
}

impl Unsent {
    /// Whether to delete the request all the same, because redelivering it would not help.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::TooLate | Self::NoQueue | Self::Refused)
    }
}

impl Attempts {
    pub(crate) const fn new(now: Moment, deadline: Option<Moment>) -> Self {
        Self {
            first: now,
            deadline,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        }
    }

    /// Whether it is too late to try.
    pub(crate) fn is_too_late(&self, now: Moment) -> bool {
        self.deadline.is_some_and(|at| now >= at)
    }

    /// When the first attempt was made.
    pub(crate) const fn first(&self) -> Moment {
        self.first
    }

    /// When an attempt ends at the latest: at the deadline.
    pub(crate) fn until(&self) -> Moment {
        self.deadline.unwrap_or(self.first + WITHOUT_DEADLINE)
    }

    /// Handles a failed attempt. `missing_since`: since when the host has been known not to exist.
    pub(crate) fn failed(
        &mut self,
        fault: &Fault,
        missing_since: Option<Moment>,
        now: Moment,
        random: &Random,
    ) -> Next {
        let was_missing = missing_since.is_some_and(|since| since <= self.first);
        let (until, otherwise) = match fault.kind() {
            // Earlier replies have already waited for the host.
            FaultKind::QueueNotFound if was_missing => return Next::Stop(Unsent::NoQueue),
            FaultKind::AccessDenied => return Next::Stop(Unsent::Denied),
            FaultKind::Closed => return Next::Stop(Unsent::Unreachable),
            FaultKind::QueueNotFound => (self.first + MISSING_AFTER, Unsent::NoQueue),
            _ if fault.is_temporary() => (self.first + WITHOUT_DEADLINE, Unsent::Unreachable),
            _ => return Next::Refused,
        };
        let wait = self.backoff.failed(random);
        let is_missing = otherwise == Unsent::NoQueue;
        match self.deadline {
            Some(deadline) if now >= deadline => Next::Stop(Unsent::TooLate),
            // If SQS throttles or cannot be reached, only the deadline ends the attempts. A missing queue is given up
            // earlier.
            Some(deadline) if !is_missing => Next::At((now + wait).min(deadline)),
            _ if now >= until => Next::Stop(otherwise),
            deadline => Next::At((now + wait).min(until).min(deadline.unwrap_or(until))),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqs_rpc_transport::{Action, Delivery};

    use super::*;

    fn fault(kind: FaultKind) -> Fault {
        Fault::local(
            Action::SendMessageBatch,
            kind,
            Delivery::NotSent,
            std::io::Error::other("x"),
        )
    }

    fn at(secs: u64) -> Moment {
        Moment::from_start(Duration::from_secs(secs))
    }

    /// Fails every attempt until the end. Returns the time, the number of attempts, and the end.
    fn run(kind: FaultKind, deadline: Option<u64>) -> (Duration, usize, Next) {
        let random = Random::seeded(3);
        let mut attempts = Attempts::new(at(100), deadline.map(|secs| at(100 + secs)));
        let (mut now, mut tries) = (at(100), 1);
        loop {
            match attempts.failed(&fault(kind), None, now, &random) {
                Next::At(next) => {
                    assert!(next > now, "no spinning");
                    (now, tries) = (next, tries + 1);
                }
                end => return (now.since(at(100)), tries, end),
            }
        }
    }

    #[test]
    fn a_missing_queue_is_tried_for_two_seconds() {
        for deadline in [None, Some(30)] {
            let (took, tries, end) = run(FaultKind::QueueNotFound, deadline);
            assert_eq!(
                (took, end),
                (MISSING_AFTER, Next::Stop(Unsent::NoQueue)),
                "{deadline:?}"
            );
            assert!((4..10).contains(&tries), "{tries}");
        }
    }

    #[test]
    fn a_host_known_to_be_missing_costs_one_attempt() {
        let random = Random::seeded(3);
        for (since, expected) in [(99, true), (100, true), (101, false)] {
            let mut attempts = Attempts::new(at(100), Some(at(130)));
            let missing = fault(FaultKind::QueueNotFound);
            let next = attempts.failed(&missing, Some(at(since)), at(101), &random);
            let stops = next == Next::Stop(Unsent::NoQueue);
            assert_eq!(stops, expected, "known since {since}");
            let other = attempts.failed(
                &fault(FaultKind::Throttled),
                Some(at(since)),
                at(101),
                &random,
            );
            assert!(matches!(other, Next::At(_)));
        }
    }

    #[test]
    fn no_attempt_is_made_after_the_deadline() {
        let (took, _, end) = run(FaultKind::QueueNotFound, Some(1));
        assert_eq!(
            (took, end),
            (Duration::from_secs(1), Next::Stop(Unsent::TooLate))
        );
        let (took, tries, end) = run(FaultKind::Throttled, Some(90));
        assert_eq!(
            (took, end),
            (Duration::from_secs(90), Next::Stop(Unsent::TooLate))
        );
        assert!(tries < 20, "{tries}");
    }

    #[test]
    fn without_a_deadline_an_outage_is_waited_for_a_minute() {
        let (took, _, end) = run(FaultKind::Unreachable, None);
        assert_eq!(
            (took, end),
            (WITHOUT_DEADLINE, Next::Stop(Unsent::Unreachable))
        );
    }

    #[test]
    fn a_lasting_fault_is_not_retried() {
        for (kind, expected) in [
            (FaultKind::AccessDenied, Next::Stop(Unsent::Denied)),
            (FaultKind::Closed, Next::Stop(Unsent::Unreachable)),
            (FaultKind::Refused, Next::Refused),
            (FaultKind::NotMade, Next::Refused),
        ] {
            assert_eq!(
                run(kind, Some(30)),
                (Duration::ZERO, 1, expected),
                "{kind:?}"
            );
        }
    }
}
