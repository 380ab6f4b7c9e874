//! How many receives to have out, and when, as a pure state machine.
//!
//! Owns: when the next poll starts, how many messages it asks for, what is in flight. Does not own: the polls, and who
//! waits for what they bring.
//!
//! **Invariant:** without demand no poll starts, and none that is out is ended.

mod in_flight;
mod pace;

use std::time::Duration;

use self::in_flight::InFlight;
use self::pace::Pace;
use super::backoff::Backoff;
use super::clock::Moment;
use super::random::Random;
use crate::mutant;

/// The most messages that one ReceiveMessage returns (SQS).
pub const RECEIVE_MAX: usize = 10;

/// Decides how many receives a queue has out, from who waits, what came back and what failed.
///
/// It starts with one long poll. While polls come back full it allows more, up to the limit: up to four, one more for each
/// that is full; from there on, one more for each three rounds of full ones. One that comes back part full takes it back to
/// one; with no demand it starts none. When what has gathered is taken, each poll that is still out brings the first few
/// messages that come, and costs as much as a full one; so a burst should not find many of them. It never ends a poll that is out: SQS may have put
/// messages into it, and they would stay hidden until their visibility timeout ends.
///
/// A receive returns as soon as it finds one message. So after one that came back part full the next waits, at most for
/// [`PollOptions::pace`] and no longer than the missing messages take to come at the rate observed. After one that
/// brought a single message or none it does not wait: where little comes, nobody is kept waiting.
///
/// When polls fail, it waits ever longer; see [`PollOptions::longest_backoff`]. Polls that are in flight together and fail
/// together count as one failure. [`reopen`](Self::reopen) ends such a wait when something else shows that SQS answers
/// again, and [`answered`](Self::answered) shortens it while other calls are answered.
///
/// It counts the messages in flight itself, because SQS says nothing when a long poll meets the quota: the poll just
/// stays empty. Below the quota it stops in time.
#[derive(Debug)]
pub struct PollController {
    options: PollOptions,
    /// How many polls may be out, as the load shows it.
    target: usize,
    /// Polls that have come back full since the target changed.
    full: usize,
    /// Sizes of the polls that are out, added up, and their number.
    asked: usize,
    out: usize,
    in_flight: InFlight,
    /// How many messages may be received now; written by the owner.
    demand: usize,
    pace: Pace,
    backoff: Backoff,
    /// The last poll that failed: when. Written by [`failed`](Self::failed); empty after one that did not.
    failed_at: Option<Moment>,
    /// After a failure, a pause, or for the pace: not before.
    not_before: Option<Moment>,
    /// Whether demand came up since the last look, after there was none.
    woken: bool,
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
    /// The longest wait after a receive that came back part full. Default 5 ms; zero: none, the least latency and the
    /// most calls. What comes meanwhile is later by so much at the most, and only where several messages come at a time.
    pub pace: Duration,
    /// The first wait after a failed poll, three times as long with each further one, up to the longest. Default 200 ms.
    pub first_backoff: Duration,
    /// The longest wait between failing polls, within a fifth. Default 36 s: so long it may take until somebody who only
    /// receives notices that SQS answers again.
    pub longest_backoff: Duration,
}

/// Up to so many polls, each full one allows one more. Five bring 2,500 messages a second at 20 ms a call.
const EAGERLY: usize = 4;
/// From there on, so many full polls for each that is out: a burst of 200 messages is over by then.
const ROUNDS: usize = 3;

/// The longest wait between failing polls while other calls succeed, so that no second goes by without a poll: 0.8 s, and a
/// round trip. The price is one or two polls a second where only receives fail for long.
const LONGEST_IF_ANSWERED: Duration = Duration::from_millis(800);

/// From the start of a poll that brings nothing to that of the next.
const SHORTEST_EMPTY: Duration = Duration::from_millis(500);

/// The longest wait between polls that fail for want of credentials.
const LONGEST_IF_CREDENTIALS: Duration = Duration::from_secs(5);

/// Each wait between failing polls is so many times the one before.
const BACKOFF_FACTOR: u32 = 3;

impl Default for PollOptions {
    fn default() -> Self {
        Self {
            max_polls: 8,
            max_in_flight: 100_000,
            pace: Duration::from_millis(5),
            first_backoff: Duration::from_millis(200),
            longest_backoff: Duration::from_secs(36),
        }
    }
}

