//! Decides when the next batch is sent, and which entries it contains. Pure: no clock, no task, no SDK.
//!
//! Owns: the waiting entries, their order, and the number of calls in flight. Does not own: the calls and their
//! answers.
//!
//! **Invariant:** entries are sent in the order of their tickets, except entries that wait for the end of a back-off
//! or for an earlier operation on the same message. In an ordered queue nothing is sent before the entries that wait
//! for a back-off.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Moment;

/// The waiting entries of one queue and one kind of call.
///
/// With no call in flight, an urgent entry is sent at once. Otherwise a batch is sent when it is full, when the last
/// call in flight returns, or when one of its entries has waited for its linger time. A call that returns while other
/// calls are in flight starts nothing, because it would send a half-empty batch. With 2,000 entries a second and
/// calls of 6 ms at the median, the mean fill would be 5.0 instead of 8.7, at much the same time to an answer
/// (measured in a simulation).
#[derive(Debug)]
pub(super) struct Coalescer<E> {
    limits: Limits,
    /// In order of arrival. An entry that is put back takes its old place, before all later entries.
    waiting: BTreeMap<Ticket, Waiting<E>>,
    /// Failed entries, by the end of their back-off; moved to `waiting` by [`release`](Self::release).
    held: BTreeMap<(Moment, Ticket), Waiting<E>>,
    /// Entries that must not be sent until [`unblock`](Self::unblock).
    blocked: BTreeMap<Ticket, Waiting<E>>,
    /// The number of entries pushed so far.
    tickets: u64,
    /// The number of calls in flight.
    out: usize,
    /// Whether entries are sent without lingering.
    flushing: bool,
}

/// The limits of a batch and of a queue.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// The maximum number of entries in one batch.
    pub(super) entries: usize,
    /// The maximum number of bytes in one batch.
    pub(super) bytes: usize,
    /// The maximum number of calls in flight.
    pub(super) calls_out: usize,
    /// Whether a failed entry holds back all later entries. Only useful with at most one call in flight.
    pub(super) ordered: bool,
}

/// The place of an entry in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// How long a new entry waits for more entries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// Not at all if no call is in flight, otherwise at most for this time.
    Urgent(Duration),
    /// At most for this time, whether a call is in flight or not.
    Relaxed(Duration),
}

/// How an entry that was in a batch is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// In a batch of its own.
    Alone,
    /// Not before this moment.
    After(Moment),
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<E> {
    /// Make a call with these entries, then ask again. The call counts as in flight until [`Coalescer::returned`].
    Call(Vec<(Ticket, E)>),
    /// Ask again at this moment, or after the next event.
    Wait(Option<Moment>),
}

#[derive(Debug)]
struct Waiting<E> {
    entry: E,
    size: usize,
    urgent: bool,
    /// When it has waited for its linger time.
    due: Moment,
    alone: bool,
}

