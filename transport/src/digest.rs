//! MD5 digests as SQS computes them, so that sender and receiver can detect damaged messages.
//!
//! The encoding of attributes is that of the SQS Developer Guide, "Calculating the MD5 message digest for message
//! attributes".

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use md5::{Digest, Md5};

use crate::mutant;

/// Whether the body matches SQS's MD5 of the message. The SDK does not check this. A message without a body or
/// without an MD5 cannot be compared and passes; its reader has to refuse it.
#[must_use]
pub fn is_intact(message: &Message) -> bool {
    let (Some(body), Some(expected)) = (message.body(), message.md5_of_body()) else {
        return true;
    };
    if mutant!("digest-not-checked") {
        return true;
    }
    is_md5_of(expected, body)
}

/// Whether the text has this MD5, given as hexadecimal digits of either case.
pub(super) fn is_md5_of(hex: &str, text: &str) -> bool {
    u128::from_str_radix(hex, 16) == Ok(u128::from_be_bytes(Md5::digest(text).into()))
}

/// The digest of attributes; `None` if there are none.
#[doc(hidden)]
#[must_use]
pub fn md5_of_attributes<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a MessageAttributeValue)>,
) -> Option<String> {
    // Sorted by name, byte by byte.
    let sorted: BTreeMap<_, _> = attributes.into_iter().collect();
    if sorted.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    let mut add = |kind: Option<u8>, bytes: &[u8]| {
        digest.update(kind.as_slice());
        // A message has at most 1 MiB, so the length fits.
        digest.update((bytes.len() as u32).to_be_bytes());
        digest.update(bytes);
    };
    for (name, value) in sorted {
        add(None, name.as_bytes());
        add(None, value.data_type().as_bytes());
        match value.binary_value() {
            Some(binary) => add(Some(2), binary.as_ref()),
            None => add(Some(1), value.string_value().unwrap_or_default().as_bytes()),
        }
    }
    Some(hex(&digest.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::Blob;

    use super::*;

    #[test]
    fn md5_matches_the_digits_of_sqs() {
        assert!(is_md5_of(
            "f96b697d7cb7938d525a2f31aaf161d0",
            "message digest"
        ));
        assert!(!is_md5_of(
            "f96b697d7cb7938d525a2f31aaf161d1",
            "message digest"
        ));
        assert!(!is_md5_of("", "message digest"));
    }

    #[test]
    fn a_changed_body_is_noticed() {
        let message = |body: &str| {
            Message::builder()
                .body(body)
                .md5_of_body("5D41402ABC4B2A76B9719D911017C592")
                .build()
        };
        assert!(is_intact(&message("hello")));
        assert!(!is_intact(&message("hallo")));
    }

    #[test]
    fn attributes_are_digested_in_order_of_their_names() {
        let value = MessageAttributeValue::builder();
        let string = value.clone().data_type("String").string_value("a").build();
        let binary = value
            .data_type("Binary")
            .binary_value(Blob::new([1, 2]))
            .build();
        let (string, binary) = (
            ("x".to_owned(), string.unwrap()),
            ("y".to_owned(), binary.unwrap()),
        );
        let encoded = b"\0\0\0\x01x\0\0\0\x06String\x01\0\0\0\x01a\0\0\0\x01y\0\0\0\x06Binary\x02\0\0\0\x02\x01\x02";
        assert_eq!(
            md5_of_attributes([(&binary.0, &binary.1), (&string.0, &string.1)]),
            Some(hex(&Md5::digest(encoded)))
        );
        assert_eq!(md5_of_attributes([]), None);
    }
}
