//! When replies are sent to a host that does not take them, as a pure state machine.
//!
//! Owns: which hosts fail, and which replies may be tried there next. Does not own: how long a single reply is tried
//! (`retry.rs`), the sending, or the waiting.
//!
//! Replies to a host that works are sent at once; only those in flight are recorded. When a send fails, further replies
//! wait for a common back-off. Then the replies that arrived first are sent together, as one batch: the probe. If SQS
//! takes one of them, the host works again; otherwise the back-off grows. So an outage costs the same calls for one
//! reply and for a thousand.
//!
//! Replies to a host that does not exist wait in the same way, because SQS may not know a new queue for a second. If
//! the host is still missing 2 s after the first refusal, it is [known to be missing](super::missing): replies that
//! have waited for a second are given up without an attempt of their own, and later replies are tried once.
//!
//! **Invariants:** a host that fails has at most one probe in flight; no host waits for another; every reply that got
//! [`Turn::Go`], [`Turn::Wait`] or [`Turn::WaitUntil`] leaves by [`ended`](FailingHosts::ended) or [`left`](FailingHosts::left).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sqs_rpc_protocol::HostKey;
use sqs_rpc_protocol::limits::{self, MAX_BATCH_ENTRIES};
use sqs_rpc_transport::{Backoff, Moment, Random};

use super::missing_hosts::Missing;
use super::retry::MISSING_AFTER;

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A failing host without replies is forgotten this long after its next probe would have been due.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// With fewer hosts than this, it is not worth searching for hosts that can be forgotten.
const FEW_HOSTS: usize = 64;

/// The hosts that fail, or to which replies are in flight. Its size is their number.
#[derive(Debug, Default)]
pub(crate) struct FailingHosts {
    next: u64,
    hosts: HashMap<HostKey, Host>,
    missing: Missing,
    /// At this number of hosts, the hosts that can be forgotten are removed.
    sweep_at: usize,
}

/// Identifies one attempt to send one reply. Tickets are in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Whether a reply may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Send it now.
    Go,
    /// Ask again at this moment, or when something has changed.
    WaitUntil(Moment),
    /// Ask again when something has changed: a probe is in flight.
    Wait,
    /// Give up: other replies have been tried for long enough, and the host does not exist.
    Missing,
}

/// What the end of an attempt tells about the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    /// SQS answered for the host: it accepted or refused the reply.
    Answered,
    /// SQS does not know the host.
    Missing,
    /// SQS could not be reached, or throttled the call.
    Failed,
    /// The attempt was dropped before an answer.
    Dropped,
}

#[derive(Debug, Default)]
struct Host {
    /// The attempts in flight, each with the value of `answers` when it began.
    out: BTreeMap<Ticket, u64>,
    /// The number of answers since the host is in the table.
    answers: u64,
    outage: Option<Outage>,
}

/// The state of a host after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostIs {
    /// The host works, as far as is known.
    Well,
    /// Replies to the host wait for each other.
    Failing,
    /// The host does not exist, which has been known since this moment.
    Missing(Moment),
}

#[derive(Debug)]
struct Outage {
    backoff: Backoff,
    /// When the next probe may go.
    probe_at: Moment,
    /// The replies that wait, with their sizes in bytes.
    waiting: BTreeMap<Ticket, usize>,
    /// The replies of the probe that have not ended.
    probe: BTreeSet<Ticket>,
    /// Whether a reply of the probe was sent.
    tried: bool,
    /// When SQS first and last answered that the host does not exist, if it has done so.
    denied: Option<(Moment, Moment)>,
}

/// How long SQS may not know a new queue (its documentation). The host of a reply that has waited this long is not new.
const UNKNOWN: Duration = Duration::from_secs(1);

impl FailingHosts {
    /// Makes the ticket of an attempt, which then [asks](Self::turn) for its turn.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    /// Whether a reply of this size may be sent to the host now. `first` is when the reply's first attempt began.
    pub(crate) fn turn(
        &mut self,
        host: &HostKey,
        ticket: Ticket,
        bytes: usize,
        first: Moment,
        now: Moment,
    ) -> Turn {
        let missing_since = self.missing.since(host, now);
        // Most hosts work, and are in the table only while a reply is in flight.
        if !self.hosts.contains_key(host) {
            self.hosts.insert(host.clone(), Host::default());
        }
        let Some(known) = self.hosts.get_mut(host) else {
            return Turn::Go;
        };
        let tries_once = missing_since.is_some_and(|since| since <= first);
        if let Some(outage) = known.outage.as_mut().filter(|_| !tries_once) {
            if outage
                .denied_for_long()
                .is_some_and(|last| last >= first + UNKNOWN)
            {
                outage.waiting.remove(&ticket);
                self.forget(host, now);
                return Turn::Missing;
            }
            outage.waiting.insert(ticket, bytes);
            if outage.probe.is_empty() {
                if now < outage.probe_at {
                    return Turn::WaitUntil(outage.probe_at);
                }
                outage.choose_probe();
            }
            if !outage.probe.contains(&ticket) {
                return Turn::Wait;
            }
            outage.waiting.remove(&ticket);
            outage.tried = true;
        }
        known.out.insert(ticket, known.answers);
        Turn::Go
    }

