//! How many receives to have out, as a pure state machine.

use std::collections::VecDeque;
use std::time::Duration;

use super::backoff::Backoff;
use super::clock::Moment;
use super::random::Random;
use crate::mutant;

/// The most messages that one ReceiveMessage returns (SQS).
pub const RECEIVE_MAX: usize = 10;

/// Decides how many receives a queue has out, from who waits, what came back and what failed.
///
/// It starts with one long poll. While polls come back full it allows one more, up to the limit; one that comes back
/// part full takes it back to one; with no demand it starts none. It never ends a poll that is out: SQS may have put
/// messages into it, and they would stay hidden until their visibility timeout ends.
///
/// It counts the messages in flight itself, because SQS says nothing when a long poll meets the quota: the poll just
/// stays empty. Below the quota it stops in time.
#[derive(Debug)]
pub struct PollController {
    options: PollOptions,
    /// How many polls may be out, as the load shows it.
    target: usize,
    /// Sizes of the polls that are out, added up, and their number.
    asked: usize,
    out: usize,
    in_flight: InFlight,
    /// How many messages may be received now; written by the owner.
    demand: usize,
    backoff: Backoff,
    /// After a failure: not before.
    not_before: Option<Moment>,
}

/// Bounds of a [`PollController`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PollOptions {
    /// The most receives out at a time. Default 8; 1 means no growth.
    pub max_polls: usize,
    /// The most messages in flight before polling pauses. Default 100,000: SQS's quota for a standard queue is about
    /// 120,000. On a FIFO queue it is the same since November 2024.
    pub max_in_flight: usize,
    /// The first wait after a failed poll, doubled with each further one. Default 200 ms.
    pub first_backoff: Duration,
    /// The longest wait between failing polls. Default 20 s.
    pub longest_backoff: Duration,
}

impl Default for PollOptions {
    fn default() -> Self {
        Self {
            max_polls: 8,
            max_in_flight: 100_000,
            first_backoff: Duration::from_millis(200),
            longest_backoff: Duration::from_secs(20),
        }
    }
}

impl PollController {
    /// A controller with nothing out and no demand.
    #[must_use]
    pub fn new(options: PollOptions) -> Self {
        let backoff = Backoff::new(options.first_backoff, options.longest_backoff);
        Self {
            options,
            target: 1,
            asked: 0,
            out: 0,
            in_flight: InFlight::default(),
            demand: 0,
            backoff,
            not_before: None,
        }
    }

    /// Says how many messages the owner can take now; 0 when nobody waits or there is no room.
    pub fn set_demand(&mut self, messages: usize) {
        self.demand = messages;
    }

    /// The size of the next poll to send now, from 1 to [`RECEIVE_MAX`], or `None`. Call it until it says `None`:
    /// each poll that it returns counts as out from then on.
    pub fn start(&mut self, now: Moment) -> Option<usize> {
        if self.out >= self.target || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        self.in_flight.expire(now);
        let quota = self
            .options
            .max_in_flight
            .saturating_sub(self.in_flight.total + self.asked);
        let size = self
            .demand
            .saturating_sub(self.asked)
            .min(quota)
            .min(RECEIVE_MAX);
        if size == 0 {
            return None;
        }
        self.not_before = None;
        self.out += 1;
        self.asked += size;
        Some(size)
    }

    /// When to call [`start`](Self::start) again although nothing else happens: the end of a wait, or of the
    /// visibility of messages that fill the quota.
    #[must_use]
    pub fn next_start(&self) -> Option<Moment> {
        // What is asked for already will answer; a wait that is over must not wake anybody for it.
        if self.demand <= self.asked || self.out >= self.target {
            return None;
        }
        if self.in_flight.total + self.asked < self.options.max_in_flight {
            return self.not_before;
        }
        let room = self.in_flight.next_expiry()?;
        Some(self.not_before.map_or(room, |at| at.max(room)))
    }

    /// A poll of `size` brought `got` messages, which stay invisible until `visible_until` unless they are settled.
    pub fn returned(&mut self, size: usize, got: usize, visible_until: Moment) {
        self.ended(size);
        self.in_flight.received(got, visible_until);
        self.backoff.succeeded();
        self.not_before = None;
        self.target = if got < size {
            1
        } else {
            (self.target + 1).min(self.options.max_polls.max(1))
        };
    }

    /// A poll of `size` failed, or had no answer in time.
    pub fn failed(&mut self, size: usize, now: Moment, random: &Random) {
        self.ended(size);
        self.target = 1;
        self.not_before = Some(now + self.backoff.failed(random));
        if mutant!("poll-without-back-off") {
            self.not_before = None;
        }
    }

    /// Starts no poll before `at`: for an owner that had to put back what the last one brought.
    pub fn pause(&mut self, at: Moment) {
        self.not_before = self.not_before.max(Some(at));
    }

    /// `n` messages are not in flight any more: deleted or put back.
    pub fn settled(&mut self, n: usize) {
        self.in_flight.settled(n);
    }

    /// Failed polls since the last one that did not fail.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// Polls out.
    #[must_use]
    pub const fn out(&self) -> usize {
        self.out
    }

    /// Messages received and not yet settled.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.in_flight.total
    }

    fn ended(&mut self, size: usize) {
        self.out = self.out.saturating_sub(1);
        self.asked = self.asked.saturating_sub(size);
    }
}

/// How many messages are in flight, by the ends of their visibility timeouts.
///
/// It does not know which message was settled and takes the oldest. If a younger one was, the count stays too high
/// until that one's timeout would have ended: never too low.
#[derive(Debug, Default)]
struct InFlight {
    by_end: VecDeque<(Moment, usize)>,
    total: usize,
}

