//! The only source of randomness of the simulation.
//!
//! Owns: streams of random numbers. Each stream depends only on the seed and its own name. So the numbers drawn in one place
//! do not depend on how many were drawn in another, and a plan from which items were removed still behaves the same
//! otherwise.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// One stream of random numbers.
#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    /// The stream with this name.
    #[must_use]
    pub fn new(seed: u64, stream: &str) -> Self {
        Self(StdRng::seed_from_u64(derived(seed, stream)))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.random()
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 {
            0
        } else {
            self.0.random_range(0..end)
        }
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Returns `true` with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.0.random::<f64>() < probability
    }

    /// One of `choices`.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let last = choices.len().saturating_sub(1) as u64;
        &choices[self.between(0, last) as usize]
    }

    /// Whole milliseconds from `low` to `high`.
    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// A log-normal latency: half are shorter than `median`, one in a hundred is longer than `p99`. At least 1 ms and in
    /// whole milliseconds, because that is the resolution of the clock.
    pub fn latency(&mut self, median: f64, p99: f64) -> Duration {
        let sigma = (p99 / median).ln() / 2.326;
        let millis = median * (sigma * self.normal()).exp();
        Duration::from_millis((millis.round() as u64).max(1))
    }

    /// A normal random number, by the Box-Muller transform.
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.0.random::<f64>(), self.0.random::<f64>());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

/// The seed of a stream: FNV-1a over the name, starting from the seed.
#[must_use]
pub fn derived(seed: u64, stream: &str) -> u64 {
    let start = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xcbf2_9ce4_8422_2325;
    stream.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_follows_from_seed_and_name() {
        let draw = |seed, name| Dice::new(seed, name).bits();
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }

    #[test]
    fn a_latency_has_its_median_and_its_ninety_ninth_percentile() {
        let mut dice = Dice::new(1, "latency");
        let mut drawn: Vec<_> = (0..10_000)
            .map(|_| dice.latency(60.0, 300.0).as_millis())
            .collect();
        drawn.sort_unstable();
        assert!((57..63).contains(&drawn[5_000]), "{}", drawn[5_000]);
        assert!((270..330).contains(&drawn[9_900]), "{}", drawn[9_900]);
    }
}