    /// Handles the end of an attempt. Returns whether the waiting replies have to ask again.
    pub(crate) fn ended(
        &mut self,
        host: &HostKey,
        ticket: Ticket,
        how: AttemptEnd,
        now: Moment,
        random: &Random,
    ) -> bool {
        let Some(known) = self.hosts.get_mut(host) else {
            return false;
        };
        let Some(answers_before) = known.out.remove(&ticket) else {
            return false;
        };
        let changed = match (how, &mut known.outage) {
            (AttemptEnd::Answered, outage) => {
                known.answers += 1;
                self.missing.exists(host);
                outage.take().is_some()
            }
            // The host is known to be missing, and no outage is recorded because no reply waits.
            (AttemptEnd::Missing, None) if self.missing.since(host, now).is_some() => false,
            (AttemptEnd::Missing, Some(outage)) => {
                outage.deny(now);
                let is_known = outage.denied_for_long().is_some();
                if is_known && self.missing.since(host, now).is_none() {
                    self.missing.learn(host, now);
                }
                outage.ended(ticket, now, random) || is_known
            }
            (AttemptEnd::Missing, outage @ None) if known.answers == answers_before => {
                let mut begun = Outage::begin(now, random);
                begun.denied = Some((now, now));
                *outage = Some(begun);
                false
            }
            (_, Some(outage)) => outage.ended(ticket, now, random),
            // If other attempts were answered meanwhile, only this attempt failed and not the host.
            (AttemptEnd::Failed, outage @ None) if known.answers == answers_before => {
                *outage = Some(Outage::begin(now, random));
                false
            }
            (AttemptEnd::Missing | AttemptEnd::Failed | AttemptEnd::Dropped, None) => false,
        };
        self.forget(host, now);
        changed
    }

    /// The state of a host.
    pub(crate) fn is(&self, host: &HostKey, now: Moment) -> HostIs {
        if let Some(since) = self.missing.since(host, now) {
            return HostIs::Missing(since);
        }
        let known = self.hosts.get(host);
        if known.is_some_and(|known| known.outage.is_some()) {
            HostIs::Failing
        } else {
            HostIs::Well
        }
    }

    /// Handles a reply that gives up waiting. Returns whether the other waiting replies have to ask again.
    pub(crate) fn left(
        &mut self,
        host: &HostKey,
        ticket: Ticket,
        now: Moment,
        random: &Random,
    ) -> bool {
        let Some(known) = self.hosts.get_mut(host) else {
            return false;
        };
        let changed = known.outage.as_mut().is_some_and(|outage| {
            outage.waiting.remove(&ticket);
            outage.ended(ticket, now, random)
        });
        self.forget(host, now);
        changed
    }

    /// Removes this host from the table if nothing is known about it, and other hosts if they were not used for long.
    fn forget(&mut self, host: &HostKey, now: Moment) {
        if let Some(known) = self.hosts.get_mut(host) {
            let is_over = |outage: &mut Outage| {
                outage.denied_for_long().is_some()
                    && outage.waiting.is_empty()
                    && outage.probe.is_empty()
            };
            drop(known.outage.take_if(is_over));
        }
        match self.hosts.get(host) {
            Some(known) if known.outage.is_some() && self.hosts.len() >= self.sweep_at => {
                self.hosts.retain(|_, host| !host.is_forgotten(now));
                // At twice the number, so that the cost of looking at all hosts is small for each host.
                self.sweep_at = (2 * self.hosts.len()).max(FEW_HOSTS);
            }
            Some(known) if known.outage.is_some() => {}
            Some(known) if known.out.is_empty() => {
                self.hosts.remove(host);
            }
            _ => {}
        }
    }
}

impl Host {
    fn is_forgotten(&self, now: Moment) -> bool {
        self.outage.as_ref().is_some_and(|outage| {
            self.out.is_empty()
                && outage.waiting.is_empty()
                && outage.probe.is_empty()
                && now >= outage.probe_at + FORGOTTEN
        })
    }
}