impl<E> Coalescer<E> {
    pub(super) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
            blocked: BTreeMap::new(),
            tickets: 0,
            out: 0,
            flushing: false,
        }
    }

    /// Takes a new entry of `size` bytes. An entry that is too large for any batch would be sent alone, so the caller
    /// must refuse it first.
    pub(super) fn push(&mut self, entry: E, size: usize, pace: Pace, now: Moment) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        let (urgent, linger) = match pace {
            Pace::Urgent(linger) => (true, linger),
            Pace::Relaxed(linger) => (false, linger),
        };
        self.waiting.insert(
            ticket,
            Waiting {
                entry,
                size,
                urgent,
                due: now + linger,
                alone: false,
            },
        );
        ticket
    }

    /// Takes back an entry that was in a batch.
    pub(super) fn put_back(&mut self, ticket: Ticket, entry: E, size: usize, again: Again) {
        let waiting = |due, alone| Waiting {
            entry,
            size,
            urgent: true,
            due,
            alone,
        };
        match again {
            Again::Alone => self
                .waiting
                .insert(ticket, waiting(Moment::default(), true)),
            Again::After(at) => self.held.insert((at, ticket), waiting(at, false)),
        };
    }

    /// Keeps a waiting entry from being sent until [`unblock`](Self::unblock).
    pub(super) fn block(&mut self, ticket: Ticket) {
        if let Some(waiting) = self.waiting.remove(&ticket) {
            self.blocked.insert(ticket, waiting);
        }
    }

    /// Allows a blocked entry to be sent.
    pub(super) fn unblock(&mut self, ticket: Ticket) {
        if let Some(waiting) = self.blocked.remove(&ticket) {
            self.waiting.insert(ticket, waiting);
        }
    }

    /// Removes an entry if it is waiting.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> Option<E> {
        let found = self.waiting.remove(&ticket);
        let found = found.or_else(|| self.blocked.remove(&ticket));
        let found = found.or_else(|| {
            let key = *self.held.keys().find(|(_, held)| *held == ticket)?;
            self.held.remove(&key)
        });
        found.map(|waiting| waiting.entry)
    }

    /// Notes that a call has returned. Put back its failed entries first.
    pub(super) const fn returned(&mut self) {
        self.out = self.out.saturating_sub(1);
    }

    /// Ends lingering permanently. Back-offs continue.
    pub(super) const fn flush(&mut self) {
        self.flushing = true;
    }

    /// Whether no entry is waiting. Entries may still be in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.held.is_empty() && self.blocked.is_empty()
    }

    /// Removes all waiting entries, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = E> + use<E> {
        self.release(Moment::from_start(Duration::MAX));
        self.waiting.append(&mut self.blocked);
        std::mem::take(&mut self.waiting)
            .into_values()
            .map(|waiting| waiting.entry)
    }

    /// Returns what to do now. Ask until it returns [`Next::Wait`].
    pub(super) fn next(&mut self, now: Moment) -> Next<E> {
        if self.out < self.limits.calls_out {
            self.release(now);
        }
        let plan = self.plan();
        match plan.goes_at {
            Some(at) if at <= now => {
                self.out += 1;
                let batch = std::iter::from_fn(|| self.waiting.pop_first()).take(plan.len);
                Next::Call(
                    batch
                        .map(|(ticket, waiting)| (ticket, waiting.entry))
                        .collect(),
                )
            }
            _ => Next::Wait(plan.look_at()),
        }
    }

    /// When [`next`](Self::next) may return a call, judged by the current state. `None`: not before the next event.
    pub(super) fn next_look(&self) -> Option<Moment> {
        self.plan().look_at()
    }

    /// Moves entries whose back-off has ended to `waiting`. In an ordered queue this happens only once all back-offs
    /// have ended.
    fn release(&mut self, now: Moment) {
        if self.limits.ordered
            && self
                .held
                .last_key_value()
                .is_some_and(|((at, _), _)| *at > now)
        {
            return;
        }
        while let Some(first) = self.held.first_entry() {
            let (at, ticket) = *first.key();
            if at > now {
                return;
            }
            self.waiting.insert(ticket, first.remove());
        }
    }

    /// Plans the next batch. It examines at most one batch of entries: a batch that is not full contains all waiting
    /// entries.
    fn plan(&self) -> Plan {
        let mut plan = Plan {
            len: 0,
            goes_at: None,
            held_until: None,
        };
        if self.out >= self.limits.calls_out {
            return plan;
        }
        let held = if self.limits.ordered {
            self.held.last_key_value()
        } else {
            self.held.first_key_value()
        };
        plan.held_until = held.map(|((at, _), _)| *at);
        if self.limits.ordered && plan.held_until.is_some() {
            return plan;
        }
        let mut bytes = 0_usize;
        let full = Some(Moment::default());
        for waiting in self.waiting.values() {
            let fits = bytes.saturating_add(waiting.size) <= self.limits.bytes;
            if plan.len > 0 && (waiting.alone || !fits) {
                plan.goes_at = full;
                break;
            }
            plan.len += 1;
            bytes = bytes.saturating_add(waiting.size);
            if waiting.alone || plan.len >= self.limits.entries {
                plan.goes_at = full;
                break;
            }
            let at_once = self.flushing || (waiting.urgent && self.out == 0);
            let due = if at_once {
                Moment::default()
            } else {
                waiting.due
            };
            plan.goes_at = plan.goes_at.into_iter().chain([due]).min();
        }
        plan
    }
}

struct Plan {
    len: usize,
    /// `None` if there is nothing to send.
    goes_at: Option<Moment>,
    /// When a failed entry joins the waiting entries.
    held_until: Option<Moment>,
}

