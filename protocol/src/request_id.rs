//! The id of one request.
//!
//! Owns the text of the id. Does not make the random bits: the caller passes them. Invariant: one id
//! has one spelling.

use crate::{Excerpt, hex, text::parsed_id};
use std::fmt;

/// Names one request, on both sides and in logs.
///
/// 128 random bits, written as 32 lower-case hex digits. A retried send keeps the id. A request that
/// the user makes again has a new id; an [idempotency key](crate::IdempotencyKey) shows that the two
/// requests are the same.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::RequestId;
///
/// let id = RequestId::from_bits(0xab);
/// assert_eq!(id.to_string(), "000000000000000000000000000000ab");
/// assert_eq!(id.to_string().parse::<RequestId>()?, id);
/// # Ok::<(), sqs_rpc_protocol::RequestIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u128);

impl RequestId {
    /// The id made of these 128 random bits.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits that the id was made from.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Reads 32 lower-case hex digits.
    ///
    /// # Errors
    ///
    /// [`RequestIdError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, RequestIdError> {
        hex::parse(text, 32)
            .map(Self)
            .ok_or_else(|| RequestIdError {
                found: Excerpt::of(text),
            })
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

parsed_id!(RequestId, RequestIdError);

/// A text that is not a [`RequestId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} is not a request id: expected 32 lower-case hex digits")]
#[non_exhaustive]
pub struct RequestIdError {
    /// What was found instead.
    pub found: Excerpt,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(bits: u128) {
            let id = RequestId::from_bits(bits);
            prop_assert_eq!(RequestId::parse(&id.to_string()), Ok(id));
            prop_assert_eq!(id.bits(), bits);
        }

        #[test]
        fn an_accepted_text_is_written_the_same_again(text in "\\PC{0,40}|[0-9a-fA-F]{30,34}") {
            if let Ok(id) = RequestId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn the_error_has_the_text_found_and_the_expected_form() {
        assert_eq!(
            RequestId::parse("XY").unwrap_err().to_string(),
            "\"XY\" is not a request id: expected 32 lower-case hex digits"
        );
    }
}