impl InFlight {
    fn received(&mut self, n: usize, visible_until: Moment) {
        if n == 0 {
            return;
        }
        self.total += n;
        match self.by_end.back_mut() {
            // Polls may return out of order by a moment; a second more or less does not matter to a quota.
            Some((end, count)) if visible_until.since(*end) < Duration::from_secs(1) => *count += n,
            _ => self.by_end.push_back((visible_until, n)),
        }
    }

    fn settled(&mut self, mut n: usize) {
        while n > 0 {
            let Some((_, count)) = self.by_end.front_mut() else {
                return;
            };
            let taken = n.min(*count);
            *count -= taken;
            self.total -= taken;
            n -= taken;
            if *count == 0 {
                self.by_end.pop_front();
            }
        }
    }

    fn expire(&mut self, now: Moment) {
        while let Some((end, count)) = self.by_end.front() {
            if now < *end {
                return;
            }
            self.total -= count;
            self.by_end.pop_front();
        }
    }

    fn next_expiry(&self) -> Option<Moment> {
        self.by_end.front().map(|(end, _)| *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller(max_polls: usize) -> PollController {
        PollController::new(PollOptions {
            max_polls,
            ..PollOptions::default()
        })
    }

    fn starts(polls: &mut PollController, now: Moment) -> Vec<usize> {
        std::iter::from_fn(|| polls.start(now)).collect()
    }

    const NOW: Moment = Moment::from_start(Duration::from_secs(1));
    const LATER: Moment = Moment::from_start(Duration::from_secs(31));

    #[test]
    fn nothing_is_polled_while_nobody_waits() {
        let mut polls = controller(8);
        assert_eq!(polls.start(NOW), None);
        polls.set_demand(1000);
        assert_eq!(starts(&mut polls, NOW), [10]);
        polls.set_demand(0);
        polls.returned(10, 10, LATER);
        assert_eq!(polls.start(NOW), None);
    }

    #[test]
    fn full_polls_add_pollers_and_a_part_full_one_takes_them_back() {
        let mut polls = controller(3);
        polls.set_demand(1000);
        assert_eq!(starts(&mut polls, NOW).len(), 1);
        for out in [2, 3, 3] {
            polls.returned(10, 10, LATER);
            starts(&mut polls, NOW);
            assert_eq!(polls.out(), out);
        }
        polls.returned(10, 9, LATER);
        assert_eq!(
            (starts(&mut polls, NOW).len(), polls.out()),
            (0, 2),
            "those that are out are not ended"
        );
    }

    #[test]
    fn polls_ask_for_no_more_than_there_is_room_for() {
        let mut polls = controller(8);
        polls.target = 8;
        polls.set_demand(23);
        assert_eq!(starts(&mut polls, NOW), [10, 10, 3]);
    }

    #[test]
    fn polling_pauses_below_the_in_flight_quota() {
        let mut polls = PollController::new(PollOptions {
            max_in_flight: 15,
            ..PollOptions::default()
        });
        polls.set_demand(1000);
        assert_eq!(polls.start(NOW), Some(10));
        polls.returned(10, 10, LATER);
        assert_eq!(starts(&mut polls, NOW), [5]);
        polls.returned(5, 5, LATER);
        assert_eq!(polls.start(NOW), None);
        assert_eq!(
            polls.next_start(),
            Some(LATER),
            "room comes when their visibility ends"
        );
        polls.settled(1);
        assert_eq!(polls.start(NOW), Some(1));
        assert_eq!(
            polls.start(LATER),
            Some(10),
            "the fourteen are visible again"
        );
    }

    #[test]
    fn a_pause_holds_back_the_next_poll() {
        let mut polls = controller(8);
        polls.set_demand(10);
        polls.pause(LATER);
        assert_eq!((polls.start(NOW), polls.next_start()), (None, Some(LATER)));
        assert_eq!(polls.start(LATER), Some(10));
    }

    #[test]
    fn a_wait_that_is_over_wakes_nobody_while_the_polls_that_are_out_suffice() {
        let mut polls = controller(8);
        polls.target = 2;
        polls.set_demand(10);
        assert_eq!(starts(&mut polls, NOW), [10]);
        polls.pause(NOW);
        assert_eq!((polls.start(LATER), polls.next_start()), (None, None));
        polls.set_demand(11);
        assert_eq!(polls.start(LATER), Some(1));
    }

    #[test]
    fn a_quota_that_polls_alone_fill_wakes_nobody() {
        let mut polls = PollController::new(PollOptions {
            max_in_flight: 10,
            ..PollOptions::default()
        });
        polls.target = 2;
        polls.set_demand(100);
        assert_eq!(starts(&mut polls, NOW), [10]);
        polls.pause(NOW);
        assert_eq!((polls.start(LATER), polls.next_start()), (None, None));
    }

    #[test]
    fn a_failure_waits_longer_each_time_and_a_success_forgets_it() {
        let mut polls = controller(8);
        let random = Random::seeded(7);
        polls.set_demand(10);
        let mut now = NOW;
        let mut waits = Vec::new();
        for _ in 0..5 {
            let size = polls.start(now).expect("the wait is over");
            polls.failed(size, now, &random);
            let at = polls.next_start().unwrap();
            assert_eq!(polls.start(now), None);
            waits.push(at.since(now));
            now = at;
        }
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
        let size = polls.start(now).unwrap();
        polls.returned(size, 0, LATER);
        assert_eq!(polls.start(now), Some(10));
    }
}
