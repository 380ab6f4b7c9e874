//! The hash function of the tables of names and hosts.

use std::hash::BuildHasher;

/// A keyed hash. A peer that chooses names cannot make them collide, because the keys are only in this process's
/// memory. Hashing a short text costs a fraction of what the standard library's hash costs.
pub type Keyed = ahash::RandomState;

/// Random keys, taken from the standard library's `RandomState`, so that no other source of randomness is needed.
#[must_use]
pub fn keyed() -> Keyed {
    let standard = std::hash::RandomState::new();
    let [a, b, c, d] = [0_u8, 1, 2, 3].map(|which| standard.hash_one(which));
    Keyed::with_seeds(a, b, c, d)
}
