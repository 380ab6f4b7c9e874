//! Counts of each fault and each check. A simulation in which a fault does not take place, or a check cannot fail, proves
//! nothing.

use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($(#[$of:meta])* $name:ident { $($(#[doc = $doc:literal])+ $variant:ident $text:literal,)* }) => {
        $(#[$of])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl $name {
            /// All variants.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

names! {
    /// A fault that the simulation makes.
    Fault {
        /// A call is refused with `RequestThrottled`.
        Throttled "throttled",
        /// A call is answered with 503, without effect.
        Unavailable "unavailable",
        /// A call takes effect and is answered with 500.
        FailedAfter "failed-after-effect",
        /// A call is lost in transit and times out.
        TimedOut "timed-out",
        /// A call takes effect, but its answer is lost, so the call times out.
        TimedOutAfter "timed-out-after-effect",
        /// The connection breaks before the effect.
        Reset "reset",
        /// The connection breaks after the effect, with the answer in it.
        ResetAfter "reset-after-effect",
        /// The credentials have expired.
        Denied "denied",
        /// An entry of a batch fails, and the answer says that the cause is on SQS's side.
        FailedEntry "failed-entry",
        /// An entry of a batch takes effect, but is in neither list of the answer.
        LostEntry "lost-entry",
        /// A whole batch is refused because of one entry.
        RefusedBatch "refused-batch",
        /// A call has no answer for minutes.
        Hang "hang",
        /// A call is never answered, whatever its action; it may have its effect.
        NoAnswer "no-answer",
        /// No credentials can be loaded.
        NoCredentials "no-credentials",
        /// SQS refuses the credentials, because they have expired.
        ExpiredToken "expired-token",
        /// A proxy answers with its own page, whose `Date` is an hour wrong.
        ProxyPage "proxy-page",
        /// A proxy replaces the `Date` of SQS's answers by its own, which is an hour wrong.
        DateReplaced "date-replaced",
        /// A request whose requester is dead and whose reply queue does not exist.
        DeadRequest "dead-request",
        /// All tasks of a process end, but its handles are still used.
        TasksEnded "tasks-ended",
        /// A handler never returns.
        HungHandler "hung-handler",
        /// Code of the user other than a handler panics.
        HookPanicked "hook-panicked",
        /// A poll's connection is half open: the poll never gets an answer.
        HalfOpen "half-open-poll",
        /// A body is changed in transit.
        Corrupted "corrupted-body",
        /// A message is delivered while it is hidden.
        Duplicate "duplicate",
        /// Messages are delivered out of order.
        Reordered "reordered",
        /// A send to a queue that is being deleted is accepted, but the message is lost.
        Vanished "vanished-send",
        /// Too many messages are in flight, so receives return none.
        QuotaReached "in-flight-quota",
        /// An answer has no `Date`.
        DateMissing "date-missing",
        /// An answer's `Date` is late by up to 20 s.
        DateLate "date-late",
        /// An answer's `Date` is wrong by up to 5 s.
        DateOff "date-off",
        /// A process's wall clock jumps.
        ClockStep "clock-step",
        /// A process is suspended: its monotonic clock stops, its wall clock continues.
        Suspended "suspended",
        /// A process's virtual machine is paused: both clocks stop.
        MachinePaused "machine-paused",
        /// A process is stopped, and its clocks continue.
        Stopped "stopped",
        /// A process is killed.
        Killed "killed",
        /// A process is killed at an await point of one of its tasks.
        KilledMidway "killed-at-await-point",
        /// A process is killed when SQS has accepted its reply.
        KilledAfterReply "killed-after-reply",
        /// A process starts again.
        Restarted "restarted",
        /// A process shuts down.
        ShutDown "shut-down",
        /// A handle is dropped without a shutdown.
        Dropped "dropped",
        /// A request's future is dropped.
        Cancelled "cancelled",
        /// A handler panics.
        Panicked "panicked",
        /// A message that is not a request is on a request queue.
        Undecodable "undecodable",
        /// A request is delivered that expired long ago.
        OldRequest "old-request",
        /// A reply is too large.
        HugeReply "huge-reply",
        /// A late copy of a reply arrives.
        LateCopy "late-reply",
        /// A message arrives for a virtual queue that does not exist.
        Orphan "orphan",
        /// A call takes effect minutes after its caller has given it up.
        LandsLate "lands-late",
        /// A list shows queues as they were up to a minute ago.
        StaleList "stale-list",
        /// A process reads a count of messages that is wrong by nine tenths.
        WrongCounts "wrong-counts",
        /// A person deletes a host that is in use.
        HostDeleted "host-deleted-by-hand",
        /// Another program has a queue under the prefix.
        Foreign "foreign-queue",
        /// An owner gives a host up.
        GivenUp "host-given-up",
        /// An owner's host does not exist any more.
        HostLost "host-lost",
        /// An owner deletes an unused host.
        HostIdle "host-idle",
        /// A watcher deletes a dead host.
        Swept "host-swept",
        /// A retention grows because tagging is throttled.
        RetentionGrown "retention-grown",
    }
}

names! {
    /// A check of the oracle.
    Check {
        /// I1: a request has ended by its deadline.
        EndsInTime "I1-ends-in-time",
        /// I1: a request does not end with `Timeout` before its deadline.
        NotTooEarly "I1-timeout-not-early",
        /// I1: a pending request is not overdue.
        NotOverdue "I1-not-overdue",
        /// I2: a request ends with its own reply.
        OwnReply "I2-own-reply",
        /// I2: a virtual queue receives only its own messages.
        OwnMessages "I2-own-messages",
        /// I3: a request is deleted only if SQS has accepted a reply to it, or no requester waits for a reply.
        NotDropped "I3-not-dropped",
        /// I3: a request that SQS has accepted is handled by its deadline.
        AllHandled "I3-all-handled",
        /// I3: a message of a virtual queue is deleted only by its user.
        NotDeletedUnasked "I3-not-deleted-unasked",
        /// I3: at the end, every message of a virtual queue was received.
        AllReceived "I3-all-received",
        /// I4: buffers are under their caps.
        UnderCaps "I4-under-caps",
        /// I7: a process makes few calls that fail or return nothing.
        NoHotLoop "I7-no-hot-loop",
        /// I7: while a fault lasts, a process makes at most twice the calls of the same time in a run without faults.
        NotTwice "I7-not-twice-the-calls",
        /// I8: once the faults have stopped, a request succeeds.
        WorksAgain "I8-works-again",
        /// A process handles a request only once.
        HandledOnce "handled-once",
        /// An entry is not sent again after the answer that SQS has accepted it.
        NotSentAgain "accepted-not-sent-again",
        /// A poll in flight is not ended early.
        PollNotAborted "poll-not-aborted",
        /// A message that was deleted is not delivered to its user again.
        NotAfterDelete "not-after-delete",
        /// A user receives a message only while SQS still hides it.
        StillHidden "still-hidden",
        /// No user sees a body that was changed in transit.
        NotCorrupted "not-corrupted",
        /// A message that cannot be decoded is redelivered at ever longer intervals.
        NoSpinning "no-spinning",
        /// An expired request is not handled.
        NotHandledLate "not-handled-late",
        /// When no request is pending, no slot is taken.
        SlotsFree "slots-free",
        /// At the end, no message is left on a host in use.
        HostDrained "host-drained",
        /// A shutdown ends within its time.
        ShutdownInTime "shutdown-in-time",
        /// A request that no fault affects succeeds.
        Succeeds "succeeds",
        /// A receiver receives the messages of its queue in time, whatever other virtual queues do.
        NotStarved "not-starved",
        /// Once all tasks have ended, requests end with `Closed` at once.
        ClosedAtOnce "closed-at-once",
        /// SQS sees no other visibility change of a receipt handle after the user's own change or delete.
        LastWord "users-last-word",
        /// A request that must fail ends with the expected error.
        RightError "right-error",
        /// I5: no process deletes a host that its owner may use, or a queue that is not a dead host.
        NotLive "I5-not-live",
        /// I5: only hosts with exactly the own prefix are deleted.
        OwnPrefix "I5-own-prefix",
        /// I6: a dead host is deleted within its time limit.
        DeadIsGone "I6-dead-is-gone",
        /// Like `DeadIsGone`, for a dead host that can only be watched in silence.
        SilentIsGone "silent-is-gone",
        /// A host has its lease from the call that creates the host.
        BornWithLease "born-with-lease",
        /// No name of a host is used twice.
        NameIsNew "name-is-new",
        /// A host in use was created with a correct stamp.
        StampIsRight "stamp-is-right",
        /// Without faults, every lease is renewed in time.
        Renewed "renewed",
        /// A request whose host was deleted ends at once.
        LossIsTold "loss-is-told",
        /// A requester polls only while a request is pending.
        NoIdlePoll "no-idle-poll",
        /// An idle process that holds no host makes no call.
        NoCallWhenIdle "no-call-when-idle",
        /// An unused host is given up and deleted.
        IdleHostGoes "idle-host-goes",
        /// A requester that was given its host needs no permission to create, tag, list or delete hosts.
        NoRightNeeded "no-right-needed",
        /// A long walk spaces its calls.
        Paced "paced",
        /// An owner gives a host up before its lease expires, unless the owner cannot know the time.
        WithinLease "held-within-lease",
        /// No owner deletes its own host while a request waits for a reply there.
        OwnHostUnused "own-host-unused",
        /// The oracle knows every action that is called, and every message.
        Understood "understood",
    }
}

/// Faults that must never take place, because the framework must not read the values that they falsify.
pub const NEVER: [Fault; 1] = [Fault::WrongCounts];

/// Faults of scenarios that run only by name, because they still find something: see `scenarios::BY_NAME`.
pub const BY_NAME: [Fault; 0] = [];

/// Counts of faults and checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    faults: [u64; Fault::ALL.len()],
    checks: [u64; Check::ALL.len()],
    excused: [u64; Check::ALL.len()],
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            faults: [0; Fault::ALL.len()],
            checks: [0; Check::ALL.len()],
            excused: [0; Check::ALL.len()],
        }
    }
}

