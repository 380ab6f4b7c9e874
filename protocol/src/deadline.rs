//! Until when the requester waits for a reply, in SQS's time.
//!
//! Owns the arithmetic and has no clock: the caller passes the earliest bound of SQS's time, or `None`
//! if SQS's time is not known. Invariant: a request never expires because a value is unknown.

use std::{fmt, time::Duration};

use crate::limits;

/// The longest remaining time that is sent: 14 days, because SQS keeps no message for longer.
pub const MAX_REMAINING: Duration = limits::MAX_RETENTION;

/// How long after the absolute expiry a request is dropped: 60 s.
///
/// The requester sets the expiry from its estimate of SQS's time, and the responder compares the expiry
/// with its own estimate. Each estimate may be wrong by some seconds: a `Date` header has whole seconds
/// and arrives up to a round trip late, and a clock drifts until the next sample. A minute is well beyond
/// that and costs nothing. For a fresh request the age decides, which compares SQS's time with SQS's own
/// timestamp; the expiry is for messages that a dead-letter queue redrives minutes to days later.
pub const EXPIRY_SLACK: Duration = Duration::from_secs(60);

/// An instant of SQS's time: milliseconds since 1970, as in the message attribute `SentTimestamp`.
///
/// Never taken from the clock of the own machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SqsTime(u64);

/// Until when the requester waits.
///
/// A request carries the time that remained when it was sent and, if the requester knew SQS's time, the
/// instant at which this time ends (the expiry). The remaining time is compared with the age of the
/// message, so the clocks of the machines need not agree. The expiry, with [`EXPIRY_SLACK`], stops
/// requests whose `SentTimestamp` was renewed by the redrive of a dead-letter queue.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use sqs_rpc_protocol::{Deadline, SqsTime};
///
/// let sent = SqsTime::from_millis(1_763_900_000_000);
/// let deadline = Deadline::after(Duration::from_secs(20));
/// let now = sent + Duration::from_secs(5);
/// assert_eq!(deadline.remaining(Some(now), Some(sent)), Some(Duration::from_secs(15)));
/// assert!(deadline.expired(Some(now + Duration::from_secs(15)), Some(sent)));
/// // SQS's time is not known: not expired.
/// assert!(!deadline.expired(None, Some(sent)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Deadline {
    remaining: Option<Duration>,
    expiry: Option<SqsTime>,
}

impl Deadline {
    /// No deadline: a Java peer's request.
    pub const NONE: Self = Self {
        remaining: None,
        expiry: None,
    };

    /// A deadline this long after the message is sent: at most [`MAX_REMAINING`], and rounded up to whole milliseconds,
    /// because zero would mean that the requester no longer waits.
    pub fn after(remaining: Duration) -> Self {
        let whole = Duration::from_millis(remaining.as_millis().try_into().unwrap_or(u64::MAX));
        let rounded = if whole < remaining {
            whole.saturating_add(Duration::from_millis(1))
        } else {
            whole
        };
        Self {
            remaining: Some(rounded.min(MAX_REMAINING)),
            expiry: None,
        }
    }

    /// The same deadline with an expiry: the instant of SQS's time at which the deadline ends.
    #[must_use]
    pub fn with_expiry(self, expiry: SqsTime) -> Self {
        Self {
            expiry: Some(expiry),
            ..self
        }
    }

    /// The time that remained when the message was sent.
    pub const fn at_send(&self) -> Option<Duration> {
        self.remaining
    }

    /// The absolute expiry.
    pub const fn expiry(&self) -> Option<SqsTime> {
        self.expiry
    }

    /// Whether there is no deadline at all.
    pub const fn is_none(&self) -> bool {
        self.remaining.is_none() && self.expiry.is_none()
    }

    /// The remaining time: zero if expired, `None` if no bound is known.
    ///
    /// `server_now` is the *earliest* bound of SQS's time, and `sent` is the message's `SentTimestamp`.
    /// The age is their difference, or zero if one of them is unknown.
    pub fn remaining(
        &self,
        server_now: Option<SqsTime>,
        sent: Option<SqsTime>,
    ) -> Option<Duration> {
        let age = match (server_now, sent) {
            (Some(now), Some(sent)) => now.since(sent),
            _ => Duration::ZERO,
        };
        let by_age = self
            .remaining
            .map(|remaining| remaining.saturating_sub(age));
        let by_expiry = match (self.expiry, server_now) {
            (Some(expiry), Some(now)) => Some((expiry + EXPIRY_SLACK).since(now)),
            _ => None,
        };
        match (by_age, by_expiry) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }

    /// Whether the requester no longer waits: no time [remains](Self::remaining).
    pub fn expired(&self, server_now: Option<SqsTime>, sent: Option<SqsTime>) -> bool {
        self.remaining(server_now, sent) == Some(Duration::ZERO)
    }
}

