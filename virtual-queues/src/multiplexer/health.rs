//! Judges a host by the results of its polls. A pure state machine.
//!
//! Owns: since when polls fail, and what the failures mean. Does not own: the polls, and the callers that are
//! informed.
//!
//! **Invariant:** one successful poll clears all knowledge of earlier failures.

use std::time::Duration;

use sqs_rpc_protocol::limits::NEW_QUEUE_WAIT;
use sqs_rpc_transport::{Fault, FaultKind, Moment};

/// A host is missing if SQS still answers so this long after the host was created, or after the first such answer.
/// A mistake would fail all requests that are pending on the host.
const MISSING_AFTER: Duration = NEW_QUEUE_WAIT.saturating_mul(5);

/// When polls have been denied by policy for this long, pending requests fail at once instead of waiting for their
/// deadlines. A changed policy needs about this long to take effect everywhere.
const DENIED: Duration = Duration::from_secs(60);

/// The time from the first answer that a host does not exist to the second poll, before [`MISSING_AFTER`] has passed.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// The state of a host as its polls show it.
#[derive(Debug)]
pub(super) struct Health {
    /// Since when the host is known to exist: its creation, or the first successful poll.
    exists_since: Option<Moment>,
    /// The number of failed polls in all.
    failures: u64,
    /// The failures since the last successful poll.
    trouble: Option<Trouble>,
}

/// Polls fail, and none has succeeded since.
#[derive(Debug)]
struct Trouble {
    /// The fault of the last poll.
    fault: Fault,
    /// The number of the last failure that was a refusal.
    refused: Option<u64>,
    denied_since: Option<Moment>,
    missing_since: Option<Moment>,
}

/// The meaning of a failed poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The failure may be temporary: receivers and callers continue to wait.
    Passing,
    /// The host does not exist, or is so new that some parts of SQS do not know it yet. A poll at this moment shows
    /// which.
    Missing(Moment),
    /// The call is refused. Receives end with the fault.
    Refused,
    /// The call has been denied for so long that pending requests also end with the fault.
    Denied,
    /// The host does not exist.
    Gone,
}

impl Health {
    /// `made_at` is when this process created the host, if it did.
    pub(super) const fn new(made_at: Option<Moment>) -> Self {
        Self {
            exists_since: made_at,
            failures: 0,
            trouble: None,
        }
    }

    /// A poll succeeded, with or without messages.
    pub(super) fn worked(&mut self, now: Moment) {
        self.exists_since.get_or_insert(now);
        self.trouble = None;
    }

    /// A poll failed. Returns what the failure means.
    pub(super) fn failed(&mut self, fault: &Fault, now: Moment) -> Verdict {
        self.failures += 1;
        let mut trouble = self.trouble.take().unwrap_or_else(|| Trouble::new(fault));
        trouble.fault = fault.clone();
        let verdict = match fault.kind() {
            FaultKind::QueueNotFound => {
                let since = *trouble.missing_since.get_or_insert(now);
                self.missing(since, now)
            }
            FaultKind::AccessDenied => {
                let since = *trouble.denied_since.get_or_insert(now);
                if now.since(since) < DENIED {
                    Verdict::Refused
                } else {
                    Verdict::Denied
                }
            }
            // The user's own code panicked inside of this call.
            FaultKind::NotMade => Verdict::Passing,
            _ if fault.is_temporary() => Verdict::Passing,
            _ => Verdict::Refused,
        };
        if matches!(verdict, Verdict::Refused | Verdict::Denied) {
            trouble.refused = Some(self.failures);
        }
        self.trouble = Some(trouble);
        verdict
    }

    /// The number of failed polls in all, which a receiver remembers when it begins.
    pub(super) const fn failures(&self) -> u64 {
        self.failures
    }

    /// Why the last poll failed, if it did.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.trouble.as_ref().map(|trouble| &trouble.fault)
    }

    /// The refusal of a poll that ended after the given number of failures.
    pub(super) fn refusal_after(&self, failures: u64) -> Option<&Fault> {
        let trouble = self.trouble.as_ref()?;
        (trouble.refused? > failures).then_some(&trouble.fault)
    }

    /// The last poll's fault, if polls are denied by policy.
    pub(super) fn denial(&self) -> Option<&Fault> {
        self.fault()
            .filter(|fault| fault.kind() == FaultKind::AccessDenied)
    }

    fn missing(&self, since: Moment, now: Moment) -> Verdict {
        let old = |exists: Moment| now.since(exists) >= MISSING_AFTER;
        if self.exists_since.is_some_and(old) || now.since(since) >= MISSING_AFTER {
            return Verdict::Gone;
        }
        let second = since + SECOND_LOOK;
        Verdict::Missing(if now < second {
            second
        } else {
            since + MISSING_AFTER
        })
    }
}

