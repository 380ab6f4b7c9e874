//! The crate's only source of randomness.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};

/// One seeded generator for ids and jitter. Cheap to clone; clones draw from the same sequence.
///
/// Ids made from it are secrets, because anybody who guesses a correlation id could answer the request. The generator
/// is therefore cryptographic, and outside of tests the operating system seeds it.
#[derive(Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    /// A generator seeded by the operating system.
    ///
    /// # Panics
    /// If the operating system returns no random bytes. The standard library's hash maps panic then, too.
    #[must_use]
    pub fn from_os() -> Self {
        let rng =
            StdRng::try_from_rng(&mut SysRng).expect("the operating system gives random bytes");
        Self(Arc::new(Mutex::new(rng)))
    }

    /// A generator whose whole sequence follows from `seed`: for simulations, never for production.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// 64 random bits.
    #[must_use]
    pub fn bits64(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next_u64()
    }

    /// 128 random bits.
    #[must_use]
    pub fn bits128(&self) -> u128 {
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())
    }

    /// A random (version 4) UUID: 122 random bits.
    #[must_use]
    pub fn uuid(&self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.bits128().to_be_bytes()).into_uuid()
    }

    /// `base`, changed by a random amount of at most a fifth, uniformly distributed.
    #[must_use]
    pub fn jitter(&self, base: Duration) -> Duration {
        base.mul_f64(0.8 + 0.4 * self.unit())
    }

    /// A random duration below `longest`, uniformly distributed: processes that began together do not stay in step.
    #[must_use]
    pub fn below(&self, longest: Duration) -> Duration {
        longest.mul_f64(self.unit())
    }

    /// A random number from 0 to 1, without 1.
    fn unit(&self) -> f64 {
        // An f64 holds exactly 53 bits.
        (self.bits64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The state would reveal all future ids.
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_sequence() {
        let draw = |seed| (Random::seeded(seed).bits128(), Random::seeded(seed).uuid());
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(Random::from_os().bits128(), Random::from_os().bits128());
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        let random = Random::seeded(1);
        let base = Duration::from_secs(100);
        let drawn: Vec<_> = (0..1000).map(|_| random.jitter(base)).collect();
        assert!(drawn.iter().all(|d| (80..=120).contains(&d.as_secs())));
        assert!(drawn.iter().any(|d| d.as_secs() < 85) && drawn.iter().any(|d| d.as_secs() > 115));
    }
}
