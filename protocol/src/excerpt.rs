//! A piece of foreign text that is safe to put into an error or a log line.
//!
//! Invariant: an excerpt is printable ASCII (besides the mark `…`) and has a bounded length, whatever
//! the original text is.

use std::fmt;

/// The number of characters that are kept; a longer text ends with the mark `…`.
const MAX_CHARS: usize = 96;

/// The beginning of a refused value, printable and of bounded length.
///
/// Characters other than printable ASCII are shown as `?`, and text after the first 96 characters
/// as `…`. In a URL, everything before an `@` and everything after a `?` is left out, because both
/// may contain secrets.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::HostQueueUrl;
///
/// let error = HostQueueUrl::parse("https://user:secret@example.com/\u{202e}x").unwrap_err();
/// assert_eq!(error.url().as_str(), "…@example.com/?x");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Excerpt(Box<str>);

impl Excerpt {
    /// The beginning of `text`.
    pub fn of(text: &str) -> Self {
        let mut kept = String::with_capacity(text.len().min(MAX_CHARS + 3));
        Self::push_clean(&mut kept, text);
        Self(kept.into())
    }

    /// The beginning of `url`, without the parts that may be secrets.
    pub(crate) fn of_url(url: &str) -> Self {
        let mut kept = String::new();
        // No queue URL contains an `@`, so everything before an `@` may be part of a password.
        let rest = match url.rsplit_once('@') {
            Some((_, rest)) => {
                kept.push_str("…@");
                rest
            }
            None => url,
        };
        match rest.split_once('?') {
            Some((path, _)) => {
                Self::push_clean(&mut kept, path);
                kept.push_str("?…");
            }
            None => Self::push_clean(&mut kept, rest),
        }
        Self(kept.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn push_clean(kept: &mut String, text: &str) {
        let mut chars = text.chars();
        kept.extend(chars.by_ref().take(MAX_CHARS).map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else {
                '?'
            }
        }));
        if chars.next().is_some() {
            kept.push('…');
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_and_unprintable_text_is_cut_and_cleaned() {
        assert_eq!(Excerpt::of("a\u{0}\u{202e}é").as_str(), "a???");
        assert_eq!(
            Excerpt::of(&"x".repeat(5_000)).as_str().chars().count(),
            MAX_CHARS + 1
        );
        assert_eq!(
            Excerpt::of(&"x".repeat(MAX_CHARS)).as_str().len(),
            MAX_CHARS
        );
    }

    #[test]
    fn secrets_of_a_url_are_left_out() {
        for url in [
            "https://u:s3cret@h/1",
            "https://u:s3/cr?et@h/1",
            "https://h/1?token=s3cret",
            "https://h/?s3@x?s3",
        ] {
            assert!(!Excerpt::of_url(url).as_str().contains("s3"), "{url}");
        }
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_printable(text in any::<String>()) {
            for excerpt in [Excerpt::of(&text), Excerpt::of_url(&text)] {
                prop_assert!(excerpt.as_str().chars().count() <= MAX_CHARS + 5);
                prop_assert!(excerpt.as_str().chars().all(|c| c == ' ' || c == '…' || c.is_ascii_graphic()));
            }
        }
    }
}