impl Trouble {
    fn new(fault: &Fault) -> Self {
        Self {
            fault: fault.clone(),
            refused: None,
            denied_since: None,
            missing_since: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use sqs_rpc_transport::{Action, Delivery};

    use super::*;

    fn fault(kind: FaultKind) -> Fault {
        let nothing = std::io::Error::other("made up");
        Fault::local(Action::ReceiveMessage, kind, Delivery::NotSent, nothing)
    }

    fn at(seconds: f64) -> Moment {
        Moment::from_start(Duration::from_secs_f64(seconds))
    }

    #[test]
    fn an_unknown_host_is_polled_three_times_in_five_seconds() {
        let mut health = Health::new(None);
        let missing = fault(FaultKind::QueueNotFound);
        assert_eq!(health.failed(&missing, at(9.0)), Verdict::Missing(at(10.0)));
        assert_eq!(
            health.failed(&missing, at(9.5)),
            Verdict::Missing(at(10.0)),
            "another poll that was in flight"
        );
        assert_eq!(
            health.failed(&missing, at(10.0)),
            Verdict::Missing(at(14.0))
        );
        assert_eq!(health.failed(&missing, at(14.0)), Verdict::Gone);
    }

    #[test]
    fn a_host_that_appears_later_was_new() {
        let mut health = Health::new(None);
        let missing = fault(FaultKind::QueueNotFound);
        health.failed(&missing, at(0.0));
        health.worked(at(1.0));
        assert!(health.fault().is_none());
        assert_eq!(
            health.failed(&missing, at(4.0)),
            Verdict::Missing(at(5.0)),
            "parts of SQS do not know the host yet"
        );
    }

    #[test]
    fn a_missing_host_that_worked_is_gone_at_once() {
        let mut health = Health::new(None);
        health.worked(at(1.0));
        health.worked(at(6.0));
        assert_eq!(
            health.failed(&fault(FaultKind::QueueNotFound), at(6.0)),
            Verdict::Gone
        );
        let mut made = Health::new(Some(at(1.0)));
        assert_eq!(
            made.failed(&fault(FaultKind::QueueNotFound), at(5.0)),
            Verdict::Missing(at(6.0))
        );
        assert_eq!(
            made.failed(&fault(FaultKind::QueueNotFound), at(6.0)),
            Verdict::Gone
        );
    }

    #[test]
    fn a_denial_is_final_after_a_minute_without_success() {
        let mut health = Health::new(None);
        let denied = fault(FaultKind::AccessDenied);
        assert_eq!(health.failed(&denied, at(0.0)), Verdict::Refused);
        assert_eq!(
            health.failed(&fault(FaultKind::Throttled), at(30.0)),
            Verdict::Passing
        );
        assert_eq!(health.failed(&denied, at(60.0)), Verdict::Denied);
        health.worked(at(61.0));
        assert_eq!(health.failed(&denied, at(62.0)), Verdict::Refused);
    }

    #[test]
    fn a_refusal_is_reported_once_to_current_receivers() {
        let mut health = Health::new(None);
        let before = health.failures();
        health.failed(&fault(FaultKind::Refused), at(0.0));
        assert!(health.refusal_after(before).is_some());
        let after = health.failures();
        assert!(health.refusal_after(after).is_none());
        health.failed(&fault(FaultKind::Throttled), at(1.0));
        assert!(
            health.refusal_after(after).is_none(),
            "a temporary failure is not a refusal"
        );
        health.failed(&fault(FaultKind::AccessDenied), at(2.0));
        assert!(health.refusal_after(after).is_some());
    }

    #[test]
    fn temporary_failures_end_nothing() {
        use FaultKind::{
            Credentials, NotMade, OverLimit, Panicked, TimedOut, Unavailable, Unreachable,
            Unreadable,
        };
        let mut health = Health::new(None);
        for kind in [
            Credentials,
            NotMade,
            OverLimit,
            Panicked,
            TimedOut,
            Unavailable,
            Unreachable,
            Unreadable,
        ] {
            for second in [0, 100_000] {
                assert_eq!(
                    health.failed(&fault(kind), at(f64::from(second))),
                    Verdict::Passing
                );
            }
        }
        assert_eq!(health.fault().map(Fault::kind), Some(Unreadable));
    }
}
