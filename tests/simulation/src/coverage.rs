//! How often each fault took place, and each check was made: a simulation that does not meet what it is about proves
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
            /// All of them.
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
    /// Something that goes wrong.
    Fault {
        /// A call is refused with `RequestThrottled`.
        Throttled "throttled",
        /// A call is answered with 503, without effect.
        Unavailable "unavailable",
        /// A call takes effect and is answered with 500.
        FailedAfter "failed-after-effect",
        /// A call is lost on its way, and times out.
        TimedOut "timed-out",
        /// A call takes effect, and its answer is lost: it times out.
        TimedOutAfter "timed-out-after-effect",
        /// The connection breaks before the effect.
        Reset "reset",
        /// The connection breaks after the effect, with the answer in it.
        ResetAfter "reset-after-effect",
        /// The credentials have expired.
        Denied "denied",
        /// An entry of a batch fails; SQS is to blame.
        FailedEntry "failed-entry",
        /// An entry of a batch took effect, and is in neither list of the answer.
        LostEntry "lost-entry",
        /// A whole batch is refused because of one entry.
        RefusedBatch "refused-batch",
        /// A call has no answer for minutes.
        Hang "hang",
        /// A call is never answered, whatever its action; it may have its effect.
        NoAnswer "no-answer",
        /// No credentials can be loaded.
        NoCredentials "no-credentials",
        /// SQS does not take the credentials (any more).
        ExpiredToken "expired-token",
        /// A proxy answers with a page of its own, whose `Date` is an hour off.
        ProxyPage "proxy-page",
        /// A proxy replaces the `Date` of SQS's answers by its own, which is an hour off.
        DateReplaced "date-replaced",
        /// A request of a requester that is dead, and whose reply queue is gone.
        DeadRequest "dead-request",
        /// All tasks of a process end, and its handles are used on.
        TasksEnded "tasks-ended",
        /// A handler never returns.
        HungHandler "hung-handler",
        /// Code of the user panics that is no handler.
        HookPanicked "hook-panicked",
        /// A poll's connection is half open: it never has an answer.
        HalfOpen "half-open-poll",
        /// A body was changed on the way.
        Corrupted "corrupted-body",
        /// A message is delivered while it is hidden.
        Duplicate "duplicate",
        /// Messages come out of order.
        Reordered "reordered",
        /// A send to a queue that is being deleted is accepted, and vanishes.
        Vanished "vanished-send",
        /// So many messages are in flight that receives stay empty.
        QuotaReached "in-flight-quota",
        /// An answer has no `Date`.
        DateMissing "date-missing",
        /// An answer's `Date` is late by up to 20 s.
        DateLate "date-late",
        /// An answer's `Date` is off by up to 5 s.
        DateOff "date-off",
        /// A process's wall clock jumps.
        ClockStep "clock-step",
        /// A process is suspended: its monotonic clock stands still, its wall clock goes on.
        Suspended "suspended",
        /// A process's virtual machine is paused: both clocks stand still.
        MachinePaused "machine-paused",
        /// A process is stopped, and its clocks go on.
        Stopped "stopped",
        /// A process is killed.
        Killed "killed",
        /// A process is killed at an await point of its own.
        KilledMidway "killed-at-await-point",
        /// A process is killed when SQS has accepted its reply.
        KilledAfterReply "killed-after-reply",
        /// A process starts again.
        Restarted "restarted",
        /// A process shuts down in order.
        ShutDown "shut-down",
        /// A handle is dropped without a shutdown.
        Dropped "dropped",
        /// A request's future is dropped.
        Cancelled "cancelled",
        /// A handler panics.
        Panicked "panicked",
        /// A message that is no request is on a request queue.
        Undecodable "undecodable",
        /// A request comes back after its time.
        OldRequest "old-request",
        /// A reply is too large.
        HugeReply "huge-reply",
        /// A late copy of a reply arrives.
        LateCopy "late-reply",
        /// A message arrives for a virtual queue that does not exist.
        Orphan "orphan",
        /// A call that nobody waits for any more has its effect minutes later.
        LandsLate "lands-late",
        /// A list shows queues as they were up to a minute ago.
        StaleList "stale-list",
        /// Somebody is told a count of messages that is wrong by nearly all.
        WrongCounts "wrong-counts",
        /// Somebody deletes a host that is in use.
        HostDeleted "host-deleted-by-hand",
        /// There is a queue of some other program under the prefix.
        Foreign "foreign-queue",
        /// An owner gives a host up.
        GivenUp "host-given-up",
        /// A host vanishes under its owner.
        HostLost "host-lost",
        /// An owner deletes a host that nothing uses.
        HostIdle "host-idle",
        /// A watcher deletes a dead host.
        Swept "host-swept",
        /// A retention grows because tagging is throttled.
        RetentionGrown "retention-grown",
    }
}

