//! Decides how many receives are in flight, and when they start. A pure state machine.
//!
//! Owns: when the next poll starts, how many messages it requests, and the count of messages in flight. Does not own:
//! the polls, and the receivers of their messages.
//!
//! **Invariant:** without demand no poll starts, and a poll in flight is never ended.

mod in_flight;
mod out;
mod pace;

use std::time::Duration;

use sqs_rpc_protocol::limits::MAX_RECEIVED;

use self::in_flight::InFlight;
use self::out::Out;
use self::pace::Pace;
use super::backoff::Backoff;
use super::clock::Moment;
use super::random::Random;
use crate::mutant;

/// Decides how many receives of a queue are in flight, based on demand, results and failures.
///
/// The controller starts with one long poll. Each poll that comes back full adds one poll, up to four. Beyond four,
/// three rounds of full polls add one poll, up to the limit. A poll that comes back partly full reduces the number to
/// one. Without demand no poll starts. After a backlog is received, each poll still in flight returns the first few
/// messages that arrive, and costs as much as a full poll, so few polls should be in flight at the end of a burst. A
/// poll in flight is never ended, because SQS may already have put messages into it, and these would stay hidden
/// until their visibility timeout ends.
///
/// A receive returns as soon as it finds one message. So after a receive that came back partly full the next receive
/// waits, at most for [`PollOptions::pace`] and at most for the time in which the missing messages arrive at the
/// observed rate. After a receive that returned at most one message there is no wait, so that single messages are not
/// delayed.
///
/// When polls fail, each wait is longer than the previous wait; see [`PollOptions::longest_backoff`]. Polls that are
/// in flight together and fail together count as one failure. [`reopen`](Self::reopen) ends such a wait when another
/// call shows that SQS answers again, and [`answered`](Self::answered) shortens the wait while other calls are
/// answered.
///
/// The controller counts the messages in flight itself, because SQS does not report the quota on a long poll: the
/// poll only stays empty. The controller pauses before the quota is reached.
#[derive(Debug)]
pub struct PollController {
    options: PollOptions,
    /// The number of polls that may be in flight at the current load.
    target: usize,
    /// The number of polls that have come back full since the target changed.
    full: usize,
    out: Out,
    in_flight: InFlight,
    /// The number of messages that the owner can receive now; written by the owner.
    demand: usize,
    pace: Pace,
    backoff: Backoff,
    /// When the last poll failed. Written by [`failed`](Self::failed); cleared by a successful poll.
    failed_at: Option<Moment>,
    /// The next poll does not start before this moment: after a failure, a pause, or for the pace.
    not_before: Option<Moment>,
    /// Polls in a row that returned only messages that were received before.
    repeats: u32,
    /// Whether demand has returned since the last call of [`start`](Self::start), after there was none.
    woken: bool,
}

/// Limits of a [`PollController`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PollOptions {
    /// The maximum number of receives in flight. Default 8; 1 means no growth.
    pub max_polls: usize,
    /// The maximum number of messages in flight before polling pauses. Default 100,000: SQS's quota is about 120,000
    /// for a standard queue and, since November 2024, for a FIFO queue, too.
    pub max_in_flight: usize,
    /// The maximum wait after a receive that came back partly full. Default 5 ms. Zero means no wait: the lowest
    /// latency and the most calls. Messages that arrive during the wait are delayed by at most this time, and only
    /// where several messages arrive at a time.
    pub pace: Duration,
    /// The first wait after a failed poll. Each further wait is three times as long, up to the longest. Default
    /// 200 ms.
    pub first_backoff: Duration,
    /// The maximum wait between failing polls, with a jitter of at most a fifth. Default 36 s: a process that only
    /// receives may need this long to notice that SQS answers again.
    pub longest_backoff: Duration,
}

/// Up to this number of polls, each full poll allows one more. Five polls return 2,500 messages a second at 20 ms per
/// call.
const EAGERLY: usize = 4;
/// Beyond [`EAGERLY`], the number of full polls for each poll in flight before another is allowed. A burst of 200
/// messages has ended by then.
const ROUNDS: usize = 3;