impl PollController {
    /// A controller with nothing out and no demand.
    #[must_use]
    pub fn new(options: PollOptions) -> Self {
        let backoff =
            Backoff::new(options.first_backoff, options.longest_backoff).growing_by(BACKOFF_FACTOR);
        Self {
            pace: Pace::new(options.pace),
            options,
            target: 1,
            full: 0,
            asked: 0,
            out: 0,
            in_flight: InFlight::default(),
            demand: 0,
            backoff,
            failed_at: None,
            not_before: None,
            woken: false,
        }
    }

    /// Says how many messages the owner can take now; 0 when nobody waits or there is no room.
    pub fn set_demand(&mut self, messages: usize) {
        self.woken |= self.demand == 0 && messages > 0;
        self.demand = messages;
    }

    /// The size of the next poll to send now, from 1 to [`RECEIVE_MAX`], or `None`. Call it until it says `None`:
    /// each poll that it returns counts as out from then on.
    pub fn start(&mut self, now: Moment) -> Option<usize> {
        if std::mem::take(&mut self.woken) && self.failures() > 0 {
            // Whoever came has most likely a call of its own out, which will tell whether SQS answers. If it fails, he
            // is gone by then, and a poll would have been one failure more.
            self.pause(now + self.options.first_backoff);
        }
        if self.out >= self.target || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        self.in_flight.expire(now);
        let quota = self
            .options
            .max_in_flight
            .saturating_sub(self.in_flight.total() + self.asked);
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
        if self.in_flight.total() + self.asked < self.options.max_in_flight {
            return self.not_before;
        }
        let room = self.in_flight.next_expiry()?;
        Some(self.not_before.map_or(room, |at| at.max(room)))
    }

    /// A poll of `size` has brought `got` messages now, which stay invisible until `visible_until` unless they are
    /// settled.
    pub fn returned(&mut self, size: usize, got: usize, now: Moment, visible_until: Moment) {
        self.ended(size);
        self.in_flight.received(got, visible_until);
        self.backoff.succeeded();
        self.failed_at = None;
        let wait = self.pace.received(got, size, now);
        self.not_before = wait.map(|wait| now + wait);
        if got < size {
            self.set_target(1);
        } else {
            self.full += 1;
            if self.full >= full_rounds(self.target) {
                self.set_target((self.target + 1).min(self.options.max_polls.max(1)));
            }
        }
    }

    /// The poll that has just [returned](Self::returned) began at `started` and brought nothing of use. SQS holds a long poll until its wait of
    /// at least a second is over. A server that answers at once would be polled without end, so the next poll begins half a
    /// second after this one at the earliest.
    pub fn brought_nothing(&mut self, started: Moment) {
        if !mutant!("hot-loop-under-load") {
            self.pause(started + SHORTEST_EMPTY);
        }
    }

    /// A poll of `size` that began at `started` failed, or had no answer in time. It is not one failure more if it began
    /// before the last one that counted: see [`Backoff::failed_call`].
    pub fn failed(&mut self, size: usize, started: Moment, now: Moment, random: &Random) {
        self.ended(size);
        self.set_target(1);
        self.not_before = Some(self.backoff.failed_call(started, now, random));
        self.failed_at = Some(now);
        if mutant!("poll-without-back-off") {
            self.not_before = None;
        }
    }

    /// Something shows that SQS answers again: a poll that waits because others failed goes now. If it fails as well, the
    /// next waits as long as it would have.
    pub fn reopen(&mut self) {
        if self.failures() > 0 {
            self.not_before = None;
            self.woken = false;
        }
    }

    /// Another call of the process was served in full, while polls fail for a reason that passes by itself. The wait of the
    /// polls ends, but not before 0.8 s after the last failure: where only receives fail, every other call that succeeds
    /// would start a poll.
    pub fn answered(&mut self) {
        if let (Some(failed), Some(until)) = (self.failed_at, self.not_before) {
            self.not_before = Some(until.min(failed + LONGEST_IF_ANSWERED));
        }
    }

    /// The last poll failed at `now` because of its credentials: the next one waits 5 s at the most. Where no credentials can
    /// be loaded, a poll is no call; and those who wait are to be served soon after there are some.
    pub fn retry_credentials(&mut self, now: Moment) {
        let latest = now + LONGEST_IF_CREDENTIALS;
        self.not_before = self.not_before.map(|until| until.min(latest));
    }

    /// The last poll failed in a way that the one after `at` will explain: it goes then, not earlier and not later.
    pub fn retry_at(&mut self, at: Moment) {
        self.not_before = Some(at);
    }

    /// Starts no poll before `at`: for an owner that had to put back what the last one brought.
    pub fn pause(&mut self, at: Moment) {
        self.not_before = self.not_before.max(Some(at));
    }

