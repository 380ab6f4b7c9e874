//! Durations as people write them: `500ms`, `30s`, `2m`, `1h`.

use std::time::Duration;

/// Reads a whole number with a unit. None without: `--timeout 30` could be anything.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let unit_at = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" if !number.is_empty() => {
            return Err(format!(
                "which unit? say {number}s or {number}ms, for instance"
            ));
        }
        _ => {
            return Err(
                "a whole number and one of ms, s, m and h is expected, such as 30s".to_owned(),
            );
        }
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a whole number is expected, such as 30s".to_owned())?;
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .ok_or_else(|| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read() {
        let read = |text| parse(text).unwrap();
        assert_eq!(read("500ms"), Duration::from_millis(500));
        assert_eq!(read("30s"), Duration::from_secs(30));
        assert_eq!(read("2m"), Duration::from_secs(120));
        assert_eq!(read("1h"), Duration::from_secs(3_600));
        assert_eq!(read("0s"), Duration::ZERO);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "1.5s",
            "-1s",
            "30 s",
            "30S",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
            "é",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse("30").unwrap_err().contains("30s"));
    }
}