/// The maximum wait between failing polls while other calls succeed, so that there is a poll in each second: 0.8 s
/// plus a round trip. The price is one or two polls a second where only receives fail for long.
const LONGEST_IF_ANSWERED: Duration = Duration::from_millis(800);

/// What a poll returned: the best of its messages counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// No message, or only messages that were damaged on the way and stay in SQS.
    Nothing,
    /// Besides damaged messages, only messages that were received before, and duplicate replies.
    Repeats,
    /// A message that was not received before.
    New,
}

/// The maximum number of polls in a row that return only [repeats](Use::Repeats) and are not followed by a pause.
const REPEATS_AT_ONCE: u32 = 10;

/// The minimum time from the start of a poll that returns nothing to the start of the next poll.
const SHORTEST_EMPTY: Duration = Duration::from_millis(500);

/// The maximum wait between polls that fail because of credentials.
const LONGEST_IF_CREDENTIALS: Duration = Duration::from_secs(5);

/// Each wait between failing polls is the previous wait times this factor.
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
    /// A controller without polls in flight and without demand.
    #[must_use]
    pub fn new(options: PollOptions) -> Self {
        let backoff =
            Backoff::new(options.first_backoff, options.longest_backoff).growing_by(BACKOFF_FACTOR);
        Self {
            pace: Pace::new(options.pace),
            options,
            target: 1,
            full: 0,
            out: Out::default(),
            in_flight: InFlight::default(),
            demand: 0,
            backoff,
            failed_at: None,
            not_before: None,
            repeats: 0,
            woken: false,
        }
    }

    /// Sets how many messages the owner can receive now: 0 when no receiver waits or there is no room.
    pub fn set_demand(&mut self, messages: usize) {
        self.woken |= self.demand == 0 && messages > 0;
        self.demand = messages;
    }

    /// The size of the next poll to send now, from 1 to [`MAX_RECEIVED`], or `None`. Call it until it returns `None`.
    /// Each returned poll counts as in flight from then on.
    pub fn start(&mut self, now: Moment) -> Option<usize> {
        if std::mem::take(&mut self.woken) && self.failures() > 0 {
            // A new receiver usually has a call of its own in flight, and that call shows whether SQS answers. If
            // that call fails, the receiver is gone by then, and a poll now would only have been one more failure.
            self.pause(now + self.options.first_backoff);
        }
        if !self.may_start() || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        self.in_flight.expire(now);
        let quota = self
            .options
            .max_in_flight
            .saturating_sub(self.in_flight.total() + self.out.asked());
        let size = self
            .demand
            .saturating_sub(self.out.asked())
            .min(quota)
            .min(MAX_RECEIVED);
        if size == 0 {
            return None;
        }
        self.not_before = None;
        self.out.begun(size, now);
        Some(size)
    }

    /// When to call [`start`](Self::start) again without another event: at the end of a wait, or when messages that
    /// fill the quota become visible again.
    #[must_use]
    pub fn next_start(&self) -> Option<Moment> {
        // The polls in flight already cover the demand, so the end of a wait must not wake the owner.
        if self.demand <= self.out.asked() || !self.may_start() {
            return None;
        }
        if self.in_flight.total() + self.out.asked() < self.options.max_in_flight {
            return self.not_before;
        }
        let room = self.in_flight.next_expiry()?;
        Some(self.not_before.map_or(room, |at| at.max(room)))
    }

    /// A poll of `size` has returned `got` messages now, which stay invisible until `visible_until` unless they are
    /// settled.
    pub fn returned(
        &mut self,
        size: usize,
        started: Moment,
        got: usize,
        now: Moment,
        visible_until: Moment,
    ) {
        self.out.ended(size, started);
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

    /// The use of the poll that has just [returned](Self::returned) and began at `started`. SQS answers a long poll when it
    /// has a message, or after the poll's wait of at least a second, and a message that was received stays hidden. Only
    /// a broken server answers at once with nothing, or with the same messages again and again, and would be polled
    /// without end. Then the next poll begins half a second after this poll at the earliest. Messages that were
    /// received before delay nothing until ten polls in a row have returned nothing else, because SQS may deliver a message twice.
    pub fn was_of_use(&mut self, used: Use, started: Moment) {
        let waits = match used {
            Use::New => {
                self.repeats = 0;
                false
            }
            Use::Repeats => {
                self.repeats = self.repeats.saturating_add(1);
                self.repeats > REPEATS_AT_ONCE
            }
            Use::Nothing => true,
        };
        if waits && !mutant!("hot-loop-under-load") {
            self.pause(started + SHORTEST_EMPTY);
        }
    }

    /// A poll of `size` that began at `started` failed, or had no answer in time. It does not count as another
    /// failure if it began before the last counted failure: see [`Backoff::failed_call`].
    pub fn failed(&mut self, size: usize, started: Moment, now: Moment, random: &Random) {
        self.out.ended(size, started);
        self.set_target(1);
        self.not_before = Some(self.backoff.failed_call(started, now, random));
        self.failed_at = Some(now);
        if mutant!("poll-without-back-off") {
            self.not_before = None;
        }
    }

    /// Another call shows at `now` that SQS answers again after it answered nothing. A poll that waits because of
    /// failures starts now; if it fails as well, the next wait is as long as it would have been. Polls in flight may
    /// wait on dead connections, so another poll may start beside each.
    pub fn reopen(&mut self, now: Moment) {
        self.out.doubt(now);
        if self.failures() > 0 {
            self.not_before = None;
            self.woken = false;
        }
    }

    /// Another call of the process succeeded while polls fail temporarily. The wait of the polls ends, but not before
    /// 0.8 s after the last failure. Otherwise, where only receives fail, every other successful call would start a
    /// poll.
    pub fn answered(&mut self) {
        if let (Some(failed), Some(until)) = (self.failed_at, self.not_before) {
            self.not_before = Some(until.min(failed + LONGEST_IF_ANSWERED));
        }
    }

    /// The last poll failed at `now` because of its credentials: the next poll waits at most 5 s. Without credentials
    /// a poll makes no call, and receivers should be served soon after credentials are available.
    pub fn retry_credentials(&mut self, now: Moment) {
        let latest = now + LONGEST_IF_CREDENTIALS;
        self.not_before = self.not_before.map(|until| until.min(latest));
    }

    /// The last poll failed, and a poll after `at` will show the reason: the next poll starts exactly at `at`.
    pub fn retry_at(&mut self, at: Moment) {
        self.not_before = Some(at);
    }

    /// Starts no poll before `at`: for an owner that had to put back the messages of the last poll.
    pub fn pause(&mut self, at: Moment) {
        self.not_before = self.not_before.max(Some(at));
    }

    /// `n` messages are not in flight any more: deleted or put back.
    pub fn settled(&mut self, n: usize) {
        self.in_flight.settled(n);
    }

    /// The message with this receipt handle is not in flight any more. A repeated call for the same message within a
    /// minute has no effect.
    pub fn settled_by_handle(&mut self, receipt_handle: &str, now: Moment) {
        self.in_flight.settled_by_handle(receipt_handle, now);
    }

    /// The message with this receipt handle stays invisible until `until`.
    pub fn extended(&mut self, receipt_handle: &str, until: Moment) {
        self.in_flight.extended(receipt_handle, until);
    }

    /// Whether the maximum number of messages is in flight, so that a settled message makes room for a poll.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.in_flight.total() + self.out.asked() >= self.options.max_in_flight
    }

    /// The number of failed polls since the last successful poll.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// The number of polls in flight.
    #[must_use]
    pub fn out(&self) -> usize {
        self.out.all()
    }

    /// The number of messages received and not yet settled.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.in_flight.total()
    }

    fn set_target(&mut self, target: usize) {
        (self.target, self.full) = (target, 0);
    }

    /// Whether one more poll may be in flight. Doubted polls count for the limit of the options only.
    fn may_start(&self) -> bool {
        self.out.counted() < self.target && self.out.all() < self.options.max_polls.max(1)
    }
}