impl Coverage {
    /// Counts a fault.
    pub fn fault(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }

    /// Counts a check that could have failed.
    pub fn check(&mut self, check: Check) {
        self.checks[check as usize] += 1;
    }

    /// Counts a check that was not made, because a fault excused a violation.
    pub fn excuse(&mut self, check: Check) {
        self.excused[check as usize] += 1;
    }

    /// How often a fault took place.
    #[must_use]
    pub const fn of_fault(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// How often a check was made without an excuse, so that it could have failed.
    #[must_use]
    pub const fn of_check(&self, check: Check) -> u64 {
        self.checks[check as usize]
    }

    /// How often a check was not made, because a fault excused a violation.
    #[must_use]
    pub const fn of_excuse(&self, check: Check) -> u64 {
        self.excused[check as usize]
    }
}

impl AddAssign<&Self> for Coverage {
    fn add_assign(&mut self, other: &Self) {
        let pairs = self.faults.iter_mut().zip(other.faults);
        pairs
            .chain(self.checks.iter_mut().zip(other.checks))
            .chain(self.excused.iter_mut().zip(other.excused))
            .for_each(|(sum, more)| *sum += more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let (mut a, mut b) = (Coverage::default(), Coverage::default());
        a.fault(Fault::Reset);
        b.fault(Fault::Reset);
        b.check(Check::OwnReply);
        (0..3).for_each(|_| b.excuse(Check::OwnReply));
        a += &b;
        assert_eq!(a.of_fault(Fault::Reset), 2);
        let check = Check::OwnReply;
        assert_eq!((a.of_check(check), a.of_excuse(check)), (1, 3));
    }
}
