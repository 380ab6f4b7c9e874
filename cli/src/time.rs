//! Times as people write them: `500ms`, `30s`, `1h 30m`.

use std::time::Duration;

/// Reads a time. A number without a unit could be anything, so it is refused.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| {
        format!("expected a time such as 500ms, 30s or 1h 30m, found {text:?}: {error}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_needs_a_unit() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5_400)));
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "30S",
            "99999999999999999999s",
            "\u{e9}",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(&format!("found {text:?}")), "{error}");
        }
    }
}
