//! The rules for the contents of messages.
//!
//! Checks a sent message by itself: characters, attributes, length. The limits are from the Developer Guide, "Amazon SQS
//! message quotas" and "Message attribute components".

use super::SqsError;
use super::api::MessageAttribute;
use super::error::ErrorKind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Attributes by name.
pub(super) type Attributes = BTreeMap<Arc<str>, MessageAttribute>;

const MOST_ATTRIBUTES: usize = 10;
const LONGEST_NAME: usize = 256;

/// Checks the body's characters; SQS accepts the characters of XML 1.0.
pub(super) fn check_body(body: &str) -> Result<(), SqsError> {
    if body.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        // Fast path: most bodies are printable ASCII, and this check costs a tenth of the other one.
        return Ok(());
    }
    let forbidden = |c: &char| matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    match body.chars().find(forbidden) {
        None => Ok(()),
        Some(c) => Err(SqsError::new(
            ErrorKind::InvalidMessageContents,
            format!(
                "Invalid binary character '#x{:X}' was found in the message body, the set of allowed characters is \
                 #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
                u32::from(c)
            ),
        )),
    }
}

/// Checks the caller's attributes.
pub(super) fn check_attributes(attributes: &Attributes) -> Result<(), SqsError> {
    if attributes.len() > MOST_ATTRIBUTES {
        return Err(SqsError::invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MOST_ATTRIBUTES}].",
            attributes.len()
        )));
    }
    attributes.iter().try_for_each(|(name, value)| {
        check_name(name)?;
        check_value(name, value)
    })
}

/// Checks the system attributes of a send, and returns the trace header, if any.
pub(super) fn trace_header(attributes: &Attributes) -> Result<Option<Arc<str>>, SqsError> {
    for (name, value) in attributes {
        if &**name != "AWSTraceHeader" {
            return Err(SqsError::invalid(format!(
                "Message system attribute name '{name}' is invalid. The only allowed one is AWSTraceHeader."
            )));
        }
        check_value(name, value)?;
        if value.data_type.as_deref() != Some("String") {
            return Err(SqsError::invalid(
                "The data type of message system attribute 'AWSTraceHeader' must be String.",
            ));
        }
    }
    Ok(attributes
        .values()
        .find_map(|value| value.string_value.clone()))
}

/// The length that counts for the limits: the body, and names, types and values of the attributes.
pub(super) fn length(body: &str, attributes: &Attributes) -> usize {
    let of_value = |value: &MessageAttribute| {
        value.data_type.as_deref().map_or(0, str::len)
            + value.string_value.as_deref().map_or(0, str::len)
            + value.binary_value.as_ref().map_or(0, |bytes| bytes.0.len())
    };
    body.len()
        + attributes
            .iter()
            .map(|(name, value)| name.len() + of_value(value))
            .sum::<usize>()
}

/// Checks an id from the caller: of a group, of a message for de-duplication, or of an attempt.
pub(super) fn check_id(id: &str, parameter: &str) -> Result<(), SqsError> {
    let allowed = |byte: u8| byte.is_ascii_graphic();
    if id.is_empty() || id.len() > 128 || !id.bytes().all(allowed) {
        let reason = format!(
            "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        );
        return Err(SqsError::invalid_value(id, parameter, &reason));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), SqsError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(SqsError::invalid(
            "Length of message attribute name must be between 1 and 256 bytes.",
        ));
    }
    if !name.bytes().all(allowed) {
        return Err(SqsError::invalid(format!(
            "Invalid non-alphanumeric character was found in the message attribute name '{name}'. Can only include alphanumeric characters, hyphens, underscores, or dots."
        )));
    }
    let starts_with = |prefix: &str| {
        let head = name.get(..prefix.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    if starts_with("aws.") || starts_with("amazon.") {
        return Err(SqsError::invalid(format!(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.': '{name}'."
        )));
    }
    if name.starts_with('.')
        || name.ends_with('.')
        || name.as_bytes().windows(2).any(|two| two == b"..")
    {
        return Err(SqsError::invalid(format!(
            "Message attribute name '{name}' can not start, end, or have successive '.' characters."
        )));
    }
    Ok(())
}

fn check_value(name: &str, value: &MessageAttribute) -> Result<(), SqsError> {
    if value.string_list_values.is_some() || value.binary_list_values.is_some() {
        return Err(SqsError::new(
            ErrorKind::UnsupportedOperation,
            "Message attribute list values in SendMessage operation are not supported.",
        ));
    }
    let Some(data_type) = value.data_type.as_deref().filter(|text| !text.is_empty()) else {
        return Err(SqsError::invalid(format!(
            "The message attribute '{name}' must contain non-empty message attribute type."
        )));
    };
    let base = data_type.split('.').next().unwrap_or_default();
    if data_type.len() > LONGEST_NAME {
        return Err(SqsError::invalid(format!(
            "The type of message attribute '{name}' is longer than {LONGEST_NAME} bytes."
        )));
    }
    let text = value
        .string_value
        .as_deref()
        .filter(|text| !text.is_empty());
    let bytes = value
        .binary_value
        .as_ref()
        .filter(|bytes| !bytes.0.is_empty());
    let filled = match base {
        "String" | "Number" => text.is_some() && value.binary_value.is_none(),
        "Binary" => bytes.is_some() && value.string_value.is_none(),
        _ => {
            return Err(SqsError::invalid(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type \
                 prefixes is Binary, Number, and String."
            )));
        }
    };
    if base == "String" && value.string_value.as_deref() == Some("") {
        return Err(SqsError::invalid(format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type 'String'."
        )));
    }
    if !filled {
        return Err(SqsError::invalid(format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{base}'."
        )));
    }
    if base == "Number" && !text.is_some_and(is_number) {
        return Err(SqsError::invalid(format!(
            "Can't cast the value of message (user) attribute '{name}' to a number."
        )));
    }
    text.map_or(Ok(()), check_body)
}