impl Outage {
    fn begin(now: Moment, random: &Random) -> Self {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        Self {
            probe_at: now + backoff.failed(random),
            backoff,
            waiting: BTreeMap::new(),
            probe: BTreeSet::new(),
            tried: false,
            denied: None,
        }
    }

    /// SQS has answered that the host does not exist.
    fn deny(&mut self, now: Moment) {
        if self.denied.is_none() {
            // Until now the host failed in another way, for which the back-off may have grown.
            self.backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        }
        self.denied.get_or_insert((now, now)).1 = now;
    }

    /// When SQS last answered that the host does not exist, if it has done so for at least [`MISSING_AFTER`].
    fn denied_for_long(&self) -> Option<Moment> {
        let (first, last) = self.denied?;
        (last >= first + MISSING_AFTER).then_some(last)
    }

    /// Chooses the first waiting replies, as many as one batch takes. At least one reply waits.
    fn choose_probe(&mut self) {
        let mut bytes = 0;
        let fits = self.waiting.iter().take_while(|(_, size)| {
            let first = bytes == 0;
            bytes += **size;
            first || bytes <= limits::MAX_MESSAGE_BYTES
        });
        self.probe = fits
            .map(|(ticket, _)| *ticket)
            .take(MAX_BATCH_ENTRIES)
            .collect();
    }

