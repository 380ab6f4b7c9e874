//! How long to wait after a failure.

use std::time::Duration;

use super::Random;

/// Exponential back-off with jitter, as a state machine: each failure says how long to wait, a success forgets them.
///
/// For loops that never give up (polls, heartbeats). An SDK call's own retries are the SDK's.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    factor: u32,
    failures: u32,
}

impl Backoff {
    /// Waits `first` after one failure and doubles with each further one, up to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            factor: 2,
            failures: 0,
        }
    }

    /// Multiplies each wait with `factor` instead of doubling it.
    #[must_use]
    pub const fn growing_by(self, factor: u32) -> Self {
        Self { factor, ..self }
    }

    /// Notes a failure and returns how long to wait: within a fifth of the grown time.
    pub fn failed(&mut self, random: &Random) -> Duration {
        let grown = self
            .first
            .saturating_mul(self.factor.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        random.jitter(grown.min(self.longest))
    }

    /// Notes a success: the next failure waits for the first, short time.
    pub fn succeeded(&mut self) {
        self.failures = 0;
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
    fn waits_double_up_to_the_longest_and_start_over_after_a_success() {
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
