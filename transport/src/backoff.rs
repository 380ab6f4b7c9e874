//! The time to wait after a failure.

use std::time::Duration;

use crate::mutant;

use super::{Moment, Random};

/// Exponential back-off with jitter, as a state machine: each failure returns the time to wait, and a success resets
/// the count.
///
/// For loops that never give up (polls, heartbeats). The SDK retries single calls by itself.
///
/// Calls that are in flight together and fail together count as one failure, because one moment of throttling fails
/// all of them. An owner with several calls in flight notes their failures with [`failed_call`](Self::failed_call).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sqs_rpc_transport::{Backoff, Moment, Random};
///
/// let random = Random::seeded(1);
/// let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(36));
/// let start = Moment::from_start(Duration::from_secs(1));
/// let now = start + Duration::from_millis(20);
/// let next = backoff.failed_call(start, now, &random);
/// assert!(next.since(now) <= Duration::from_millis(240));
/// // Seven more calls were in flight when the first one failed.
/// for _ in 0..7 {
///     assert_eq!(backoff.failed_call(start, now, &random), next);
/// }
/// assert_eq!(backoff.failures(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    factor: u32,
    failures: u32,
    /// When the last counted failure was noted, and when the wait after it ends. Written by
    /// [`failed_call`](Self::failed_call) only; cleared by a success.
    last: Option<Step>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    at: Moment,
    until: Moment,
}

impl Backoff {
    /// Waits `first` after one failure and doubles the wait with each further failure, up to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            factor: 2,
            failures: 0,
            last: None,
        }
    }

    /// Multiplies each wait by `factor` instead of doubling it.
    #[must_use]
    pub const fn growing_by(self, factor: u32) -> Self {
        Self { factor, ..self }
    }

    /// Notes a failure and returns the time to wait, with a jitter of at most a fifth.
    pub fn failed(&mut self, random: &Random) -> Duration {
        let grown = self
            .first
            .saturating_mul(self.factor.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        random.jitter(grown.min(self.longest))
    }

    /// Notes the failure of a call that began at `started`, while other calls may be in flight. Returns when the next
    /// call may begin, with a jitter of at most a fifth of the wait.
    ///
    /// A call that began before the last counted failure does not count again, because both may have failed for the
    /// same reason. The current wait then stays unchanged, even if it has already ended.
    pub fn failed_call(&mut self, started: Moment, now: Moment, random: &Random) -> Moment {
        if let Some(last) = self.last
            && started <= last.at
            && !mutant!("each-failure-counts")
        {
            return last.until;
        }
        let until = now + self.failed(random);
        self.last = Some(Step { at: now, until });
        until
    }

    /// Notes a success: the wait after the next failure is the first, shortest wait.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.last = None;
    }

    /// Failures since the last success.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_restart_after_success() {
        let random = Random::seeded(1);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(20));
        let waits: Vec<_> = (0..40).map(|_| backoff.failed(&random)).collect();
        for (i, wait) in waits.iter().enumerate() {
            let base = (100 * 2u64.pow(i.min(20) as u32)).min(20_000);
            assert!(
                wait.as_millis() as u64 >= base * 4 / 5 && wait.as_millis() as u64 <= base * 6 / 5,
                "{i}: {wait:?}"
            );
        }
        backoff.succeeded();
        assert!(backoff.failed(&random) <= Duration::from_millis(120));
    }

    #[test]
    fn calls_that_fail_together_are_one_failure() {
        let random = Random::seeded(1);
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(36));
        let at = |millis| Moment::from_start(Duration::from_millis(millis));
        let first = backoff.failed_call(at(0), at(20), &random);
        assert!((at(180)..=at(260)).contains(&first), "{first:?}");
        // The other calls began before the first failure, so they do not count, however late they fail.
        for (started, now) in [(0, 20), (10, 25), (20, 20_000)] {
            assert_eq!(backoff.failed_call(at(started), at(now), &random), first);
        }
        assert_eq!(backoff.failures(), 1);
        // The next call is a new attempt, so its failure counts.
        let second = backoff
            .failed_call(at(300), at(320), &random)
            .since(at(320));
        assert!(second >= Duration::from_millis(320), "{second:?}");
        backoff.succeeded();
        let anew = backoff
            .failed_call(at(310), at(330), &random)
            .since(at(330));
        assert!(anew <= Duration::from_millis(240), "{anew:?}");
    }

    #[test]
    fn waits_may_grow_faster() {
        let random = Random::seeded(1);
        let mut backoff =
            Backoff::new(Duration::from_secs(1), Duration::from_secs(36)).growing_by(3);
        let waits: Vec<_> = (0..5)
            .map(|_| backoff.failed(&random).as_secs_f64())
            .collect();
        for (wait, base) in waits.iter().zip([1.0, 3.0, 9.0, 27.0, 36.0]) {
            assert!((wait / base - 1.0).abs() <= 0.2, "{waits:?}");
        }
    }
}