/// The number of polls that must come back full before the target grows beyond `target`.
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
    fn no_poll_starts_without_demand() {
        let mut polls = controller(8);
        assert_eq!(polls.start(NOW), None);
        polls.set_demand(1000);
        assert_eq!(starts(&mut polls, NOW), [10]);
        polls.set_demand(0);
        polls.returned(10, NOW, 10, NOW, LATER);
        assert_eq!(polls.start(NOW), None);
    }

    #[test]
    fn a_server_that_never_waits_is_polled_twice_a_second() {
        let mut polls = controller(8);
        polls.set_demand(1000);
        let (mut now, mut started) = (NOW, Vec::new());
        while started.len() < 5 {
            if polls.start(now).is_some() {
                started.push(now);
                polls.returned(10, now, 0, now, LATER);
                polls.was_of_use(Use::Nothing, now);
            }
            now = polls.next_start().unwrap();
        }
        let apart = started.windows(2).map(|pair| pair[1].since(pair[0]));
        assert!(
            apart
                .into_iter()
                .all(|apart| apart == Duration::from_millis(500))
        );
        // A poll that the server held delays nothing.
        assert_eq!(polls.start(now), Some(10));
        let end = now + Duration::from_secs(20);
        polls.returned(10, end, 0, end, LATER);
        polls.was_of_use(Use::Nothing, now);
        assert_eq!(polls.start(end), Some(10));
    }

    #[test]
    fn polls_that_repeat_messages_are_paced_after_ten() {
        let mut polls = controller(8);
        polls.set_demand(1000);
        let mut poll = |used| {
            let at_once = polls.start(NOW).is_some();
            if at_once {
                polls.returned(10, NOW, 1, NOW, LATER);
                polls.was_of_use(used, NOW);
            }
            at_once
        };
        assert!((0..10).all(|_| poll(Use::Repeats)));
        assert!(poll(Use::New));
        assert!((0..11).all(|_| poll(Use::Repeats)));
        assert!(!poll(Use::Repeats));
        assert_eq!(polls.next_start(), Some(NOW + SHORTEST_EMPTY));
    }

    #[test]
    fn full_polls_add_polls_and_a_partly_full_poll_resets() {
        let mut polls = controller(3);
        polls.set_demand(1000);
        assert_eq!(starts(&mut polls, NOW).len(), 1);
        for out in [2, 3, 3] {
            polls.returned(10, NOW, 10, NOW, LATER);
            starts(&mut polls, NOW);
            assert_eq!(polls.out(), out);
        }
        polls.returned(10, NOW, 9, NOW, LATER);
        assert_eq!(
            (starts(&mut polls, NOW).len(), polls.out()),
            (0, 2),
            "polls in flight are not ended"
        );
    }

    #[test]
    fn beyond_four_polls_three_full_rounds_allow_one_more() {
        let mut polls = controller(8);
        polls.set_demand(1_000);
        starts(&mut polls, NOW);
        let mut out = Vec::new();
        for _ in 0..3 + 12 + 15 {
            polls.returned(10, NOW, 10, NOW, LATER);
            starts(&mut polls, NOW);
            out.push(polls.out());
        }
        let counted = [4, 5, 6].map(|polls| out.iter().position(|&out| out == polls));
        assert_eq!(counted, [2, 14, 29].map(Some), "{out:?}");
        // One partly full poll resets the count of full polls.
        polls.returned(10, NOW, 9, NOW, LATER);
        for _ in 0..3 {
            polls.returned(10, NOW, 10, NOW, LATER);
        }
        assert_eq!(polls.target, 4);
        polls.returned(10, NOW, 10, NOW, LATER);
        assert_eq!(polls.target, 4);
    }

    #[test]
    fn polls_request_no_more_than_the_demand() {
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
        polls.returned(10, NOW, 10, NOW, LATER);
        assert_eq!(starts(&mut polls, NOW), [5]);
        polls.returned(5, NOW, 5, NOW, LATER);
        assert_eq!(polls.start(NOW), None);
        assert_eq!(
            polls.next_start(),
            Some(LATER),
            "room is available when the messages become visible again"
        );
        polls.settled(1);
        assert_eq!(polls.start(NOW), Some(1));
        assert_eq!(
            polls.start(LATER),
            Some(10),
            "the fourteen messages are visible again"
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
    fn an_ended_wait_wakes_nobody_while_polls_cover_the_demand() {
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
    fn a_quota_filled_by_polls_alone_wakes_nobody() {
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
    fn waits_grow_with_each_failure_until_a_success() {
        let mut polls = controller(8);
        let random = Random::seeded(7);
        polls.set_demand(10);
        let mut now = NOW;
        let mut waits = Vec::new();
        for _ in 0..5 {
            let size = polls.start(now).expect("the wait has ended");
            polls.failed(size, now, now, &random);
            let at = polls.next_start().unwrap();
            assert_eq!(polls.start(now), None);
            waits.push(at.since(now));
            now = at;
        }
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
        let size = polls.start(now).unwrap();
        polls.returned(size, now, 0, now, LATER);
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
        polls.returned(10, NOW, 10, NOW, LATER);
        polls.extended("a", LATER + Duration::from_secs(60));
        assert!(polls.is_full());
        polls.settled_by_handle("b", NOW);
        polls.settled_by_handle("b", NOW);
        assert_eq!((polls.is_full(), starts(&mut polls, NOW)), (false, vec![1]));
        polls.returned(1, LATER, 0, LATER, LATER);
        polls.start(LATER);
        assert_eq!(polls.in_flight(), 1, "the extended message");
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
    fn there_is_a_poll_each_second_while_other_calls_succeed() {
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
        polls.returned(size, now, 0, now, LATER);
        polls.pause(LATER);
        polls.answered();
        assert_eq!(
            polls.start(now),
            None,
            "a pause is not a wait after a failure"
        );
    }

    #[test]
    fn under_load_a_short_wait_follows_a_partly_full_poll() {
        let mut polls = controller(8);
        polls.set_demand(1000);
        let mut now = NOW;
        for _ in 0..20 {
            let size = polls.start(now).unwrap();
            now += Duration::from_millis(2);
            polls.returned(size, now, 5, now, LATER);
            now = polls.next_start().unwrap_or(now);
        }
        let size = polls.start(now).unwrap();
        polls.returned(size, now, 5, now, LATER);
        assert_eq!(polls.start(now), None);
        let wait = polls.next_start().unwrap().since(now);
        assert!(wait <= PollOptions::default().pace, "{wait:?}");
        assert_eq!(polls.start(now + wait), Some(10));
    }

    #[test]
    fn while_polls_fail_new_receivers_await_their_own_call() {
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
    fn an_answer_ends_the_wait_but_keeps_the_back_off() {
        let mut polls = controller(8);
        polls.set_demand(10);
        let mut now = NOW;
        for _ in 0..4 {
            now = fail(&mut polls, now);
        }
        let wait = fail(&mut polls, now).since(now);
        polls.reopen(NOW);
        let after = fail(&mut polls, now).since(now);
        assert!(after >= wait.mul_f64(0.6), "{after:?} after {wait:?}");
        polls.reopen(NOW);
        polls.reopen(NOW);
        assert_eq!(starts(&mut polls, now), [10], "one poll starts");
    }

    #[test]
    fn an_answer_does_not_end_a_pause() {
        let mut polls = controller(8);
        polls.set_demand(10);
        polls.pause(LATER);
        polls.reopen(NOW);
        assert_eq!(polls.start(NOW), None);
    }
}
