//! The name of a virtual queue.
//!
//! Owns the syntax of the name. Names are unique only within one host queue, and the host assigns them.

use crate::{Excerpt, limits::MAX_QUEUE_NAME, text::parsed_text};
use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The longest name, in characters.
const MAX_CHARS: usize = MAX_QUEUE_NAME;

/// The name of a virtual queue: 1 to 80 characters of `[A-Za-z0-9_-]`.
///
/// Cheap to clone. A name identifies a virtual queue only together with its host queue, as a
/// [`VirtualQueueUrl`](crate::VirtualQueueUrl).
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::VirtualQueueName;
///
/// assert_eq!(VirtualQueueName::parse("replies_1")?.as_str(), "replies_1");
/// assert!(VirtualQueueName::parse("no spaces").is_err());
/// # Ok::<(), sqs_rpc_protocol::VirtualQueueNameError>(())
/// ```
#[derive(Clone)]
pub struct VirtualQueueName {
    /// The name, or the whole URL that ends in the name: a `VirtualQueueUrl` stores one text for both.
    text: Arc<str>,
    /// The offset of the name in `text`.
    start: u16,
}

impl VirtualQueueName {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`VirtualQueueNameError`] if the text is empty, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, VirtualQueueNameError> {
        Self::check(text).map(|()| Self::new_unchecked(text))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.text[usize::from(self.start)..]
    }

    /// Checks the syntax of a name.
    pub(super) fn check(text: &str) -> Result<(), VirtualQueueNameError> {
        let fits = (1..=MAX_CHARS).contains(&text.len());
        // The loop checks all bytes, even after a bad byte: without an early exit the compiler vectorizes the loop.
        if fits
            && text
                .bytes()
                .fold(true, |good, byte| good & is_name_byte(byte))
        {
            Ok(())
        } else {
            Err(VirtualQueueNameError {
                found: Excerpt::of(text),
            })
        }
    }

    /// Makes a name from a text that is known to be valid.
    pub(crate) fn new_unchecked(name: &str) -> Self {
        debug_assert!(Self::check(name).is_ok());
        Self {
            text: name.into(),
            start: 0,
        }
    }

    /// The name at the end of a URL that is known to be valid.
    pub(super) fn at_end_of(url: Arc<str>, start: u16) -> Self {
        debug_assert!(Self::check(&url[usize::from(start)..]).is_ok());
        Self { text: url, start }
    }

    /// The whole text, for the URL that the name is a part of.
    pub(super) fn whole_text(&self) -> &str {
        &self.text
    }
}

/// Whether the byte is allowed in the names of real and virtual queues.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

// Compares only the name, because the text may be a whole URL.
impl PartialEq for VirtualQueueName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for VirtualQueueName {}

impl PartialOrd for VirtualQueueName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VirtualQueueName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for VirtualQueueName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// Hash and order are the same as of the `str`, so a map with names as keys can be searched with a `&str`.
impl std::borrow::Borrow<str> for VirtualQueueName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

parsed_text!(VirtualQueueName, VirtualQueueNameError);

impl fmt::Debug for VirtualQueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtualQueueName({self})")
    }
}

/// A text that is not a [`VirtualQueueName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found} is not the name of a virtual queue: expected 1 to 80 characters of A-Z, a-z, 0-9, `_` and `-`"
)]
#[non_exhaustive]
pub struct VirtualQueueNameError {
    /// What was found instead.
    pub found: Excerpt,
}

#[cfg(test)]
mod tests {
    use super::super::{VirtualQueueUrl, arbitrary};
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn lengths_and_characters_are_checked() {
        for name in ["a", "-", "_", &"x".repeat(80)] {
            assert!(VirtualQueueName::parse(name).is_ok(), "{name}");
        }
        for name in ["", "a.fifo", "a#b", "a b", "é", "a\0", &"x".repeat(81)] {
            assert!(VirtualQueueName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_from_a_url_equals_the_name_alone() {
        let url = VirtualQueueUrl::parse("http://localhost:9324/000000000000/host#name").unwrap();
        let alone = VirtualQueueName::parse("name").unwrap();
        assert_eq!(*url.name(), alone);
        let set = HashSet::from([url.name().clone()]);
        assert!(set.contains(&alone) && set.contains("name"));
    }

    proptest! {
        #[test]
        fn round_trips(name in arbitrary::name()) {
            prop_assert_eq!(VirtualQueueName::parse(name.as_str()), Ok(name));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = VirtualQueueName::parse(&text);
        }
    }
}