/// Whether the text is a number with up to 38 digits, between 10^-128 and 10^+126.
fn is_number(text: &str) -> bool {
    let digits = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = digits.bytes().filter(u8::is_ascii_digit).count();
    let finite = text.parse::<f64>().is_ok_and(|number| {
        number.is_finite() && (number == 0.0 || (1e-128..=1e126).contains(&number.abs()))
    });
    finite && (1..=38).contains(&digits)
}

#[cfg(test)]
mod tests {
    use super::super::api::Blob;
    use super::*;

    fn string(data_type: &str, value: &str) -> MessageAttribute {
        MessageAttribute {
            data_type: Some(data_type.into()),
            string_value: Some(value.into()),
            ..MessageAttribute::default()
        }
    }

    fn one(name: &str, value: MessageAttribute) -> Attributes {
        Attributes::from([(name.into(), value)])
    }

    #[test]
    fn a_body_may_have_the_characters_of_xml() {
        for ok in [
            "\t\n\r",
            " ~",
            "\u{d7ff}\u{e000}\u{fffd}",
            "\u{10000}\u{10ffff}",
            "\u{7f}",
        ] {
            assert_eq!(check_body(ok), Ok(()), "{ok:?}");
        }
        for bad in ["\0", "\x08", "\x0b", "\x1f", "\u{fffe}", "\u{ffff}"] {
            let error = check_body(bad).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidMessageContents);
        }
    }

    #[test]
    fn a_message_has_at_most_ten_attributes() {
        let named = |count: u32| {
            (0..count)
                .map(|i| (format!("a{i}").into(), string("String", "x")))
                .collect()
        };
        assert_eq!(check_attributes(&named(10)), Ok(()));
        assert!(check_attributes(&named(11)).is_err());
    }

    #[test]
    fn names_of_attributes_are_checked() {
        let longest = "n".repeat(256);
        for name in ["a", "a.b-c_9", "AWSx", longest.as_str()] {
            assert_eq!(
                check_attributes(&one(name, string("String", "x"))),
                Ok(()),
                "{name}"
            );
        }
        let too_long = "n".repeat(257);
        for name in [
            "",
            ".a",
            "a.",
            "a..b",
            "a b",
            "é",
            "AWS.x",
            "amazon.x",
            too_long.as_str(),
        ] {
            assert!(
                check_attributes(&one(name, string("String", "x"))).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn types_and_values_of_attributes_are_checked() {
        let bytes = |bytes: &[u8]| MessageAttribute {
            data_type: Some("Binary".into()),
            binary_value: Some(Blob(bytes.into())),
            ..MessageAttribute::default()
        };
        for ok in [
            string("String", "x"),
            string("String.json", "x"),
            string("Number", "-1.5e3"),
            bytes(&[0]),
        ] {
            assert_eq!(check_attributes(&one("a", ok)), Ok(()));
        }
        for bad in [
            string("", "x"),
            string("String", ""),
            string("Text", "x"),
            string("Number", "one"),
            string("Number", "NaN"),
            string("Number", "1e127"),
            string("Binary", "x"),
            string("String", "\0"),
            bytes(&[]),
            MessageAttribute {
                string_value: Some("x".into()),
                ..MessageAttribute::default()
            },
            MessageAttribute {
                string_list_values: Some(vec![]),
                ..string("String", "x")
            },
        ] {
            assert!(check_attributes(&one("a", bad.clone())).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_types_and_values_of_attributes_count() {
        assert_eq!(
            length("body", &one("name", string("String", "value"))),
            4 + 4 + 6 + 5
        );
    }

    #[test]
    fn only_the_trace_header_is_accepted_as_system_attribute() {
        let header = trace_header(&one("AWSTraceHeader", string("String", "Root=1")));
        assert_eq!(header, Ok(Some("Root=1".into())));
        assert!(trace_header(&one("Other", string("String", "x"))).is_err());
        assert!(trace_header(&one("AWSTraceHeader", string("Number", "1"))).is_err());
    }
}
