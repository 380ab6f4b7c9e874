//! The retention that new leases are written with.
//!
//! Owns: its growth when SQS throttles the tagging of an account. Invariant: it never shrinks, and never leaves its range.

use std::time::Duration;

use sqs_rpc_transport::Moment;

use super::tag::RETENTION;

/// The retention grows when the throttled renewals exceed the successful ones by this number.
const THROTTLED: u32 = 3;

/// The retention of one process, for all its hosts.
#[derive(Debug)]
pub(crate) struct Retention {
    current: Duration,
    grew: Option<Moment>,
    /// The number of throttled renewals minus the number of successful ones, at least 0.
    throttled: u32,
}

impl Retention {
    pub(crate) const fn new(initial: Duration) -> Self {
        Self {
            current: initial,
            grew: None,
            throttled: 0,
        }
    }

    /// The retention for a lease that is written now.
    pub(crate) const fn current(&self) -> Duration {
        self.current
    }

    /// A renewal or creation succeeded.
    pub(crate) const fn renewed(&mut self) {
        self.throttled = self.throttled.saturating_sub(1);
    }

    /// A renewal or creation was throttled. Returns the new retention if it grew. It grows at most once per retention,
    /// because until then throttled calls were scheduled at the old rate.
    pub(crate) fn throttled(&mut self, now: Moment) -> Option<Duration> {
        self.throttled = self.throttled.saturating_add(1);
        let rested = self.grew.is_none_or(|grew| now.since(grew) >= self.current);
        if self.throttled < THROTTLED || !rested || self.current >= *RETENTION.end() {
            return None;
        }
        self.current = (self.current * 2).min(*RETENTION.end());
        self.grew = Some(now);
        self.throttled = 0;
        Some(self.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Moment {
        Moment::from_start(Duration::from_secs(s))
    }

    #[test]
    fn retention_doubles_under_throttling_at_most_once_per_retention() {
        let mut retention = Retention::new(Duration::from_secs(300));
        for s in 0..2 {
            assert_eq!(retention.throttled(at(s)), None);
        }
        assert_eq!(retention.throttled(at(3)), Some(Duration::from_secs(600)));
        for s in 4..603 {
            assert_eq!(retention.throttled(at(s)), None);
        }
        assert_eq!(
            retention.throttled(at(603)),
            Some(Duration::from_secs(1_200))
        );
    }

    #[test]
    fn single_throttled_renewals_do_not_grow_the_retention() {
        let mut retention = Retention::new(Duration::from_secs(300));
        for s in 0..1_000 {
            assert_eq!(retention.throttled(at(s)), None);
            retention.renewed();
        }
    }

    #[test]
    fn retention_grows_to_at_most_twelve_hours() {
        let mut retention = Retention::new(Duration::from_secs(30_000));
        let grown: Vec<_> = (0..100)
            .filter_map(|i| retention.throttled(at(i * 50_000)))
            .collect();
        assert_eq!(grown, [Duration::from_secs(43_200)]);
    }
}
