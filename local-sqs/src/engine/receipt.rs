//! Receipt handles: each identifies a queue, a message, and a receive of this message.
//!
//! Invariant: a handle identifies the same receive forever. Its numbers are never reused, so a stale handle finds
//! nothing, and never another message.

use super::message::Number;
use aws_smithy_types::base64;

/// The contents of a receipt handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    /// The queue's number: a queue that is deleted and created again has another number.
    pub(super) queue: u64,
    pub(super) message: Number,
    pub(super) generation: u32,
}

/// Real handles begin with the same text.
const PREFIX: &str = "AQEB";

impl Receipt {
    pub(super) fn encode(self) -> String {
        let mut bytes = [0; 28];
        bytes[..8].copy_from_slice(&self.queue.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.message.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.generation.to_be_bytes());
        let check = check(&bytes[..20]);
        bytes[20..].copy_from_slice(&check.to_be_bytes());
        format!("{PREFIX}{}", base64::encode(bytes))
    }

    /// `None` if this crate did not make the handle.
    pub(super) fn decode(handle: &str) -> Option<Self> {
        let bytes: [u8; 28] = base64::decode(handle.strip_prefix(PREFIX)?)
            .ok()?
            .try_into()
            .ok()?;
        let (fields, sum) = bytes.split_at(20);
        if check(fields).to_be_bytes() != sum {
            return None;
        }
        Some(Self {
            queue: u64::from_be_bytes(fields[..8].try_into().ok()?),
            message: u64::from_be_bytes(fields[8..16].try_into().ok()?),
            generation: u32::from_be_bytes(fields[16..].try_into().ok()?),
        })
    }
}

/// FNV-1a: it finds accidental errors, not forgeries, which do not matter here.
fn check(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_handle_round_trips(queue: u64, message: u64, generation: u32) {
            let receipt = Receipt { queue, message, generation };
            prop_assert_eq!(Receipt::decode(&receipt.encode()), Some(receipt));
        }

        #[test]
        fn any_text_is_refused_or_read_without_a_panic(text: String) {
            prop_assert_eq!(Receipt::decode(&text), None);
            prop_assert_eq!(Receipt::decode(&format!("{PREFIX}{text}")), None);
        }
    }
}
