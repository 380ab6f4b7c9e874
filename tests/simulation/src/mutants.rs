//! The faults that are put into the code on purpose.
//!
//! Each is a `mutant!("name")` in the code of the framework. They are there only in a build with `--cfg mutants`.

/// Name, and what is wrong then.
pub const ALL: &[(&str, &str)] = &[
    (
        "lookup-by-name",
        "a virtual queue is found by its name alone, whatever its host",
    ),
    (
        "deleted-when-received",
        "a message is deleted when it is buffered, not when its user deletes it",
    ),
    (
        "slot-leaks-on-cancel",
        "a request whose future is dropped keeps its slot",
    ),
    (
        "poll-aborted",
        "a poll is ended when its last waiter leaves",
    ),
    (
        "deadline-by-local-clock",
        "a responder looks at its own wall clock to see whether a request has expired",
    ),
    (
        "all-ten-again",
        "one entry of a batch fails, and all are sent again",
    ),
    (
        "full-buffer-starves-host",
        "a host is not polled while one buffer is full",
    ),
    (
        "no-claim",
        "a request that is being handled is handled again when its duplicate comes",
    ),
    (
        "reply-forgotten",
        "a request that was answered is handled again when its duplicate comes",
    ),
    (
        "digest-not-checked",
        "a body that was changed on the way is delivered",
    ),
    (
        "stale-in-buffer",
        "a message stays in its buffer when its visibility has ended",
    ),
    (
        "buffer-not-extended",
        "a message without a reader becomes visible again and again",
    ),
    (
        "half-open-for-ever",
        "a poll with no answer is waited for for ever",
    ),
    (
        "poll-without-back-off",
        "a poll that failed is sent again at once",
    ),
    ("late-reply-left", "a late reply is not deleted"),
    (
        "one-guilty-all-punished",
        "a refused batch is not sent one by one",
    ),
    (
        "deduplicated-by-body",
        "the de-duplication id of a FIFO host's message is its body",
    ),
    (
        "expired-is-handled",
        "a request that has expired is handled",
    ),
    (
        "undecodable-spins",
        "a request that cannot be decoded is put back to come again at once",
    ),
    (
        "each-reply-by-itself",
        "replies to a host that does not take them do not wait for each other",
    ),
    ("no-fence", "an owner never gives a host up"),
    (
        "fence-by-monotonic-clock",
        "an owner measures the age of its lease by its monotonic clock alone",
    ),
    (
        "unknown-renewals-forgotten",
        "a renewal of unknown outcome is forgotten",
    ),
    (
        "blocked-key-reused",
        "a tag key is written again although an earlier renewal may land under it yet",
    ),
    (
        "first-key-only",
        "a watcher reads the first of a lease's tag keys only",
    ),
    (
        "unknown-counts",
        "a renewal of unknown outcome counts as if it had been acknowledged",
    ),
    (
        "stamp-not-checked",
        "a renewal counts whatever the time of its answer says of its stamp",
    ),
    (
        "heartbeat-dies",
        "renewals end with the first one that is throttled",
    ),
    (
        "idle-host-kept",
        "a host that nothing uses is kept for ever",
    ),
    (
        "tags-after-creation",
        "a lease is written by a call after CreateQueue",
    ),
    (
        "verdict-by-local-clock",
        "a watcher judges leases by its own wall clock",
    ),
    ("no-doubt", "a host is dead as soon as its lease is over"),
    (
        "walk-stops-at-idle-watcher",
        "a walk stops at an owner that does not watch",
    ),
    (
        "future-stamp-stops-walk",
        "a stamp in the future counts as a sign of life",
    ),
    (
        "own-strays-skipped",
        "a process never looks at hosts of its own UUID",
    ),
    (
        "one-page",
        "a list of 1,000 names is taken for all there are",
    ),
    (
        "any-prefix",
        "hosts of a longer prefix are taken for those of one's own",
    ),
    (
        "walk-in-a-burst",
        "a long walk makes its calls one after the other",
    ),
];

/// The scenario that is searched for a mutant: those about leases and the ring take minutes of virtual time, and finding
/// each of their mutants among all others would take hours. `None`: what each seed says.
#[must_use]
pub fn scenario_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "no-fence" => "f4",
        "fence-by-monotonic-clock" | "stamp-not-checked" => "f47",
        "unknown-renewals-forgotten" | "first-key-only" | "unknown-counts" => "f46",
        "blocked-key-reused" => "f55",
        "heartbeat-dies" => "f13",
        "idle-host-kept" => "idle",
        "tags-after-creation" | "own-strays-skipped" | "no-doubt" => "f8",
        "verdict-by-local-clock" => "f6",
        "walk-stops-at-idle-watcher" => "f7",
        "future-stamp-stops-walk" => "f48",
        "one-page" | "walk-in-a-burst" => "f10",
        "any-prefix" => "s8",
        "each-reply-by-itself" => "f14",
        "buffer-not-extended" => "f54",
        _ => return None,
    })
}

/// Activates a mutant for the rest of the process.
///
/// # Errors
/// Why that is not possible.
pub fn activate(name: &str) -> Result<(), String> {
    if !ALL.iter().any(|(known, _)| *known == name) {
        return Err(format!("there is no mutant {name}"));
    }
    #[cfg(mutants)]
    {
        sqs_virtual_queues::mutants::activate(name);
        Ok(())
    }
    #[cfg(not(mutants))]
    {
        Err(
            "this is a build without mutants; `cargo xtask sim-mutants` makes one with them"
                .to_owned(),
        )
    }
}
