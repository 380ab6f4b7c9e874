//! Random decisions.

use super::{Date, Latency};
use crate::engine::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::f64::consts::TAU;
use std::time::Duration;

/// The number of standard deviations between the median and the 99th percentile of a normal distribution.
const DEVIATIONS_TO_P99: f64 = 2.326;

/// A seeded source of random decisions.
#[derive(Debug)]
pub(crate) struct Chance {
    rng: StdRng,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        // A different stream than the ids, which use the seed itself.
        Self {
            rng: StdRng::seed_from_u64(seed ^ 0x9e37_79b9_7f4a_7c15),
        }
    }

    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.random::<f64>() < probability
    }

    pub(crate) fn sample(&mut self, latency: Latency) -> Duration {
        match latency {
            Latency::None => Duration::ZERO,
            Latency::Fixed(duration) => duration,
            Latency::Spread { median, p99 } => {
                let spread =
                    (p99.as_secs_f64() / median.as_secs_f64()).max(1.0).ln() / DEVIATIONS_TO_P99;
                let factor = (spread * self.normal()).exp();
                Duration::try_from_secs_f64(median.as_secs_f64() * factor).unwrap_or(median)
            }
        }
    }

    /// A random number between zero and `most`, both included.
    pub(crate) fn up_to(&mut self, most: usize) -> usize {
        self.rng.random_range(0..=most)
    }

    pub(crate) fn duration_up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.rng.random::<f64>())
    }

    /// A count with a random relative error of at most `part`.
    pub(crate) fn approximate(&mut self, count: usize, part: f64) -> usize {
        if part <= 0.0 {
            return count;
        }
        let error = part.min(1.0) * self.rng.random_range(-1.0..=1.0);
        (count as f64 * (1.0 + error)).round() as usize
    }

    pub(crate) fn date(&mut self, date: Date, now: Timestamp) -> Option<Timestamp> {
        match date {
            Date::Exact => Some(now),
            Date::Ahead(by) => Some(now.plus(by)),
            Date::Behind(by) => Some(now.minus(by)),
            Date::Wavering(most) => {
                let by = self.duration_up_to(most);
                Some(if self.happens(0.5) {
                    now.plus(by)
                } else {
                    now.minus(by)
                })
            }
            Date::Absent => None,
        }
    }

    /// A value from the standard normal distribution, by the Box-Muller method.
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.rng.random::<f64>(), self.rng.random::<f64>());
        (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_median_and_its_ninety_ninth_percentile() {
        let mut chance = Chance::new(1);
        let mut drawn: Vec<_> = (0..20_000)
            .map(|_| chance.sample(Latency::aws_call()).as_secs_f64() * 1000.0)
            .collect();
        drawn.sort_by(f64::total_cmp);
        assert!(
            (5.8..6.2).contains(&drawn[10_000]),
            "median {}",
            drawn[10_000]
        );
        assert!(
            (28.0..32.0).contains(&drawn[19_800]),
            "99th percentile {}",
            drawn[19_800]
        );
    }

    #[test]
    fn nothing_happens_at_zero_and_everything_at_one() {
        let mut chance = Chance::new(2);
        assert!((0..1000).all(|_| chance.happens(1.0) && !chance.happens(0.0)));
        assert_eq!(chance.approximate(7, 0.0), 7);
        assert!((0..1000).all(|_| (90..=110).contains(&chance.approximate(100, 0.1))));
    }

    #[test]
    fn the_same_seed_draws_the_same_values() {
        let draw = |seed| Chance::new(seed).sample(Latency::aws_call());
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
