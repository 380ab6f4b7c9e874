//! The log of requests that are dropped because they have expired.
//!
//! Owns: which clock judged a request, and how often that is logged. Does not own: the decision
//! ([`Deadline::remaining`](sqs_rpc_protocol::Deadline::remaining)). Pure.

use std::fmt;
use std::time::Duration;

use sqs_rpc_protocol::{Deadline, SqsTime};
use sqs_rpc_transport::Moment;

/// At most one line is logged in this time.
const PAUSE: Duration = Duration::from_secs(10);

/// Why a request counts as expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) clock: JudgedBy,
    /// SQS's time minus the `SentTimestamp`, if both are known.
    pub(super) age: Option<Duration>,
}

/// The clock by which a request has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JudgedBy {
    /// The request's age has reached its time to live. The age is SQS's time, from the `Date` of answers, minus the
    /// `SentTimestamp`.
    Age,
    /// The request's absolute expiry has passed in SQS's time.
    Expiry,
    /// The request was received in time, and expired here, by the monotonic clock.
    Here,
}

impl Judged {
    /// Judges a request that had expired when it was received.
    pub(super) fn on_arrival(
        deadline: Deadline,
        server_now: Option<SqsTime>,
        sent: Option<SqsTime>,
    ) -> Self {
        let age = server_now.zip(sent).map(|(now, sent)| now.since(sent));
        let outlived = deadline.at_send().zip(age);
        let clock = match outlived {
            Some((time, age)) if age >= time => JudgedBy::Age,
            _ => JudgedBy::Expiry,
        };
        Self { clock, age }
    }
}

impl fmt::Display for JudgedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Age => "SQS's time minus SentTimestamp",
            Self::Expiry => "absolute expiry in SQS's time",
            Self::Here => "monotonic clock of this process",
        })
    }
}

/// Limits the number of logged lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    next: Option<Moment>,
    since: u64,
}

impl Lines {
    /// Counts a dropped request. If a line is due, returns the number of requests that were dropped since the last line.
    pub(super) fn dropped(&mut self, now: Moment) -> Option<u64> {
        self.since += 1;
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.next = Some(now + PAUSE);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_expired_requests_log_one_line_in_ten_seconds() {
        let mut lines = Lines::default();
        let told: Vec<_> = (0..25_000)
            .filter_map(|n| lines.dropped(Moment::from_start(Duration::from_millis(n))))
            .collect();
        assert_eq!(told, [1, 10_000, 10_000]);
    }

    #[test]
    fn the_clock_that_judged_is_named() {
        let at = SqsTime::from_millis;
        let second = Duration::from_secs(1);
        let by_age = Judged::on_arrival(
            Deadline::after(5 * second),
            Some(at(9_000)),
            Some(at(1_000)),
        );
        assert_eq!(
            (by_age.clock, by_age.age),
            (JudgedBy::Age, Some(8 * second))
        );
        let deadline = Deadline::after(60 * second).with_expiry(at(3_000));
        let by_expiry = Judged::on_arrival(deadline, Some(at(9_000)), Some(at(1_000)));
        assert_eq!(
            (by_expiry.clock, by_expiry.age),
            (JudgedBy::Expiry, Some(8 * second))
        );
        let unknown = Judged::on_arrival(deadline, Some(at(9_000)), None);
        assert_eq!((unknown.clock, unknown.age), (JudgedBy::Expiry, None));
    }
}
