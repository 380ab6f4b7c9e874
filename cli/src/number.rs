//! Numbers on the command line. Each has bounds, and errors show the bounds.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Reads a whole or fractional number within the bounds.
pub(crate) fn within<T>(text: &str, allowed: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| allowed.contains(number));
    let (least, most) = (allowed.start(), allowed.end());
    number.ok_or_else(|| format!("expected a number from {least} to {most}, found {text:?}"))
}

/// The seed of random decisions: any 64-bit number.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    within(text, 0..=u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_bounds_and_the_text_found() {
        assert_eq!(within("3", 1..=3), Ok(3));
        assert_eq!(within("0.5", 0.5..=1.0), Ok(0.5));
        for text in ["0", "4", "", "x", "-1", "1.5", "99999999999999999999999"] {
            let expected = format!("expected a number from 1 to 3, found {text:?}");
            assert_eq!(within(text, 1..=3), Err(expected));
        }
        for text in ["NaN", "inf", "1e300", "0.4"] {
            assert!(within(text, 0.5..=1.0).is_err(), "{text}");
        }
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        assert!(seed("18446744073709551616").is_err());
    }
}
