//! Lower-case hexadecimal of fixed width.
//!
//! Each id has exactly one spelling: no sign, no upper case, no other length. So two texts name the
//! same id only if the texts are equal.

/// Parses exactly `digits` lower-case hex digits; `digits` is at most 32.
pub(crate) fn parse(text: &str, digits: usize) -> Option<u128> {
    debug_assert!(digits <= 32, "a u128 has 32 hex digits");
    let well_formed =
        text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    // `from_str_radix` alone would also accept a sign and upper case.
    well_formed
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

/// [`parse`] of 16 digits.
pub(crate) fn parse_u64(text: &str) -> Option<u64> {
    parse(text, 16).and_then(|bits| u64::try_from(bits).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_of_the_exact_length_is_accepted() {
        assert_eq!(parse("00ff", 4), Some(255));
        for refused in [
            "", "0ff", "000ff", "+0ff", "-0ff", "00FF", "00fg", " 0ff", "é0",
        ] {
            assert_eq!(parse(refused, 4), None, "{refused}");
        }
        assert_eq!(parse(&"f".repeat(32), 32), Some(u128::MAX));
        assert_eq!(parse_u64(&"f".repeat(16)), Some(u64::MAX));
    }
}
