//! When a lease is renewed.
//!
//! Owns: the times of the attempts. Invariants: there is always a next attempt, however the last one ended. While renewals
//! fail, attempts are about as frequent as successful renewals.

use std::time::Duration;

use sqs_rpc_transport::{Backoff, Moment, Random};

/// The first wait after a failed attempt is a sixteenth of the retention, but at least this.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// SQS acknowledged the renewal, and its time agrees with the stamp.
    Acknowledged,
    /// Anything else: the renewal was refused, its outcome is unknown, or the times disagree.
    Failed,
}

/// The schedule of one host's renewals.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    next: Moment,
    retries: Backoff,
}

impl Heartbeat {
    /// The schedule of a host that was created at `made`. The first renewal is at a random time in the first quarter of the
    /// retention, so that a fleet that starts together does not renew together.
    pub(crate) fn new(made: Moment, retention: Duration, random: &Random) -> Self {
        let least = retention / 20;
        Self {
            next: made + least + random.below(retention / 4 - least),
            retries: retries(retention),
        }
    }

    /// When the next attempt begins.
    pub(crate) const fn next(&self) -> Moment {
        self.next
    }

    /// An attempt that began at `began` has ended at `now`.
    pub(crate) fn ended(
        &mut self,
        outcome: Outcome,
        began: Moment,
        now: Moment,
        retention: Duration,
        random: &Random,
    ) {
        self.next = match outcome {
            Outcome::Acknowledged => {
                self.retries = retries(retention);
                if sqs_rpc_transport::mutant!("renewal-late") {
                    return self.next = began + retention * 2 / 5;
                }
                began + random.jitter(retention / 4)
            }
            Outcome::Failed => now + self.retries.failed(random),
        };
    }
}

fn retries(retention: Duration) -> Backoff {
    Backoff::new((retention / 16).max(FIRST_RETRY), retention / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const R: Duration = Duration::from_secs(300);

    fn at(s: u64) -> Moment {
        Moment::from_start(Duration::from_secs(s))
    }

    #[test]
    fn a_fleet_that_starts_together_renews_evenly() {
        let random = Random::seeded(1);
        let mut renewals = vec![0u32; 40];
        for _ in 0..10_000 {
            let mut heartbeat = Heartbeat::new(at(0), R, &random);
            while heartbeat.next() < at(600) {
                let began = heartbeat.next();
                renewals[began.since_start().as_secs() as usize / 15] += 1;
                heartbeat.ended(Outcome::Acknowledged, began, began, R, &random);
            }
        }
        // 10,000 hosts x 4 / 300 s is 2,000 in 15 s.
        assert!(renewals.iter().all(|n| *n <= 4_000), "{renewals:?}");
        let later: u32 = renewals[20..].iter().sum();
        assert!((38_000..=42_000).contains(&later), "{later}");
    }

    #[test]
    fn renewals_come_every_quarter_of_the_retention_within_a_fifth() {
        let random = Random::seeded(2);
        let mut heartbeat = Heartbeat::new(at(0), R, &random);
        assert!(heartbeat.next() <= at(75));
        for _ in 0..100 {
            heartbeat.ended(Outcome::Acknowledged, at(1_000), at(1_001), R, &random);
            assert!((at(1_060)..=at(1_090)).contains(&heartbeat.next()));
        }
    }

    #[test]
    fn failed_attempts_slow_to_the_normal_rate_and_never_end() {
        let random = Random::seeded(3);
        let mut heartbeat = Heartbeat::new(at(0), R, &random);
        let mut attempts = 0;
        while heartbeat.next() < at(6_000) {
            let began = heartbeat.next();
            heartbeat.ended(Outcome::Failed, began, began, R, &random);
            attempts += 1;
        }
        // Without failures: 80.
        assert!((70..=100).contains(&attempts), "{attempts}");
        heartbeat.ended(Outcome::Acknowledged, at(6_000), at(6_000), R, &random);
        heartbeat.ended(Outcome::Failed, at(6_075), at(6_075), R, &random);
        assert!(
            heartbeat.next() <= at(6_098),
            "a success resets the failures"
        );
    }
}