impl SqsTime {
    /// The instant this many milliseconds after the beginning of 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the beginning of 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Reads the value of `SentTimestamp`: decimal milliseconds. `None` for anything else.
    pub fn parse_millis(text: &str) -> Option<Self> {
        // `u64::from_str` alone would accept a leading `+`.
        let decimal = text.bytes().all(|b| b.is_ascii_digit());
        decimal.then(|| text.parse().ok()).flatten().map(Self)
    }

    /// The time from `earlier` to this instant, or zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for SqsTime {
    type Output = Self;

    /// Adds whole milliseconds; the sum saturates.
    fn add(self, after: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

impl fmt::Display for SqsTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SENT: SqsTime = SqsTime::from_millis(1_763_900_000_000);
    const TTL: Duration = Duration::from_secs(20);
    const MS: Duration = Duration::from_millis(1);

    fn after(time: Duration) -> Option<SqsTime> {
        Some(SENT + time)
    }

    #[test]
    fn age_decides_to_the_millisecond() {
        let deadline = Deadline::after(TTL);
        assert!(!deadline.expired(after(TTL - MS), Some(SENT)));
        assert!(deadline.expired(after(TTL), Some(SENT)));
        assert_eq!(deadline.remaining(after(TTL - MS), Some(SENT)), Some(MS));
    }

    #[test]
    fn unknown_values_expire_no_request() {
        let deadline = Deadline::after(TTL).with_expiry(SENT + TTL);
        assert!(!deadline.expired(None, Some(SENT)));
        assert_eq!(deadline.remaining(None, Some(SENT)), Some(TTL));
        assert!(!Deadline::after(TTL).expired(after(Duration::from_secs(9_999)), None));
        assert_eq!(Deadline::NONE.remaining(after(TTL), Some(SENT)), None);
    }

    #[test]
    fn the_age_is_zero_before_sent_timestamp() {
        assert_eq!(
            Deadline::after(TTL).remaining(Some(SqsTime::from_millis(5)), Some(SENT)),
            Some(TTL)
        );
    }

    #[test]
    fn the_expiry_stops_old_requests_from_dead_letter_queues() {
        let deadline = Deadline::after(TTL).with_expiry(SENT + TTL);
        // Redriven a day later: SentTimestamp is new, so the age alone would not stop the request.
        let redriven = SENT + Duration::from_secs(86_400);
        assert!(!Deadline::after(TTL).expired(Some(redriven), Some(redriven)));
        assert!(deadline.expired(Some(redriven), Some(redriven)));
    }

    #[test]
    fn a_request_expires_a_slack_after_its_expiry() {
        let deadline = Deadline::NONE.with_expiry(SENT);
        assert!(!deadline.expired(after(EXPIRY_SLACK - MS), None));
        assert!(deadline.expired(after(EXPIRY_SLACK), None));
    }

    #[test]
    fn rounded_up_to_milliseconds_and_cut_to_the_longest() {
        let at_send = |remaining| Deadline::after(remaining).at_send();
        for (micros, millis) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2)] {
            let expected = Some(Duration::from_millis(millis));
            assert_eq!(at_send(Duration::from_micros(micros)), expected, "{micros}");
        }
        for long in [Duration::MAX, MAX_REMAINING - Duration::from_nanos(1)] {
            assert_eq!(at_send(long), Some(MAX_REMAINING));
        }
    }

    #[test]
    fn sent_timestamps_are_read_strictly() {
        assert_eq!(SqsTime::parse_millis("1763900000000"), Some(SENT));
        for text in ["", "+1", "-1", " 1", "1.5", "99999999999999999999999"] {
            assert_eq!(SqsTime::parse_millis(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn sent_timestamps_round_trip(millis: u64) {
            let time = SqsTime::from_millis(millis);
            prop_assert_eq!(SqsTime::parse_millis(&time.to_string()), Some(time));
        }

        #[test]
        fn never_overflows(ttl: Duration, expiry: u64, now: Option<u64>, sent: Option<u64>) {
            let deadline = Deadline::after(ttl).with_expiry(SqsTime(expiry));
            let (now, sent) = (now.map(SqsTime), sent.map(SqsTime));
            prop_assert_eq!(deadline.expired(now, sent), deadline.remaining(now, sent) == Some(Duration::ZERO));
        }

        #[test]
        fn once_expired_always_expired(ttl in 0u64..100_000, now in 0u64..200_000, later in 0u64..200_000) {
            let deadline = Deadline::after(Duration::from_millis(ttl));
            let (now, sent) = (SqsTime(now), SqsTime(0));
            if deadline.expired(Some(now), Some(sent)) {
                prop_assert!(deadline.expired(Some(now + Duration::from_millis(later)), Some(sent)));
            }
        }
    }
}
