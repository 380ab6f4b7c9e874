//! The header fields whose texts users choose: idempotency key, operation, content type.
//!
//! Owns their rules. Invariant: each value is bounded, so that a header with all of them is never too
//! long.

use super::FieldError;
use crate::{Excerpt, text::parsed_text};
use std::sync::Arc;

/// The longest of these values, in bytes.
const MAX_BYTES: usize = 128;

/// Marks requests that mean the same, so that a responder answers the second like the first. A key
/// belongs to one body, content type, operation and caller: a responder refuses a different request
/// with the same key (`idempotency_key_reused`).
///
/// 1 to 128 bytes of UTF-8 without control characters. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Arc<str>);

/// One of several operations of a service. Reserved: the framework carries the operation and uses it
/// only as the scope of an idempotency key.
///
/// 1 to 128 characters of `[A-Za-z0-9_.:/-]`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(Arc<str>);

/// The type of the body, as in HTTP: `application/json`.
///
/// 1 to 128 printable ASCII characters with no space at either end. Carried, not interpreted.
/// Cheap to clone.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::ContentType;
///
/// assert_eq!(ContentType::json().as_str(), "application/json");
/// assert!(ContentType::parse("text/plain; charset=utf-8")?.is_text());
/// # Ok::<(), sqs_rpc_protocol::FieldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentType(Arc<str>);

impl IdempotencyKey {
    /// Reads a key.
    ///
    /// # Errors
    ///
    /// [`FieldError::IdempotencyKey`] if the text is empty, too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        if is_bounded(text) && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(FieldError::IdempotencyKey {
                found: Excerpt::of(text),
            })
        }
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Operation {
    /// Reads an operation.
    ///
    /// # Errors
    ///
    /// [`FieldError::Operation`] if the text is empty, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let is_allowed =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'/' | b'-');
        if is_bounded(text) && text.bytes().all(is_allowed) {
            Ok(Self(text.into()))
        } else {
            Err(FieldError::Operation {
                found: Excerpt::of(text),
            })
        }
    }

    /// The operation's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ContentType {
    /// Reads a content type.
    ///
    /// # Errors
    ///
    /// [`FieldError::ContentType`] if the text is empty, too long, has other characters, or has a space
    /// at either end.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let is_allowed = |b: u8| b == b' ' || b.is_ascii_graphic();
        if is_bounded(text) && text.trim_ascii() == text && text.bytes().all(is_allowed) {
            Ok(Self(text.into()))
        } else {
            Err(FieldError::ContentType {
                found: Excerpt::of(text),
            })
        }
    }

    /// `application/json`.
    pub fn json() -> Self {
        Self("application/json".into())
    }

    /// `text/plain`: a message for people, as in error replies.
    pub fn text() -> Self {
        Self("text/plain".into())
    }

    /// The content type's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the type is `application/json` or ends in `+json`; parameters do not matter.
    pub fn is_json(&self) -> bool {
        let essence = self.essence();
        let ends_in = |end: &str| {
            let start = essence.len().checked_sub(end.len());
            start
                .and_then(|start| essence.get(start..))
                .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
        };
        essence.eq_ignore_ascii_case("application/json") || ends_in("+json")
    }

    /// Whether the type is `text/plain`; parameters do not matter.
    pub fn is_text(&self) -> bool {
        self.essence().eq_ignore_ascii_case("text/plain")
    }

    /// The type without its parameters.
    fn essence(&self) -> &str {
        self.0
            .split_once(';')
            .map_or(&*self.0, |(essence, _)| essence)
            .trim_ascii_end()
    }
}

parsed_text!(IdempotencyKey, FieldError);
parsed_text!(Operation, FieldError);
parsed_text!(ContentType, FieldError);

fn is_bounded(text: &str) -> bool {
    (1..=MAX_BYTES).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_and_characters_are_checked() {
        let long = "x".repeat(MAX_BYTES + 1);
        for text in ["", "a\nb", "a\u{7f}", &long] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text}");
            assert!(Operation::parse(text).is_err(), "{text}");
            assert!(ContentType::parse(text).is_err(), "{text}");
        }
        assert!(IdempotencyKey::parse("order 4711; é").is_ok());
        assert!(Operation::parse("users:login/v2").is_ok() && Operation::parse("a b").is_err());
        for text in [" a", "a ", "é"] {
            assert!(ContentType::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_is_recognized() {
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
            "a/b+JSON ;x",
        ] {
            assert!(ContentType::parse(json).unwrap().is_json(), "{json}");
        }
        for other in [
            "text/plain",
            "application/jsonx",
            "json",
            "+jso",
            "text/plain; a=+json",
        ] {
            assert!(!ContentType::parse(other).unwrap().is_json(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = IdempotencyKey::parse(&text);
            let _ = Operation::parse(&text);
            let _ = ContentType::parse(&text).map(|ct| ct.is_json());
        }
    }
}
