//! What is logged of requests that are dropped because nobody waits for them any more.
//!
//! Owns: which clock judged a request, and how often that is logged. Does not own: the decision
//! ([`Deadline::remaining`](sqs_rpc_protocol::Deadline::remaining)). Pure.

use std::fmt;
use std::time::Duration;

use sqs_rpc_protocol::{Deadline, SqsTime};
use sqs_virtual_queues::sqs::Moment;

/// One line in so much time at the most.
const PAUSE: Duration = Duration::from_secs(10);

/// Why a request is expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) clock: JudgedBy,
    /// SQS's time less the `SentTimestamp`, if both are known.
    pub(super) age: Option<Duration>,
}

/// The clock that judged a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JudgedBy {
    /// Its time to live is over: SQS's time, by the `Date` of answers, less its `SentTimestamp`.
    Age,
    /// Its absolute expiry is past by SQS's time.
    Expiry,
    /// It came in time, and its time ended here, by the monotonic clock.
    Here,
}

impl Judged {
    /// Of a request that has expired on its way.
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
            Self::Age => "SQS's time less SentTimestamp",
            Self::Expiry => "absolute expiry in SQS's time",
            Self::Here => "monotonic clock of this process",
        })
    }
}

/// Limits the lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    next: Option<Moment>,
    since: u64,
}

impl Lines {
    /// One more was dropped. Returns how many were since the last line, this one included, if a line is due.
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
