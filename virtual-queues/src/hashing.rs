//! How the tables of names and of hosts hash.

use std::hash::BuildHasher;

/// Hashes that nobody foretells who does not know the process's memory, so that whoever chooses names cannot make them
/// collide. For short texts they cost a fraction of the standard library's.
pub(crate) type Keyed = ahash::RandomState;

/// New keys, from the standard library's: there is no other source of chance.
pub(crate) fn keyed() -> Keyed {
    let standard = std::hash::RandomState::new();
    let [a, b, c, d] = [0_u8, 1, 2, 3].map(|which| standard.hash_one(which));
    Keyed::with_seeds(a, b, c, d)
}