impl Plan {
    fn look_at(&self) -> Option<Moment> {
        [self.goes_at, self.held_until].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::Random;

    const LINGER: Duration = Duration::from_millis(5);
    const URGENT: Pace = Pace::Urgent(LINGER);
    const RELAXED: Pace = Pace::Relaxed(Duration::from_millis(50));

    fn at(millis: u64) -> Moment {
        Moment::from_start(Duration::from_millis(millis))
    }

    fn limits() -> Limits {
        Limits {
            entries: 10,
            bytes: 100,
            calls_out: 3,
            ordered: false,
        }
    }

    fn ordered() -> Limits {
        Limits {
            calls_out: 1,
            ordered: true,
            ..limits()
        }
    }

    /// Pushes one-byte entries.
    fn push(
        coalescer: &mut Coalescer<u32>,
        entries: impl IntoIterator<Item = u32>,
        pace: Pace,
        now: Moment,
    ) {
        for entry in entries {
            coalescer.push(entry, 1, pace, now);
        }
    }

    fn call(coalescer: &mut Coalescer<u32>, now: Moment) -> Vec<(Ticket, u32)> {
        match coalescer.next(now) {
            Next::Call(batch) => batch,
            Next::Wait(wake) => panic!("no call, wake at {wake:?}"),
        }
    }

    fn called(coalescer: &mut Coalescer<u32>, now: Moment) -> Vec<u32> {
        call(coalescer, now)
            .into_iter()
            .map(|(_, entry)| entry)
            .collect()
    }

    #[test]
    fn without_a_call_urgent_entries_are_sent_at_once() {
        let mut coalescer = Coalescer::new(limits());
        assert_eq!(coalescer.next(at(0)), Next::Wait(None));
        push(&mut coalescer, [1, 2], URGENT, at(0));
        assert_eq!(called(&mut coalescer, at(0)), [1, 2]);
        assert_eq!(coalescer.next(at(0)), Next::Wait(None));
    }

    #[test]
    fn during_a_call_entries_wait_for_the_linger_time() {
        let mut coalescer = Coalescer::new(limits());
        push(&mut coalescer, [0], URGENT, at(0));
        call(&mut coalescer, at(0));
        push(&mut coalescer, [1], URGENT, at(1));
        push(&mut coalescer, [2], URGENT, at(4));
        assert_eq!(coalescer.next(at(5)), Next::Wait(Some(at(6))));
        assert_eq!(
            called(&mut coalescer, at(6)),
            [1, 2],
            "the first entry has waited for 5 ms"
        );
        push(&mut coalescer, 10..19, URGENT, at(7));
        assert_eq!(coalescer.next(at(7)), Next::Wait(Some(at(12))));
        push(&mut coalescer, 19..30, URGENT, at(7));
        assert_eq!(called(&mut coalescer, at(7)), (10..20).collect::<Vec<_>>());
    }

    #[test]
    fn the_return_of_the_last_call_sends_waiting_entries() {
        let mut coalescer = Coalescer::new(limits());
        push(&mut coalescer, 0..20, URGENT, at(0));
        call(&mut coalescer, at(0));
        call(&mut coalescer, at(0));
        push(&mut coalescer, [20], URGENT, at(1));
        coalescer.returned();
        assert_eq!(coalescer.next(at(2)), Next::Wait(Some(at(6))));
        coalescer.returned();
        assert_eq!(called(&mut coalescer, at(2)), [20]);
    }

    #[test]
    fn calls_in_flight_are_limited() {
        let mut coalescer = Coalescer::new(limits());
        push(&mut coalescer, 0..100, URGENT, at(0));
        for _ in 0..3 {
            call(&mut coalescer, at(0));
        }
        assert_eq!(coalescer.next(at(1000)), Next::Wait(None));
        coalescer.returned();
        assert_eq!(
            called(&mut coalescer, at(1000)),
            (30..40).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_relaxed_entry_waits_and_joins_an_urgent_entry() {
        let mut coalescer = Coalescer::new(limits());
        push(&mut coalescer, [1], RELAXED, at(0));
        assert_eq!(coalescer.next(at(49)), Next::Wait(Some(at(50))));
        push(&mut coalescer, [2], URGENT, at(49));
        assert_eq!(called(&mut coalescer, at(49)), [1, 2]);
        coalescer.returned();
        push(&mut coalescer, [3], RELAXED, at(50));
        assert_eq!(called(&mut coalescer, at(100)), [3]);
    }

    #[test]
    fn a_batch_ends_before_the_byte_limit() {
        let mut coalescer = Coalescer::new(limits());
        for (entry, size) in [(1, 60), (2, 40), (3, 1), (4, 100), (5, 99)] {
            coalescer.push(entry, size, RELAXED, at(0));
        }
        assert_eq!(called(&mut coalescer, at(0)), [1, 2]);
        assert_eq!(
            called(&mut coalescer, at(0)),
            [3],
            "full, because the next entry does not fit"
        );
        assert_eq!(called(&mut coalescer, at(0)), [4]);
        (0..3).for_each(|_| coalescer.returned());
        assert_eq!(
            coalescer.next(at(0)),
            Next::Wait(Some(at(50))),
            "more entries could join entry 5"
        );
    }

    #[test]
    fn a_withdrawn_entry_is_not_sent() {
        let mut coalescer = Coalescer::new(limits());
        let first = coalescer.push(1, 1, RELAXED, at(0));
        let second = coalescer.push(2, 1, RELAXED, at(0));
        assert_eq!(coalescer.withdraw(first), Some(1));
        assert_eq!(coalescer.withdraw(first), None);
        assert_eq!(call(&mut coalescer, at(50)), [(second, 2)]);
        assert_eq!(coalescer.withdraw(second), None, "the entry is in flight");
        coalescer.put_back(second, 2, 1, Again::After(at(60)));
        assert_eq!(coalescer.withdraw(second), Some(2));
        assert!(coalescer.is_empty());
    }

    #[test]
    fn a_failed_entry_keeps_its_place_after_its_back_off() {
        let mut coalescer = Coalescer::new(limits());
        push(&mut coalescer, [1, 2, 3], URGENT, at(0));
        let batch = call(&mut coalescer, at(0));
        coalescer.put_back(batch[1].0, 2, 1, Again::After(at(100)));
        coalescer.returned();
        assert_eq!(coalescer.next(at(10)), Next::Wait(Some(at(100))));
        push(&mut coalescer, [4], URGENT, at(10));
        assert_eq!(
            called(&mut coalescer, at(10)),
            [4],
            "a failed entry does not hold up others"
        );
        push(&mut coalescer, [5], URGENT, at(99));
        assert_eq!(
            called(&mut coalescer, at(100)),
            [2, 5],
            "the failed entry does not linger"
        );
    }

    #[test]
    fn in_an_ordered_queue_failed_entries_hold_back_all_others() {
        let mut coalescer = Coalescer::new(ordered());
        push(&mut coalescer, 0..12, URGENT, at(0));
        let batch = call(&mut coalescer, at(0));
        assert_eq!(
            coalescer.next(at(0)),
            Next::Wait(None),
            "one call at a time"
        );
        coalescer.put_back(batch[5].0, 5, 1, Again::After(at(100)));
        coalescer.put_back(batch[2].0, 2, 1, Again::After(at(120)));
        coalescer.returned();
        assert_eq!(coalescer.next(at(110)), Next::Wait(Some(at(120))));
        assert_eq!(called(&mut coalescer, at(120)), [2, 5, 10, 11]);
    }

    #[test]
    fn entries_of_a_refused_batch_are_sent_in_order() {
        let mut coalescer = Coalescer::new(limits());
        push(&mut coalescer, 0..3, URGENT, at(0));
        for (ticket, entry) in call(&mut coalescer, at(0)) {
            coalescer.put_back(ticket, entry, 1, Again::Alone);
        }
        coalescer.returned();
        push(&mut coalescer, [3, 4], URGENT, at(0));
        for expected in [vec![0], vec![1], vec![2]] {
            assert_eq!(called(&mut coalescer, at(0)), expected);
        }
        (0..3).for_each(|_| coalescer.returned());
        assert_eq!(called(&mut coalescer, at(0)), [3, 4]);
    }

    #[test]
    fn an_entry_sent_alone_joins_no_older_entry() {
        let mut coalescer = Coalescer::new(limits());
        push(&mut coalescer, 0..20, URGENT, at(0));
        let (older, younger) = (call(&mut coalescer, at(0)), call(&mut coalescer, at(0)));
        coalescer.put_back(younger[0].0, 10, 1, Again::Alone);
        coalescer.put_back(older[0].0, 0, 1, Again::After(at(5)));
        assert_eq!(called(&mut coalescer, at(5)), [0]);
        coalescer.returned();
        assert_eq!(called(&mut coalescer, at(5)), [10]);
    }

    #[test]
    fn a_flush_ends_linger_times_but_not_back_offs() {
        let mut coalescer = Coalescer::new(limits());
        push(&mut coalescer, [0, 1], RELAXED, at(0));
        coalescer.flush();
        let batch = call(&mut coalescer, at(0));
        coalescer.put_back(batch[0].0, 0, 1, Again::After(at(100)));
        push(&mut coalescer, [2], RELAXED, at(1));
        assert_eq!(
            called(&mut coalescer, at(1)),
            [2],
            "although a call is in flight"
        );
        assert_eq!(coalescer.next(at(1)), Next::Wait(Some(at(100))));
        assert!(!coalescer.is_empty());
        assert_eq!(coalescer.drain().collect::<Vec<_>>(), [0]);
        assert!(coalescer.is_empty());
    }

    /// Random traffic, failures and withdrawals: nothing is lost or doubled, no limit is exceeded, nothing waits too
    /// long while a call is allowed, and in an ordered queue nothing is overtaken.
    #[test]
    fn random_traffic_keeps_the_invariants() {
        for seed in 0..300 {
            let random = Random::seeded(seed);
            let draw = |below: u64| random.bits64() % below;
            let limits = if seed % 2 == 0 { limits() } else { ordered() };
            let mut coalescer = Coalescer::new(limits.clone());
            let mut sizes = BTreeMap::new();
            let mut out: VecDeque<Vec<(Ticket, u32)>> = VecDeque::new();
            let (mut pushed, mut gone, mut last) = (0_u32, 0_u32, None);
            let mut now = 0;
            while gone < 200 {
                now += draw(3);
                let look_at = coalescer.next_look();
                if look_at.is_none_or(|look_at| look_at > at(now)) {
                    assert_eq!(coalescer.next(at(now)), Next::Wait(look_at), "seed {seed}");
                }
                for _ in 0..draw(6).min(u64::from(200 - pushed)) {
                    let size = draw(60) as usize + 1;
                    let pace = if draw(3) == 0 { RELAXED } else { URGENT };
                    let ticket = coalescer.push(pushed, size, pace, at(now));
                    sizes.insert(ticket, size);
                    pushed += 1;
                    if draw(20) == 0 {
                        assert_eq!(coalescer.withdraw(ticket), Some(pushed - 1));
                        gone += 1;
                    }
                }
                if draw(3) == 0
                    && let Some(batch) = out.pop_front()
                {
                    let alone = batch.len() > 1 && draw(10) == 0;
                    for (ticket, entry) in batch {
                        match draw(5) {
                            _ if alone => {
                                coalescer.put_back(ticket, entry, sizes[&ticket], Again::Alone)
                            }
                            0 => coalescer.put_back(
                                ticket,
                                entry,
                                sizes[&ticket],
                                Again::After(at(now + draw(30))),
                            ),
                            _ => {
                                gone += 1;
                                continue;
                            }
                        }
                        last = last.min(Some(entry.saturating_sub(1)));
                    }
                    coalescer.returned();
                }
                let wake = loop {
                    match coalescer.next(at(now)) {
                        Next::Wait(wake) => break wake,
                        Next::Call(batch) => {
                            assert!(!batch.is_empty() && batch.len() <= 10, "seed {seed}");
                            assert!(
                                batch.iter().map(|(ticket, _)| sizes[ticket]).sum::<usize>() <= 100,
                                "seed {seed}"
                            );
                            if limits.ordered {
                                let order: Vec<_> =
                                    last.into_iter().chain(batch.iter().map(|b| b.1)).collect();
                                assert!(order.is_sorted(), "seed {seed}: {order:?}");
                                last = order.last().copied();
                            }
                            out.push_back(batch);
                            assert!(out.len() <= limits.calls_out, "seed {seed}");
                        }
                    }
                };
                assert_eq!(
                    wake,
                    coalescer.next_look(),
                    "seed {seed}: next_look agrees without side effects"
                );
                let stuck = wake.is_none() && !coalescer.is_empty() && out.len() < limits.calls_out;
                assert!(
                    !stuck,
                    "seed {seed}: entries wait without an event to wake them"
                );
                assert!(
                    wake.is_none_or(|wake| wake > at(now)),
                    "seed {seed}: a wake in the past would spin"
                );
            }
            assert_eq!(
                (gone, coalescer.is_empty(), out.is_empty()),
                (200, true, true),
                "seed {seed}"
            );
        }
    }
}
