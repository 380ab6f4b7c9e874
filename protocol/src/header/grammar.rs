//! The grammar of the fields after version and kind: `name=value`, separated by `;`, with
//! percent-encoded values.
//!
//! Owns the syntax, not the meaning of any field. Invariant: field names are unique.

use super::error::{FieldError, HeaderError};
use super::format::{HeaderKind, MAX_FIELDS, MAX_HEADER_BYTES, VERSION};
use crate::Excerpt;
use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

const MAX_NAME: usize = 16;
/// Most headers are shorter than this initial capacity, so the text is not reallocated while it grows.
const USUAL_BYTES: usize = 128;

/// The fields of one header, with values still encoded.
#[derive(Debug)]
pub(super) struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    /// Splits the text after version and kind; `None` if nothing follows them.
    pub(super) fn parse(text: Option<&'a str>) -> Result<Self, HeaderError> {
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for field in text.into_iter().flat_map(|text| text.split(';')) {
            let (name, value) = field
                .split_once('=')
                .filter(|(name, _)| is_name(name))
                .ok_or_else(|| HeaderError::Syntax {
                    found: Excerpt::of(field),
                })?;
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(HeaderError::Duplicate {
                    name: Excerpt::of(name),
                });
            }
            if fields.len() == MAX_FIELDS {
                return Err(HeaderError::TooManyFields);
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// The value of a field, decoded and parsed.
    pub(super) fn read<T, E: Into<FieldError>>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, HeaderError> {
        let Some((_, raw)) = self.0.iter().find(|(other, _)| *other == name) else {
            return Ok(None);
        };
        let value = decode(raw).ok_or_else(|| FieldError::Encoding {
            found: Excerpt::of(raw),
        });
        value
            .and_then(|value| parse(&value).map_err(Into::into))
            .map(Some)
            .map_err(|source| HeaderError::Field { name, source })
    }

    /// The value of a required field.
    pub(super) fn require<T, E: Into<FieldError>>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, HeaderError> {
        self.read(name, parse)?.ok_or(HeaderError::Missing { name })
    }

    /// The decoded value of a field; `None` also if the encoding is malformed.
    pub(super) fn read_lenient(&self, name: &'static str) -> Option<Cow<'a, str>> {
        self.0
            .iter()
            .find(|(other, _)| *other == name)
            .and_then(|(_, raw)| decode(raw))
    }
}

/// Builds the text of a header.
#[derive(Debug)]
pub(super) struct Writer(String);

impl Writer {
    pub(super) fn new(kind: HeaderKind) -> Self {
        let mut text = String::with_capacity(USUAL_BYTES);
        // Writing to a String cannot fail.
        let _ = write!(text, "{VERSION};{}", kind.as_str());
        Self(text)
    }

    /// Adds a field, if there is a value.
    pub(super) fn field(mut self, name: &'static str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            self.0.push(';');
            self.0.push_str(name);
            self.0.push('=');
            // Writing to a String cannot fail, and the Display of the values does not.
            let _ = write!(Encoder(&mut self.0), "{value}");
        }
        self
    }

    pub(super) fn finish(self) -> String {
        debug_assert!(
            self.0.len() <= MAX_HEADER_BYTES,
            "the bounds of the values keep a header short"
        );
        self.0
    }
}

/// Parses a decimal number without sign and leading zeros, so that a number has one spelling.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

/// [`decimal`], as the parser of a field.
pub(super) fn number(text: &str) -> Result<u64, FieldError> {
    decimal(text).ok_or_else(|| FieldError::Number {
        found: Excerpt::of(text),
    })
}

/// `1` or `0`, as the parser of a field.
pub(super) fn flag(text: &str) -> Result<bool, FieldError> {
    match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(FieldError::Flag {
            found: Excerpt::of(text),
        }),
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
}

/// Bytes that are not encoded: printable ASCII except the separator and the escape character.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b';' | b'%')
}

/// Percent-encodes the text that is written to it.
struct Encoder<'a>(&'a mut String);

impl fmt::Write for Encoder<'_> {
    fn write_str(&mut self, value: &str) -> fmt::Result {
        let mut rest = value;
        while let Some(first) = rest.bytes().position(|byte| !is_plain(byte)) {
            // The first byte that is not plain is always the beginning of a character.
            let end = first + rest[first..].chars().next().map_or(1, char::len_utf8);
            self.0.push_str(&rest[..first]);
            for byte in rest[first..end].bytes() {
                write!(self.0, "%{byte:02X}")?;
            }
            rest = &rest[end..];
        }
        self.0.push_str(rest);
        Ok(())
    }
}

fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if raw.bytes().all(is_plain) {
        return Some(Cow::Borrowed(raw));
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            plain if is_plain(plain) => plain,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(value: &str) -> String {
        let mut text = String::new();
        write!(Encoder(&mut text), "{value}").unwrap();
        text
    }

    #[test]
    fn only_characters_that_are_not_plain_are_encoded() {
        assert_eq!(encoded("a=b/c,d+e"), "a=b/c,d+e");
        assert_eq!(encoded("a;b%c d\né"), "a%3Bb%25c%20d%0A%C3%A9");
    }

    #[test]
    fn bad_encodings_are_refused() {
        for raw in ["%", "%4", "%4x", "a b", "é", "%FF", "%C3", "a\n", "%+1"] {
            assert_eq!(decode(raw), None, "{raw}");
        }
        assert_eq!(decode("%c3%A9").as_deref(), Some("é"));
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for text in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            "1.0",
            "1 ",
            "18446744073709551616",
            "٣",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    #[test]
    fn fields_are_bounded_and_unique() {
        let many = |n: usize| {
            (0..n)
                .map(|i| format!("f{i}="))
                .collect::<Vec<_>>()
                .join(";")
        };
        assert!(Fields::parse(Some(&many(MAX_FIELDS))).is_ok());
        assert_eq!(
            Fields::parse(Some(&many(MAX_FIELDS + 1))).unwrap_err(),
            HeaderError::TooManyFields
        );
        assert!(matches!(
            Fields::parse(Some("a=1;b=2;a=1")).unwrap_err(),
            HeaderError::Duplicate { .. }
        ));
        for text in [
            ";",
            "a",
            "a=1;",
            "=1",
            "A=1",
            "a b=1",
            "abcdefghijklmnopq=1",
        ] {
            assert!(
                matches!(
                    Fields::parse(Some(text)).unwrap_err(),
                    HeaderError::Syntax { .. }
                ),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn encoding_round_trips(value in any::<String>()) {
            let text = encoded(&value);
            prop_assert!(text.bytes().all(is_plain_or_percent));
            let decoded = decode(&text);
            prop_assert_eq!(decoded.as_deref(), Some(value.as_str()));
        }

        #[test]
        fn decoding_never_panics(raw in any::<String>()) {
            let _ = decode(&raw);
            let _ = Fields::parse(Some(&raw));
        }
    }

    fn is_plain_or_percent(byte: u8) -> bool {
        is_plain(byte) || byte == b'%'
    }
}
