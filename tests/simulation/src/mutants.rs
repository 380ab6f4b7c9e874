//! Mutants: faults that are put into the code on purpose.
//!
//! Each mutant is a `mutant!("name")` in the code of the framework, and exists only in a build with `--cfg mutants`. The
//! list names a scenario and a seed that find each mutant, so that the result does not depend on the number of scenarios.

use std::sync::OnceLock;

use crate::coverage::Check;

/// A fault that is put into the code on purpose.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// Its name in the code.
    pub name: &'static str,
    /// The wrong behavior.
    pub wrong: &'static str,
    /// The scenario that finds it.
    pub scenario: &'static str,
    /// A seed of that scenario that finds it.
    pub seed: u64,
    /// The check that fails at that seed.
    pub check: &'static str,
    /// Whether the seed passes without that check, because no other check finds the mutant there.
    pub only: bool,
}

/// All mutants.
pub const ALL: &[Mutant] = &[
    Mutant {
        name: "lookup-by-name",
        wrong: "a virtual queue is looked up by its name alone, without its host",
        scenario: "f21",
        seed: 1,
        check: "I2-own-messages",
        only: true,
    },
    Mutant {
        name: "deleted-before-reply",
        wrong: "a request is deleted when its handler begins, before its reply is sent",
        scenario: "f31",
        seed: 1,
        check: "I3-not-dropped",
        only: true,
    },
    Mutant {
        name: "deleted-though-reply-failed",
        wrong: "a request is deleted although its reply could not be sent",
        scenario: "f31",
        seed: 13,
        check: "I3-not-dropped",
        only: true,
    },
    Mutant {
        name: "deleted-when-received",
        wrong: "a message is deleted when it is buffered, not when its user deletes it",
        scenario: "f25",
        seed: 2,
        check: "I3-not-deleted-unasked",
        only: true,
    },
    Mutant {
        name: "slot-leaks-on-cancel",
        wrong: "a request whose future is dropped keeps its slot",
        scenario: "f28",
        seed: 1,
        check: "slots-free",
        only: true,
    },
    Mutant {
        name: "poll-aborted",
        wrong: "a poll is aborted when its last waiter leaves",
        scenario: "f38",
        seed: 19,
        check: "I8-works-again",
        only: false,
    },
    Mutant {
        name: "deadline-by-local-clock",
        wrong: "a responder uses its own wall clock to check whether a request has expired",
        scenario: "f15",
        seed: 2,
        check: "I3-not-dropped",
        only: false,
    },
    Mutant {
        name: "all-ten-again",
        wrong: "when one entry of a batch fails, all its entries are sent again",
        scenario: "f16",
        seed: 1,
        check: "accepted-not-sent-again",
        only: true,
    },
    Mutant {
        name: "full-buffer-slows-host",
        wrong: "while one buffer is full, its host is polled only once in ten seconds",
        scenario: "f37",
        seed: 1,
        check: "not-starved",
        only: true,
    },
    Mutant {
        name: "no-claim",
        wrong: "a duplicate of a request that is being handled is handled, too",
        scenario: "f15",
        seed: 2,
        check: "handled-once",
        only: true,
    },
    Mutant {
        name: "reply-forgotten",
        wrong: "a duplicate of a request that was already answered is handled again",
        scenario: "f18",
        seed: 1,
        check: "handled-once",
        only: true,
    },
    Mutant {
        name: "digest-not-checked",
        wrong: "a body that was changed in transit is delivered",
        scenario: "f36",
        seed: 5,
        check: "not-corrupted",
        only: true,
    },
    Mutant {
        name: "stale-in-buffer",
        wrong: "a message stays in its buffer after its visibility timeout",
        scenario: "f26",
        seed: 3,
        check: "still-hidden",
        only: true,
    },
    Mutant {
        name: "buffer-not-extended",
        wrong: "the visibility of a buffered message is not extended, so it is redelivered again and again",
        scenario: "f54",
        seed: 1,
        check: "I3-all-received",
        only: false,
    },
    Mutant {
        name: "half-open-for-ever",
        wrong: "a poll without an answer is never given up",
        scenario: "f33",
        seed: 1,
        check: "I8-works-again",
        only: false,
    },
    Mutant {
        name: "poll-without-back-off",
        wrong: "a failed poll is repeated at once",
        scenario: "f31",
        seed: 1,
        check: "I7-no-hot-loop",
        only: false,
    },
    Mutant {
        name: "late-reply-left",
        wrong: "a late reply is not deleted",
        scenario: "f19",
        seed: 1,
        check: "host-drained",
        only: true,
    },
    Mutant {
        name: "one-guilty-all-punished",
        wrong: "the entries of a refused batch are not sent one by one",
        scenario: "f43",
        seed: 2,
        check: "right-error",
        only: false,
    },
    Mutant {
        name: "deduplicated-by-body",
        wrong: "the deduplication id of a message on a FIFO host is its body",
        scenario: "f40",
        seed: 1,
        check: "I3-all-received",
        only: true,
    },
    Mutant {
        name: "expired-is-handled",
        wrong: "an expired request is handled",
        scenario: "f35",
        seed: 2,
        check: "not-handled-late",
        only: true,
    },
    Mutant {
        name: "undecodable-spins",
        wrong: "a request that cannot be decoded is put back with a visibility timeout of 0",
        scenario: "f41",
        seed: 1,
        check: "no-spinning",
        only: true,
    },
    Mutant {
        name: "each-reply-by-itself",
        wrong: "each reply to a host that does not accept replies is retried by itself, without a shared back-off",
        scenario: "f14",
        seed: 253,
        check: "I7-not-twice-the-calls",
        only: true,
    },
    Mutant {
        name: "no-fence",
        wrong: "an owner never gives a host up",
        scenario: "f4",
        seed: 1,
        check: "I5-not-live",
        only: false,
    },
    Mutant {
        name: "fence-by-monotonic-clock",
        wrong: "an owner measures the age of its lease only by its monotonic clock",
        scenario: "f47",
        seed: 2,
        check: "I5-not-live",
        only: true,
    },
    Mutant {
        name: "unknown-renewals-forgotten",
        wrong: "a renewal of unknown outcome is forgotten",
        scenario: "f46",
        seed: 12,
        check: "held-within-lease",
        only: true,
    },
    Mutant {
        name: "blocked-key-reused",
        wrong: "a tag key is written again although an earlier renewal may still land there",
        scenario: "f55",
        seed: 1,
        check: "f55 expects",
        only: false,
    },
    Mutant {
        name: "first-key-only",
        wrong: "a watcher reads only the first tag key of a lease",
        scenario: "f46",
        seed: 1,
        check: "I5-not-live",
        only: false,
    },
    Mutant {
        name: "unknown-counts",
        wrong: "a renewal of unknown outcome counts as acknowledged",
        scenario: "f46",
        seed: 8,
        check: "held-within-lease",
        only: false,
    },
    Mutant {
        name: "stamp-not-checked",
        wrong: "a renewal counts even if the time in its answer disagrees with its stamp",
        scenario: "f47",
        seed: 1,
        check: "stamp-is-right",
        only: true,
    },
    Mutant {
        name: "heartbeat-dies",
        wrong: "renewals stop after the first throttled one",
        scenario: "f13",
        seed: 1,
        check: "f13 expects",
        only: false,
    },
    Mutant {
        name: "idle-host-kept",
        wrong: "an unused host is kept forever",
        scenario: "idle",
        seed: 1,
        check: "idle-host-goes",
        only: true,
    },
    Mutant {
        name: "tags-after-creation",
        wrong: "the lease is written by a separate call after CreateQueue",
        scenario: "f8",
        seed: 1,
        check: "born-with-lease",
        only: true,
    },
    Mutant {
        name: "verdict-by-local-clock",
        wrong: "a watcher judges leases by its own wall clock",
        scenario: "f6",
        seed: 1,
        check: "I5-not-live",
        only: true,
    },
    Mutant {
        name: "no-doubt",
        wrong: "a host is judged dead as soon as its lease has expired",
        scenario: "f8",
        seed: 4,
        check: "I5-not-live",
        only: true,
    },
    Mutant {
        name: "walk-stops-at-idle-watcher",
        wrong: "a walk stops at an owner that does not watch",
        scenario: "f7",
        seed: 3,
        check: "I6-dead-is-gone",
        only: true,
    },
    Mutant {
        name: "future-stamp-stops-walk",
        wrong: "a host with a stamp in the future counts as alive",
        scenario: "f48",
        seed: 1,
        check: "I6-dead-is-gone",
        only: true,
    },
    Mutant {
        name: "own-strays-skipped",
        wrong: "a process never examines hosts with its own UUID",
        scenario: "f8",
        seed: 1,
        check: "I6-dead-is-gone",
        only: true,
    },
    Mutant {
        name: "one-page",
        wrong: "a list of 1,000 names is taken as complete",
        scenario: "f10",
        seed: 30,
        check: "I6-dead-is-gone",
        only: true,
    },
    Mutant {
        name: "any-prefix",
        wrong: "hosts with a longer prefix are treated as hosts of the own prefix",
        scenario: "f10",
        seed: 1,
        check: "I5-own-prefix",
        only: true,
    },
    Mutant {
        name: "walk-in-a-burst",
        wrong: "a long walk makes its calls without pauses",
        scenario: "f10",
        seed: 1,
        check: "paced",
        only: true,
    },
    Mutant {
        name: "claim-leaks",
        wrong: "a redelivered request keeps its claim, but no handler begins",
        scenario: "f23",
        seed: 3,
        check: "I3-all-handled",
        only: true,
    },
    Mutant {
        name: "timeout-late",
        wrong: "a request times out 60 ms late",
        scenario: "f35",
        seed: 3,
        check: "I1-ends-in-time",
        only: true,
    },
    Mutant {
        name: "timeout-early",
        wrong: "a request times out after nine tenths of its timeout",
        scenario: "f35",
        seed: 2,
        check: "I1-timeout-not-early",
        only: true,
    },
    Mutant {
        name: "timeout-never",
        wrong: "a request without a reply never ends",
        scenario: "f29",
        seed: 1,
        check: "I1-not-overdue",
        only: true,
    },
    Mutant {
        name: "slow-reply-dropped",
        wrong: "a reply that took longer than 2 s is discarded",
        scenario: "f29",
        seed: 11,
        check: "succeeds",
        only: true,
    },
    Mutant {
        name: "buffers-without-cap",
        wrong: "a full buffer accepts more messages",
        scenario: "f25",
        seed: 1,
        check: "I4-under-caps",
        only: true,
    },
    Mutant {
        name: "unclaimed-is-deleted",
        wrong: "a message for a virtual queue of another process is deleted",
        scenario: "shared-host",
        seed: 1,
        check: "I3-not-deleted-unasked",
        only: false,
    },
    Mutant {
        name: "handed-out-twice",
        wrong: "a message stays in its buffer after a receiver has received it",
        scenario: "f21",
        seed: 1,
        check: "not-after-delete",
        only: true,
    },
    Mutant {
        name: "shutdown-late",
        wrong: "a shutdown takes twice its time limit",
        scenario: "f29",
        seed: 2,
        check: "shutdown-in-time",
        only: true,
    },
    Mutant {
        name: "end-untold",
        wrong: "when the tasks of a host end, its waiters are not notified",
        scenario: "f58",
        seed: 3,
        check: "closed-at-once",
        only: true,
    },
    Mutant {
        name: "last-word-ignored",
        wrong: "a change of visibility by the framework ignores newer calls of the user for the same message",
        scenario: "f53",
        seed: 2,
        check: "users-last-word",
        only: true,
    },
    Mutant {
        name: "silence-not-believed",
        wrong: "a host that can only be watched in silence is never judged dead",
        scenario: "f9",
        seed: 1,
        check: "silent-is-gone",
        only: true,
    },
    Mutant {
        name: "name-reused",
        wrong: "a process creates each host under the same name",
        scenario: "f2",
        seed: 3,
        check: "name-is-new",
        only: true,
    },
    Mutant {
        name: "renewal-late",
        wrong: "a lease is renewed after two fifths of R instead of a quarter",
        scenario: "f4",
        seed: 1,
        check: "renewed",
        only: true,
    },
    Mutant {
        name: "loss-untold",
        wrong: "a poll that fails because its host does not exist is repeated, and no waiter is notified",
        scenario: "f1",
        seed: 1,
        check: "loss-is-told",
        only: true,
    },
    Mutant {
        name: "polls-for-nobody",
        wrong: "a host is polled although nothing waits for messages",
        scenario: "f34",
        seed: 1,
        check: "no-idle-poll",
        only: true,
    },
    Mutant {
        name: "idle-watcher-walks",
        wrong: "a process that holds no host continues to watch",
        scenario: "idle",
        seed: 1,
        check: "no-call-when-idle",
        only: true,
    },
    Mutant {
        name: "given-host-is-read",
        wrong: "a requester reads the tags of a host that was given to it",
        scenario: "f39",
        seed: 1,
        check: "no-right-needed",
        only: true,
    },
    Mutant {
        name: "own-host-deleted-while-pending",
        wrong: "an owner deletes its host after half a minute, even while requests are pending",
        scenario: "f14",
        seed: 9,
        check: "own-host-unused",
        only: true,
    },
    Mutant {
        name: "deletes-one-by-one",
        wrong: "a single delete is sent as DeleteMessage instead of DeleteMessageBatch",
        scenario: "f15",
        seed: 1,
        check: "understood",
        only: true,
    },
    Mutant {
        name: "hot-loop-under-load",
        wrong: "a host on which several requests wait is polled without a wait time and without pauses",
        scenario: "f15",
        seed: 8,
        check: "I7-no-hot-loop",
        only: true,
    },
    Mutant {
        name: "fence-60-s-late",
        wrong: "an owner gives its host up a minute after its lease has expired",
        scenario: "f4",
        seed: 8,
        check: "held-within-lease",
        only: true,
    },
    Mutant {
        name: "fingerprint-ignored",
        wrong: "a request with a known idempotency key gets the stored reply, whatever its body",
        scenario: "f57",
        seed: 1,
        check: "I2-own-reply",
        only: true,
    },
    Mutant {
        name: "store-lease-not-renewed",
        wrong: "a lease in a reply store expires while the handler runs",
        scenario: "f56",
        seed: 1,
        check: "handled-once",
        only: true,
    },
    Mutant {
        name: "panic-told-as-expired",
        wrong: "a request whose handler panicked is answered with the error `expired` instead of `internal`",
        scenario: "f24",
        seed: 1,
        check: "right-error",
        only: true,
    },
    Mutant {
        name: "poll-given-up-early",
        wrong: "a poll without an answer is given up before its timeout",
        scenario: "f33",
        seed: 1,
        check: "poll-not-aborted",
        only: true,
    },
    Mutant {
        name: "creation-not-repeated",
        wrong: "a failed creation of a host is not retried, and no other one begins",
        scenario: "f14",
        seed: 1,
        check: "I8-works-again",
        only: true,
    },
];

/// Activates a mutant for the rest of the process.
///
/// # Errors
/// If the mutant does not exist, or if the build has no mutants.
pub fn activate(name: &str) -> Result<(), String> {
    if !ALL.iter().any(|known| known.name == name) {
        return Err(format!("there is no mutant {name}"));
    }
    #[cfg(mutants)]
    {
        sqs_rpc_transport::mutants::activate(name);
        Ok(())
    }
    #[cfg(not(mutants))]
    {
        Err(
            "expected a build with mutants, found one without; use `cargo xtask sim-mutants`"
                .to_owned(),
        )
    }
}

static LEFT_OUT: OnceLock<Check> = OnceLock::new();

/// Leaves a check out for the rest of the process, to see whether another check finds a mutant.
pub fn leave_out(check: Check) {
    LEFT_OUT.get_or_init(|| check);
}

/// Whether a check is left out.
#[must_use]
pub fn is_left_out(check: Check) -> bool {
    LEFT_OUT.get() == Some(&check)
}
