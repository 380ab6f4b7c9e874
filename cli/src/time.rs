//! Times on the command line: `500ms`, `30s`, `1h 30m`.

use std::time::Duration;

/// Reads a time. A number without a unit is ambiguous, so it is refused.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| {
        format!("expected a time such as 500ms, 30s or 1h 30m, found {text:?}: {error}")
    })
}

/// Reads a time with an upper bound.
pub(crate) fn up_to(text: &str, most: Duration) -> Result<Duration, String> {
    let time = parse(text)?;
    if time > most {
        let most = humantime::format_duration(most);
        return Err(format!("expected a time of at most {most}, found {text:?}"));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_have_a_bound() {
        let most = Duration::from_secs(60);
        assert_eq!(up_to("1m", most), Ok(most));
        assert_eq!(
            up_to("1h", most),
            Err("expected a time of at most 1m, found \"1h\"".to_owned())
        );
        assert!(up_to("60", most).is_err());
    }

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