    /// An attempt, or a wait, ended without an answer. Returns whether it was the last of a probe.
    fn ended(&mut self, ticket: Ticket, now: Moment, random: &Random) -> bool {
        if !self.probe.remove(&ticket) || !self.probe.is_empty() {
            return false;
        }
        if std::mem::take(&mut self.tried) {
            self.probe_at = now + self.backoff.failed(random);
            if let Some((first, _)) = self.denied {
                // The next probe is due when the host can become known to be missing, and after that every second for the
                // replies that arrived meanwhile.
                let known_at = first + MISSING_AFTER;
                let at = if known_at > now {
                    known_at
                } else {
                    now + UNKNOWN
                };
                self.probe_at = self.probe_at.min(at);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use sqs_rpc_protocol::HostQueueUrl;

    use super::*;

    fn key(name: &str) -> HostKey {
        let url = format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}");
        HostKey::new(&HostQueueUrl::parse(&url).unwrap(), None)
    }

    struct Bed {
        outages: FailingHosts,
        random: Random,
        hosts: [HostKey; 2],
    }

    impl Bed {
        fn new() -> Self {
            Self {
                outages: FailingHosts::default(),
                random: Random::seeded(1),
                hosts: [key("a"), key("b")],
            }
        }

        fn turn(&mut self, host: usize, ticket: Ticket, millis: u64) -> Turn {
            self.turn_since(host, ticket, 0, millis)
        }

        fn turn_since(&mut self, host: usize, ticket: Ticket, first: u64, millis: u64) -> Turn {
            let (first, now) = (at(first), at(millis));
            self.outages
                .turn(&self.hosts[host], ticket, 100, first, now)
        }

        fn new_turn(&mut self, host: usize, millis: u64) -> (Ticket, Turn) {
            let ticket = self.outages.ticket();
            (ticket, self.turn(host, ticket, millis))
        }

        fn ended(&mut self, host: usize, ticket: Ticket, how: AttemptEnd, millis: u64) -> bool {
            self.outages
                .ended(&self.hosts[host], ticket, how, at(millis), &self.random)
        }

        /// Makes host 0 fail at 0 ms. Returns when the probe is due.
        fn fail(&mut self) -> u64 {
            let (ticket, turn) = self.new_turn(0, 0);
            assert_eq!(turn, Turn::Go);
            self.ended(0, ticket, AttemptEnd::Failed, 0);
            let (waits, turn) = self.new_turn(0, 0);
            self.outages
                .left(&self.hosts[0], waits, at(0), &self.random);
            due(turn)
        }
    }

    fn at(millis: u64) -> Moment {
        Moment::from_start(Duration::from_millis(millis))
    }

    fn due(turn: Turn) -> u64 {
        match turn {
            Turn::WaitUntil(at) => at.since_start().as_micros().div_ceil(1_000) as u64,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn replies_to_a_working_host_never_wait() {
        let mut bed = Bed::new();
        let all: Vec<_> = (0..1_000).map(|_| bed.new_turn(0, 0)).collect();
        for (ticket, turn) in all {
            assert_eq!(turn, Turn::Go);
            assert!(!bed.ended(0, ticket, AttemptEnd::Answered, 5));
        }
        assert!(bed.outages.hosts.is_empty());
    }

    #[test]
    fn an_outage_costs_equal_probes_for_one_and_many_replies() {
        for replies in [1, 500] {
            let mut bed = Bed::new();
            let mut now = bed.fail();
            assert!((160..=240).contains(&now), "{now}");
            let mut waiting: BTreeSet<_> = (0..replies).map(|_| bed.outages.ticket()).collect();
            let (mut probes, mut largest) = (0, 0);
            while now < 60_000 {
                let turns: Vec<_> = waiting.iter().copied().collect();
                let probe: Vec<_> = turns
                    .into_iter()
                    .filter(|ticket| bed.turn(0, *ticket, now) == Turn::Go)
                    .collect();
                (probes, largest) = (probes + 1, largest.max(probe.len()));
                for (number, ticket) in probe.iter().enumerate() {
                    let last = number + 1 == probe.len();
                    assert_eq!(bed.ended(0, *ticket, AttemptEnd::Failed, now), last);
                    // The reply's next attempt.
                    waiting.remove(ticket);
                    waiting.insert(bed.outages.ticket());
                }
                let first = *waiting.first().unwrap();
                now = due(bed.turn(0, first, now));
            }
            assert_eq!(largest, replies.min(MAX_BATCH_ENTRIES));
            assert!((8..=13).contains(&probes), "{replies}: {probes}");
        }
    }

    #[test]
    fn a_missing_host_is_known_after_two_seconds() {
        let mut bed = Bed::new();
        let (first, _) = bed.new_turn(0, 0);
        assert!(!bed.ended(0, first, AttemptEnd::Missing, 0));
        assert_eq!(bed.outages.is(&bed.hosts[0], at(0)), HostIs::Failing);
        let waiting: Vec<_> = (0..30).map(|_| bed.outages.ticket()).collect();
        let (mut now, mut probes) = (0, 0);
        let known = loop {
            now = waiting
                .iter()
                .map(|it| due(bed.turn(0, *it, now)))
                .max()
                .unwrap();
            let go = |ticket: &&Ticket| bed.turn(0, **ticket, now) == Turn::Go;
            let probe: Vec<_> = waiting.iter().filter(go).collect();
            assert_eq!(probe.len(), MAX_BATCH_ENTRIES, "one batch");
            probes += 1;
            for ticket in probe {
                bed.ended(0, *ticket, AttemptEnd::Missing, now);
            }
            if let HostIs::Missing(since) = bed.outages.is(&bed.hosts[0], at(now)) {
                break since;
            }
        };
        assert_eq!(known, at(now));
        assert_eq!((now, probes), (2_000, 4));
        // A reply that came late has not waited for a second.
        let late = bed.outages.ticket();
        assert_eq!(due(bed.turn_since(0, late, 1_500, now)), 3_000);
        for ticket in &waiting {
            assert_eq!(bed.turn(0, *ticket, now), Turn::Missing);
        }
        // A reply that comes now tries once, even if others wait.
        let new = bed.outages.ticket();
        assert_eq!(bed.turn_since(0, new, now, now), Turn::Go);
        assert!(bed.ended(0, new, AttemptEnd::Missing, now + 100));
        assert_eq!(due(bed.turn_since(0, late, 1_500, now + 100)), 3_000);
        assert_eq!(bed.turn_since(0, late, 1_500, 3_000), Turn::Go);
        bed.ended(0, late, AttemptEnd::Missing, 3_000);
        assert!(bed.outages.hosts.is_empty(), "nobody waits");
        // When the host exists, the next reply finds it.
        let found = bed.outages.ticket();
        assert_eq!(bed.turn_since(0, found, 4_000, 4_000), Turn::Go);
        bed.ended(0, found, AttemptEnd::Answered, 4_000);
        assert_eq!(bed.outages.is(&bed.hosts[0], at(4_000)), HostIs::Well);
    }

    #[test]
    fn one_answer_ends_the_outage() {
        let mut bed = Bed::new();
        let now = bed.fail();
        let tickets: Vec<_> = (0..30).map(|_| bed.outages.ticket()).collect();
        for ticket in &tickets {
            assert_eq!(due(bed.turn(0, *ticket, 0)), now);
        }
        let turns: Vec<_> = tickets.iter().map(|it| bed.turn(0, *it, now)).collect();
        let go = turns.iter().filter(|turn| **turn == Turn::Go).count();
        assert_eq!(go, MAX_BATCH_ENTRIES, "one batch");
        assert!(
            turns[MAX_BATCH_ENTRIES..]
                .iter()
                .all(|turn| *turn == Turn::Wait)
        );
        assert!(!bed.ended(0, tickets[0], AttemptEnd::Failed, now + 5));
        assert!(bed.ended(0, tickets[1], AttemptEnd::Answered, now + 5));
        for ticket in &tickets[MAX_BATCH_ENTRIES..] {
            assert_eq!(bed.turn(0, *ticket, now + 5), Turn::Go);
        }
        // The later ends of this probe do not begin a new outage.
        assert!(!bed.ended(0, tickets[2], AttemptEnd::Failed, now + 6));
        assert_eq!(bed.new_turn(0, now + 6).1, Turn::Go);
    }

    #[test]
    fn a_failing_host_does_not_delay_another() {
        let mut bed = Bed::new();
        let now = bed.fail();
        let (hangs, turn) = bed.new_turn(0, now);
        assert_eq!(turn, Turn::Go);
        for millis in [now, now + 60_000] {
            assert_eq!(bed.new_turn(0, millis).1, Turn::Wait);
            assert_eq!(bed.new_turn(1, millis).1, Turn::Go);
        }
        assert!(bed.ended(0, hangs, AttemptEnd::Dropped, now + 60_000));
    }

    #[test]
    fn failures_that_overlap_count_once() {
        let mut bed = Bed::new();
        let tickets: Vec<_> = (0..20).map(|_| bed.new_turn(0, 0).0).collect();
        for ticket in tickets {
            bed.ended(0, ticket, AttemptEnd::Failed, 0);
        }
        assert!(due(bed.new_turn(0, 0).1) <= 240);
    }

    #[test]
    fn a_failure_beside_answers_begins_no_outage() {
        for answered_first in [true, false] {
            let mut bed = Bed::new();
            let ((bad, _), (good, _)) = (bed.new_turn(0, 0), bed.new_turn(0, 0));
            let mut both = [(bad, AttemptEnd::Failed), (good, AttemptEnd::Answered)];
            if answered_first {
                both.reverse();
            }
            for (ticket, how) in both {
                bed.ended(0, ticket, how, 5);
            }
            assert_eq!(bed.new_turn(0, 5).1, Turn::Go);
        }
    }

    #[test]
    fn a_reply_that_leaves_makes_room_for_the_next() {
        let mut bed = Bed::new();
        let now = bed.fail();
        let tickets: Vec<_> = (0..=MAX_BATCH_ENTRIES)
            .map(|_| bed.outages.ticket())
            .collect();
        for ticket in &tickets {
            assert_eq!(due(bed.turn(0, *ticket, 0)), now);
        }
        // The first ten are chosen when the last one asks, and leave before they go.
        let (last, first) = tickets.split_last().unwrap();
        assert_eq!(bed.turn(0, *last, now), Turn::Wait);
        let host = bed.hosts[0].clone();
        for (number, ticket) in first.iter().enumerate() {
            let changed = bed.outages.left(&host, *ticket, at(now), &bed.random);
            assert_eq!(changed, number + 1 == MAX_BATCH_ENTRIES);
        }
        assert_eq!(bed.turn(0, *last, now), Turn::Go, "nothing was tried");
    }

    #[test]
    fn a_probe_is_no_more_bytes_than_one_batch() {
        for in_a_batch in [1, 2, 4] {
            let mut bed = Bed::new();
            let now = at(bed.fail());
            let (host, bytes) = (bed.hosts[0].clone(), limits::MAX_MESSAGE_BYTES / in_a_batch);
            let tickets: Vec<_> = (0..5).map(|_| bed.outages.ticket()).collect();
            let mut turns = |now| -> Vec<_> {
                let turns = tickets.iter();
                turns
                    .map(|ticket| bed.outages.turn(&host, *ticket, bytes, at(0), now))
                    .collect()
            };
            turns(at(0));
            let go = turns(now).into_iter().filter(|turn| *turn == Turn::Go);
            assert_eq!(go.count(), in_a_batch);
        }
    }

    #[test]
    fn unused_failing_hosts_are_forgotten() {
        let mut bed = Bed::new();
        for number in 0..1_000 {
            bed.hosts[0] = key(&format!("a{number}"));
            let (ticket, turn) = bed.new_turn(0, number * 1_000);
            assert_eq!(turn, Turn::Go);
            bed.ended(0, ticket, AttemptEnd::Failed, number * 1_000);
            assert_eq!(bed.outages.is(&bed.hosts[0], at(0)), HostIs::Failing);
            // Some 60 hosts failed within the last minute. The table grows to twice as many before it is swept.
            assert!(bed.outages.hosts.len() <= 2 * 64);
        }
    }
}