    /// `n` messages are not in flight any more: deleted or put back.
    pub fn settled(&mut self, n: usize) {
        self.in_flight.settled(n);
    }

    /// The message with this receipt handle is not in flight any more. Said of one message again within a minute, it has no
    /// effect.
    pub fn settled_by_handle(&mut self, receipt_handle: &str, now: Moment) {
        self.in_flight.settled_by_handle(receipt_handle, now);
    }

    /// The message with this receipt handle stays invisible until `until`.
    pub fn extended(&mut self, receipt_handle: &str, until: Moment) {
        self.in_flight.extended(receipt_handle, until);
    }

    /// Whether as many messages are in flight as may be, so that a settled one makes room for a poll.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.in_flight.total() + self.asked >= self.options.max_in_flight
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
        self.in_flight.total()
    }

    fn set_target(&mut self, target: usize) {
        (self.target, self.full) = (target, 0);
    }

    fn ended(&mut self, size: usize) {
        self.out = self.out.saturating_sub(1);
        self.asked = self.asked.saturating_sub(size);
    }
}

/// How many polls must come back full before there are more than so many.
const fn full_rounds(target: usize) -> usize {
    if target < EAGERLY { 1 } else { ROUNDS * target }
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
        polls.returned(10, 10, NOW, LATER);
        assert_eq!(polls.start(NOW), None);
    }

    #[test]
    fn a_server_that_does_not_hold_polls_is_polled_twice_a_second() {
        let mut polls = controller(8);
        polls.set_demand(1000);
        let (mut now, mut started) = (NOW, Vec::new());
        while started.len() < 5 {
            if polls.start(now).is_some() {
                started.push(now);
                polls.returned(10, 0, now, LATER);
                polls.brought_nothing(now);
            }
            now = polls.next_start().unwrap();
        }
        let apart = started.windows(2).map(|pair| pair[1].since(pair[0]));
        assert!(
            apart
                .into_iter()
                .all(|apart| apart == Duration::from_millis(500))
        );
        // One that was held delays nothing.
        assert_eq!(polls.start(now), Some(10));
        let end = now + Duration::from_secs(20);
        polls.returned(10, 0, end, LATER);
        polls.brought_nothing(now);
        assert_eq!(polls.start(end), Some(10));
    }

    #[test]
    fn full_polls_add_pollers_and_a_part_full_one_takes_them_back() {
        let mut polls = controller(3);
        polls.set_demand(1000);
        assert_eq!(starts(&mut polls, NOW).len(), 1);
        for out in [2, 3, 3] {
            polls.returned(10, 10, NOW, LATER);
            starts(&mut polls, NOW);
            assert_eq!(polls.out(), out);
        }
        polls.returned(10, 9, NOW, LATER);
        assert_eq!(
            (starts(&mut polls, NOW).len(), polls.out()),
            (0, 2),
            "those that are out are not ended"
        );
    }

    #[test]
    fn beyond_four_polls_three_full_ones_each_allow_one_more() {
        let mut polls = controller(8);
        polls.set_demand(1_000);
        starts(&mut polls, NOW);
        let mut out = Vec::new();
        for _ in 0..3 + 12 + 15 {
            polls.returned(10, 10, NOW, LATER);
            starts(&mut polls, NOW);
            out.push(polls.out());
        }
        let counted = [4, 5, 6].map(|polls| out.iter().position(|&out| out == polls));
        assert_eq!(counted, [2, 14, 29].map(Some), "{out:?}");
        // One that is part full counts for all.
        polls.returned(10, 9, NOW, LATER);
        for _ in 0..3 {
            polls.returned(10, 10, NOW, LATER);
        }
        assert_eq!(polls.target, 4);
        polls.returned(10, 10, NOW, LATER);
        assert_eq!(polls.target, 4);
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
        polls.returned(10, 10, NOW, LATER);
        assert_eq!(starts(&mut polls, NOW), [5]);
        polls.returned(5, 5, NOW, LATER);
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
            polls.failed(size, now, now, &random);
            let at = polls.next_start().unwrap();
            assert_eq!(polls.start(now), None);
            waits.push(at.since(now));
            now = at;
        }
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
        let size = polls.start(now).unwrap();
        polls.returned(size, 0, now, LATER);
        assert_eq!(polls.start(now), Some(10));
    }

    /// Fails the only poll, and returns the end of the wait after it.
    fn fail(polls: &mut PollController, now: Moment) -> Moment {
        let size = polls.start(now).expect("no wait");
        polls.failed(size, now, now, &Random::seeded(7));
        polls.next_start().unwrap()
    }

    #[test]
    fn a_settled_message_makes_room_once() {
        let mut polls = PollController::new(PollOptions {
            max_in_flight: 10,
            ..PollOptions::default()
        });
        polls.set_demand(100);
        starts(&mut polls, NOW);
        assert!(polls.is_full());
        polls.returned(10, 10, NOW, LATER);
        polls.extended("a", LATER + Duration::from_secs(60));
        assert!(polls.is_full());
        polls.settled_by_handle("b", NOW);
        polls.settled_by_handle("b", NOW);
        assert_eq!((polls.is_full(), starts(&mut polls, NOW)), (false, vec![1]));
        polls.returned(1, 0, LATER, LATER);
        polls.start(LATER);
        assert_eq!(polls.in_flight(), 1, "the one that was extended");
    }

    #[test]
    fn eight_polls_that_fail_together_are_one_failure() {
        let mut polls = controller(8);
        polls.target = 8;
        polls.set_demand(10_000);
        assert_eq!(starts(&mut polls, NOW).len(), 8);
        let random = Random::seeded(1);
        let mut failed = NOW;
        for _ in 0..8 {
            failed += Duration::from_millis(3);
            polls.failed(10, NOW, failed, &random);
        }
        assert_eq!(polls.failures(), 1);
        let next = polls.next_start().unwrap().since(NOW);
        assert!(next <= Duration::from_millis(243), "{next:?}");
    }

    #[test]
    fn while_other_calls_are_served_no_second_goes_without_a_poll() {
        let mut polls = controller(8);
        polls.set_demand(10);
        let mut now = NOW;
        for _ in 0..10 {
            let wait = fail(&mut polls, now).since(now);
            polls.answered();
            let at = polls.next_start().unwrap();
            assert!(at.since(now) <= wait.min(Duration::from_millis(800)));
            assert_eq!(polls.start(now), None, "not at once");
            now = at;
        }
        let size = polls.start(now).unwrap();
        polls.returned(size, 0, now, LATER);
        polls.pause(LATER);
        polls.answered();
        assert_eq!(
            polls.start(now),
            None,
            "a pause is not a wait after a failure"
        );
    }

    #[test]
    fn under_load_a_part_full_poll_is_followed_by_a_short_wait() {
        let mut polls = controller(8);
        polls.set_demand(1000);
        let mut now = NOW;
        for _ in 0..20 {
            let size = polls.start(now).unwrap();
            now += Duration::from_millis(2);
            polls.returned(size, 5, now, LATER);
            now = polls.next_start().unwrap_or(now);
        }
        let size = polls.start(now).unwrap();
        polls.returned(size, 5, now, LATER);
        assert_eq!(polls.start(now), None);
        let wait = polls.next_start().unwrap().since(now);
        assert!(wait <= PollOptions::default().pace, "{wait:?}");
        assert_eq!(polls.start(now + wait), Some(10));
    }

    #[test]
    fn while_polls_fail_whoever_comes_anew_makes_no_call_before_his_own_has_shown_what_is_the_matter()
     {
        let mut polls = controller(8);
        polls.set_demand(10);
        let waited = fail(&mut polls, NOW) + Duration::from_secs(10);
        polls.set_demand(0);
        assert_eq!(polls.start(waited), None);
        polls.set_demand(10);
        assert_eq!(polls.start(waited), None);
        let at = waited + PollOptions::default().first_backoff;
        assert_eq!(polls.next_start(), Some(at));
        assert_eq!(polls.start(at), Some(10));
    }

    #[test]
    fn a_sign_of_life_ends_the_wait_but_one_more_failure_does_not_begin_it_anew() {
        let mut polls = controller(8);
        polls.set_demand(10);
        let mut now = NOW;
        for _ in 0..4 {
            now = fail(&mut polls, now);
        }
        let wait = fail(&mut polls, now).since(now);
        polls.reopen();
        let after = fail(&mut polls, now).since(now);
        assert!(after >= wait.mul_f64(0.6), "{after:?} after {wait:?}");
        polls.reopen();
        polls.reopen();
        assert_eq!(starts(&mut polls, now), [10], "one");
    }

    #[test]
    fn a_sign_of_life_does_not_end_a_pause() {
        let mut polls = controller(8);
        polls.set_demand(10);
        polls.pause(LATER);
        polls.reopen();
        assert_eq!(polls.start(NOW), None);
    }
}
