//! The id that ties a reply to its request.
//!
//! Owns the form of the id. Does not own the table of pending requests, and does not make the random
//! bits: the caller passes them. Invariant: a correlation id is a valid [`VirtualQueueName`] and has one
//! spelling.

use crate::{Excerpt, VirtualQueueName, hex, text::parsed_id};
use std::fmt;

const PREFIX_DIGITS: usize = 16;
const RANDOM_DIGITS: usize = 32;

/// Ties a reply to its request: it *is* the name of the virtual queue that the reply is sent to.
///
/// Written as the [`ProcessPrefix`] (16 hex digits), a dash, and 128 random bits (32 hex digits),
/// all lower case. The random part prevents others from guessing the address of a reply. By the prefix
/// a process recognizes replies to another process that uses the same host queue by mistake.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::{CorrelationId, ProcessPrefix};
///
/// let process = ProcessPrefix::from_bits(0x1234);
/// let id = CorrelationId::new(process, 0xff);
/// assert_eq!(id.to_string(), "0000000000001234-000000000000000000000000000000ff");
/// assert!(id.is_from(process));
/// assert_eq!(CorrelationId::from_name(&id.to_name()), Some(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationId {
    prefix: ProcessPrefix,
    random: u128,
}

/// The first part of all correlation ids of one process: 64 random bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessPrefix(u64);

impl CorrelationId {
    /// The id made of a process's prefix and 128 bits. Draw new random bits for each request.
    pub const fn new(prefix: ProcessPrefix, random: u128) -> Self {
        Self { prefix, random }
    }

    /// Reads the id from the name of a virtual queue. `None` if the name has another form: the queue of a
    /// user or of a Java requester.
    pub fn from_name(name: &VirtualQueueName) -> Option<Self> {
        Self::from_text(name.as_str())
    }

    /// Reads an id.
    ///
    /// # Errors
    ///
    /// [`CorrelationIdError`] if it has another form.
    pub fn parse(text: &str) -> Result<Self, CorrelationIdError> {
        Self::from_text(text).ok_or_else(|| CorrelationIdError {
            found: Excerpt::of(text),
        })
    }

    /// The prefix of the process that made the id.
    pub const fn prefix(self) -> ProcessPrefix {
        self.prefix
    }

    /// The bits after the prefix.
    pub const fn random_bits(self) -> u128 {
        self.random
    }

    /// Whether the process with this prefix made the id.
    pub fn is_from(self, process: ProcessPrefix) -> bool {
        self.prefix == process
    }

    /// The id as the name of a virtual queue.
    pub fn to_name(self) -> VirtualQueueName {
        VirtualQueueName::new_unchecked(&self.to_string())
    }

    fn from_text(text: &str) -> Option<Self> {
        let (prefix, random) = text.split_once('-')?;
        Some(Self {
            prefix: ProcessPrefix(hex::parse_u64(prefix)?),
            random: hex::parse(random, RANDOM_DIGITS)?,
        })
    }
}

impl ProcessPrefix {
    /// The prefix made of these 64 random bits. Draw them once, when a requester starts.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits that the prefix was made from.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl From<CorrelationId> for VirtualQueueName {
    fn from(id: CorrelationId) -> Self {
        id.to_name()
    }
}

impl TryFrom<&VirtualQueueName> for CorrelationId {
    type Error = CorrelationIdError;

    fn try_from(name: &VirtualQueueName) -> Result<Self, Self::Error> {
        Self::parse(name.as_str())
    }
}

parsed_id!(CorrelationId, CorrelationIdError);

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{:0width$x}",
            self.prefix,
            self.random,
            width = RANDOM_DIGITS
        )
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CorrelationId({self})")
    }
}

impl fmt::Display for ProcessPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.0, width = PREFIX_DIGITS)
    }
}

impl fmt::Debug for ProcessPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessPrefix({self})")
    }
}

/// A text that is not a [`CorrelationId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found} is not a correlation id: expected 16 lower-case hex digits, a dash and 32 lower-case hex digits"
)]
#[non_exhaustive]
pub struct CorrelationIdError {
    /// What was found instead.
    pub found: Excerpt,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips_as_text_and_as_name(prefix: u64, random: u128) {
            let id = CorrelationId::new(ProcessPrefix::from_bits(prefix), random);
            prop_assert_eq!(CorrelationId::parse(&id.to_string()), Ok(id));
            prop_assert_eq!(CorrelationId::from_name(&id.to_name()), Some(id));
            // `to_name` does not check the name, so this test does.
            prop_assert_eq!(VirtualQueueName::parse(&id.to_string()), Ok(id.to_name()));
        }

        #[test]
        fn an_accepted_text_is_written_the_same_again(text in "\\PC{0,60}|[0-9a-f]{15,17}-[0-9a-f]{31,33}") {
            if let Ok(id) = CorrelationId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn names_of_other_queues_are_no_correlation_ids() {
        let java = VirtualQueueName::parse(
            "__RequesterClientQueues__0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a",
        )
        .unwrap();
        assert_eq!(CorrelationId::from_name(&java), None);
    }

    #[test]
    fn the_prefix_of_another_process_is_recognized() {
        let id = CorrelationId::new(ProcessPrefix::from_bits(1), 5);
        assert!(!id.is_from(ProcessPrefix::from_bits(2)));
    }
}
