//! Parts of a prefix: the names whose UUID begins with certain hex digits.
//!
//! ListQueues returns at most 1,000 names, and does not tell whether there are more. With one more digit in the prefix, it
//! returns about a sixteenth of the names.

use std::fmt;

/// The number of digits before the first dash of a UUID.
pub(super) const MOST_DIGITS: u32 = 8;
/// One more than the highest place.
pub(super) const END: u64 = 1 << 32;

/// The hosts whose UUID begins with the same `digits` hex digits as `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// The lowest place in this part.
    pub(super) first: u64,
    pub(super) digits: u32,
}

impl Part {
    /// The part with this number of digits that contains a place.
    pub(super) const fn around(place: u64, digits: u32) -> Self {
        let size = END >> (4 * digits);
        Self {
            first: place / size * size,
            digits,
        }
    }

    /// One more than the highest place in this part.
    pub(super) const fn end(self) -> u64 {
        self.first + (END >> (4 * self.digits))
    }

    pub(super) const fn contains(self, place: u64) -> bool {
        self.first <= place && place < self.end()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = format!("{:08x}", self.first);
        f.write_str(&all[..self.digits as usize])
    }
}

/// The place of a UUID in the ring: the number that its first eight hex digits form.
pub(super) fn place(uuid: &str) -> u64 {
    uuid.get(..MOST_DIGITS as usize)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_by_digits() {
        let place = place("0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a");
        assert_eq!(Part::around(place, 0).to_string(), "");
        assert_eq!(Part::around(place, 2).to_string(), "0b");
        assert_eq!(Part::around(place, 8).to_string(), "0b3f9a52");
        assert_eq!(Part::around(place, 0).end(), END);
        assert_eq!(Part::around(END - 1, 3).to_string(), "fff");
    }

    proptest! {
        #[test]
        fn parts_of_one_size_cover_the_ring_without_a_gap(place in 0..END, digits in 0..=MOST_DIGITS) {
            let part = Part::around(place, digits);
            prop_assert!(part.contains(place));
            prop_assert!(!part.contains(part.end()));
            if part.end() < END {
                prop_assert_eq!(Part::around(part.end(), digits).first, part.end());
            }
            let uuid = format!("{place:08x}-6d1e-4c55-9a35-1e5f0c3c2b1a");
            prop_assert!(uuid.starts_with(&part.to_string()));
        }
    }
}