names! {
    /// Something that must hold.
    Check {
        /// I1: a request has ended by its deadline.
        EndsInTime "I1-ends-in-time",
        /// I1: a `Timeout` does not come before the deadline.
        NotTooEarly "I1-timeout-not-early",
        /// I1: a request that is pending is not overdue.
        NotOverdue "I1-not-overdue",
        /// I2: a reply is that of its own request.
        OwnReply "I2-own-reply",
        /// I2: a virtual queue gets its own messages only.
        OwnMessages "I2-own-messages",
        /// I3: a request is deleted only if SQS has accepted a reply to it, or nobody waits for one.
        NotDropped "I3-not-dropped",
        /// I3: what SQS accepted is handled by its deadline.
        AllHandled "I3-all-handled",
        /// I3: a message of a virtual queue is deleted only by its user.
        NotDeletedUnasked "I3-not-deleted-unasked",
        /// I3: at the end, every message of a virtual queue was received.
        AllReceived "I3-all-received",
        /// I4: buffers are under their caps.
        UnderCaps "I4-under-caps",
        /// I7: calls that fail or bring nothing are few.
        NoHotLoop "I7-no-hot-loop",
        /// I7: in a bad minute, not more than twice the calls of the same minute when all is well.
        NotTwice "I7-not-twice-the-calls",
        /// I8: once the faults have stopped, a request succeeds.
        WorksAgain "I8-works-again",
        /// A request is handled once by one process.
        HandledOnce "handled-once",
        /// An entry that SQS was heard to accept is not sent again.
        NotSentAgain "accepted-not-sent-again",
        /// A poll that is out is not ended early.
        PollNotAborted "poll-not-aborted",
        /// A message that was deleted is not delivered to its user again.
        NotAfterDelete "not-after-delete",
        /// A message is handed to its user while SQS still hides it.
        StillHidden "still-hidden",
        /// A body that was changed on the way is not seen by anybody.
        NotCorrupted "not-corrupted",
        /// A message that nobody can read comes ever more rarely.
        NoSpinning "no-spinning",
        /// An expired request is not handled.
        NotHandledLate "not-handled-late",
        /// When nothing waits any more, no slot is taken.
        SlotsFree "slots-free",
        /// At the end, no message is left on a host in use.
        HostDrained "host-drained",
        /// A shutdown ends within its time.
        ShutdownInTime "shutdown-in-time",
        /// A request that nothing hinders succeeds.
        Succeeds "succeeds",
        /// A receiver gets what was sent to it, whatever other virtual queues do.
        NotStarved "not-starved",
        /// Once all tasks have ended, requests end with `Closed` at once.
        ClosedAtOnce "closed-at-once",
        /// SQS sees no other visibility change of a receipt handle after the user's own change or delete.
        LastWord "users-last-word",
        /// A request fails in the way it should.
        RightError "right-error",
        /// I5: nobody deletes a host whose owner may use it, nor any that is not dead.
        NotLive "I5-not-live",
        /// I5: only hosts of the very prefix are deleted.
        OwnPrefix "I5-own-prefix",
        /// I6: a dead host is gone within its bound.
        DeadIsGone "I6-dead-is-gone",
        /// As the one before, of a dead host that can only be watched in silence.
        SilentIsGone "silent-is-gone",
        /// A host has its lease from the call that makes it.
        BornWithLease "born-with-lease",
        /// No name of a host is used twice.
        NameIsNew "name-is-new",
        /// A host in use was made with a stamp that was right.
        StampIsRight "stamp-is-right",
        /// When all is well, every lease is renewed in time.
        Renewed "renewed",
        /// A request whose host was deleted ends at once.
        LossIsTold "loss-is-told",
        /// A requester polls only while somebody waits.
        NoIdlePoll "no-idle-poll",
        /// Who is idle and holds no host makes no call.
        NoCallWhenIdle "no-call-when-idle",
        /// A host that nothing uses is let go.
        IdleHostGoes "idle-host-goes",
        /// A requester that was given its host needs no right to make, tag, list or delete one.
        NoRightNeeded "no-right-needed",
        /// A long walk is no burst.
        Paced "paced",
        /// An owner that can know better gives a host up before its lease is over.
        WithinLease "held-within-lease",
        /// No owner deletes its own host while a request waits for a reply there.
        OwnHostUnused "own-host-unused",
        /// The oracle knows every action that is called, and every message.
        Understood "understood",
    }
}

/// Faults that must do no harm by never taking place: nothing may ask for what they falsify.
pub const NEVER: [Fault; 1] = [Fault::WrongCounts];

/// Faults of scenarios that are run by name only, because they still find something: see `scenarios::BY_NAME`.
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

    /// Counts a check that was not made, because something excused whatever it would have found.
    pub fn excuse(&mut self, check: Check) {
        self.excused[check as usize] += 1;
    }

    /// How often a fault took place.
    #[must_use]
    pub const fn of_fault(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// How often a check was made with no excuse: how often it could have failed.
    #[must_use]
    pub const fn of_check(&self, check: Check) -> u64 {
        self.checks[check as usize]
    }

    /// How often a check was not made, because something excused whatever it would have found.
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
