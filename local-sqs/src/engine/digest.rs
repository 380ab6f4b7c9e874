//! MD5 digests as SQS computes them, so that a client can detect changes on the way.
//!
//! The encoding of attributes is from the SQS Developer Guide, "Calculating the MD5 message digest for message
//! attributes".

use super::api::MessageAttribute;
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The digest of a body, in hexadecimal digits.
pub(crate) fn md5_of(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// The digest of attributes; `None` without attributes.
pub(crate) fn md5_of_attributes<'a, I>(attributes: I) -> Option<String>
where
    I: IntoIterator<Item = (&'a Arc<str>, &'a MessageAttribute)>,
{
    // In order of their names, compared byte by byte.
    let sorted: BTreeMap<_, _> = attributes.into_iter().collect();
    if sorted.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in sorted {
        add(&mut digest, name.as_bytes());
        add(
            &mut digest,
            attribute
                .data_type
                .as_deref()
                .unwrap_or_default()
                .as_bytes(),
        );
        match &attribute.binary_value {
            Some(bytes) => {
                digest.update([2]);
                add(&mut digest, &bytes.0);
            }
            None => {
                digest.update([1]);
                add(
                    &mut digest,
                    attribute
                        .string_value
                        .as_deref()
                        .unwrap_or_default()
                        .as_bytes(),
                );
            }
        }
    }
    Some(hex(&digest.finalize()))
}

fn add(digest: &mut Md5, bytes: &[u8]) {
    digest.update((bytes.len() as u32).to_be_bytes());
    digest.update(bytes);
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::api::Blob;
    use super::*;

    #[test]
    fn a_body_is_digested_as_rfc_1321_says() {
        assert_eq!(
            md5_of(b"message digest"),
            "f96b697d7cb7938d525a2f31aaf161d0"
        );
    }

    #[test]
    fn attributes_are_digested_in_order_of_their_names() {
        let string = MessageAttribute {
            data_type: Some("String".into()),
            string_value: Some("a".into()),
            ..MessageAttribute::default()
        };
        let binary = MessageAttribute {
            data_type: Some("Binary".into()),
            binary_value: Some(Blob([1, 2].as_slice().into())),
            ..MessageAttribute::default()
        };
        let (x, y): (Arc<str>, Arc<str>) = ("x".into(), "y".into());
        let encoded = b"\0\0\0\x01x\0\0\0\x06String\x01\0\0\0\x01a\0\0\0\x01y\0\0\0\x06Binary\x02\0\0\0\x02\x01\x02";
        assert_eq!(
            md5_of_attributes([(&y, &binary), (&x, &string)]),
            Some(md5_of(encoded))
        );
        assert_eq!(md5_of_attributes([]), None);
    }
}
