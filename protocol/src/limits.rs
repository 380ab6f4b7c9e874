//! The limits of SQS, checked before a call.
//!
//! Owns the numbers and character rules for all crates of the framework. The texts that this crate itself writes are
//! within the limits by construction. Source of the rules: the SQS API reference, for messages under `SendMessage` and
//! `MessageAttributeValue`, otherwise under the action that a limit names.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use crate::{Excerpt, names};

mod tag;

pub use tag::{MAX_TAG_KEY, MAX_TAG_VALUE, MAX_TAGS, TagError, check_tag};

/// Maximum number of entries in one batch (`SendMessageBatch`, `DeleteMessageBatch`, `ChangeMessageVisibilityBatch`).
pub const MAX_BATCH_ENTRIES: usize = 10;

/// Maximum number of characters in the id of an entry of a batch (`SendMessageBatchRequestEntry`).
pub const MAX_ENTRY_ID: usize = 80;

/// Maximum number of messages that one `ReceiveMessage` returns (`MaxNumberOfMessages`).
pub const MAX_RECEIVED: usize = 10;

/// Maximum number of queues in one answer to `ListQueues`.
pub const MAX_LISTED: usize = 1_000;

/// Maximum wait of one `ReceiveMessage` (`WaitTimeSeconds`).
pub const MAX_POLL_WAIT: Duration = Duration::from_secs(20);

/// Maximum visibility timeout (`ReceiveMessage`, `ChangeMessageVisibility`), and maximum time for which SQS hides a
/// message after one receive, however often the timeout is changed.
///
/// The time counts from the receive that returned the receipt handle: "an Amazon SQS message's visibility timeout has a
/// 12-hour maximum limit from when Amazon SQS receives the ReceiveMessage request" (Developer Guide). A message that is
/// received again has another 12 hours.
pub const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 60 * 60);

/// Maximum delay of a message (`DelaySeconds`).
pub const MAX_DELAY: Duration = Duration::from_secs(15 * 60);

/// Minimum time for which SQS keeps a message (`MessageRetentionPeriod`).
pub const MIN_RETENTION: Duration = Duration::from_secs(60);

/// Maximum time for which SQS keeps a message (`MessageRetentionPeriod`).
pub const MAX_RETENTION: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Maximum number of characters in the name of a queue, with the suffix `.fifo` (`CreateQueue`).
pub const MAX_QUEUE_NAME: usize = 80;

/// Maximum number of characters in a `MessageGroupId` and in a `MessageDeduplicationId`.
pub const MAX_FIFO_ID: usize = 128;

/// The time after its creation from which a queue can be used: "After you create a queue, you must wait at least one
/// second after the queue is created to be able to use the queue" (`CreateQueue`).
///
/// Parts of SQS learn of a new queue at different times, and SQS documents no bound. After this time, too, a call may
/// be answered with `QueueDoesNotExist`. Code that gives something up because a queue is missing therefore waits a
/// multiple of this time: the more it would lose by mistake, the longer.
pub const NEW_QUEUE_WAIT: Duration = Duration::from_secs(1);

/// Maximum number of message attributes on one message, including the protocol's own.
pub const MAX_ATTRIBUTES: usize = 10;

/// Maximum number of message attributes that a user may set on a request or a reply:
/// [`MAX_ATTRIBUTES`] minus the three of the protocol.
pub const MAX_USER_ATTRIBUTES: usize = 7;

/// Maximum number of bytes of one message, and of one batch: 1 MiB. The body counts, and the names,
/// types and values of attributes.
///
/// The queue attribute `MaximumMessageSize` can set a lower limit, down to [`ANY_QUEUE_TAKES_BYTES`].
pub const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// Every queue accepts messages of this number of bytes: the minimum of `MaximumMessageSize` (`SetQueueAttributes`).
pub const ANY_QUEUE_TAKES_BYTES: usize = 1_024;

/// Maximum number of characters in the name of a message attribute.
pub const MAX_ATTRIBUTE_NAME: usize = 256;

/// Checks that SQS accepts this text as a message body.
///
/// The size is not checked here, because attributes count too: see [`message_size`] and
/// [`MAX_MESSAGE_BYTES`].
///
/// # Errors
///
/// [`BodyError`], which gives the position of the error and never shows the text.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::limits::{BodyError, check_body};
///
/// assert_eq!(check_body("hello\n"), Ok(()));
/// assert_eq!(check_body(""), Err(BodyError::Empty));
/// assert_eq!(
///     check_body("a\u{0}b").unwrap_err().to_string(),
///     "character U+0000 at byte 1 is not allowed: SQS accepts U+0009, U+000A, U+000D, U+0020 to U+D7FF, \
///      U+E000 to U+FFFD and U+10000 to U+10FFFF",
/// );
/// ```
pub fn check_body(body: &str) -> Result<(), BodyError> {
    if body.is_empty() {
        return Err(BodyError::Empty);
    }
    // Fast path for nearly every body. Without an early exit the compiler vectorizes the loop.
    let plain = |byte: u8| matches!(byte, b' '..=b'~');
    if body.bytes().fold(true, |all, byte| all & plain(byte)) {
        return Ok(());
    }
    match body.char_indices().find(|(_, c)| !is_allowed(*c)) {
        Some((at, c)) => Err(BodyError::ForbiddenCharacter {
            at,
            code_point: u32::from(c),
        }),
        None => Ok(()),
    }
}

/// Checks that SQS accepts this text as the value of a String attribute. The rules are the same as for
/// a body.
///
/// # Errors
///
/// [`BodyError`], as [`check_body`].
pub fn check_attribute_value(value: &str) -> Result<(), BodyError> {
    check_body(value)
}

/// The longest text of an error reply, in bytes: 1 KiB.
pub const MAX_ERROR_TEXT_BYTES: usize = 1_024;

/// Makes the text of an error reply acceptable to SQS, so that every error code reaches the requester.
///
/// A character that SQS refuses is written as its escape (`\u{1b}`). A text of more than [`MAX_ERROR_TEXT_BYTES`] is
/// cut between two characters or escapes and ends in `…`. An empty text stays empty, and SQS refuses it.
///
/// The function is idempotent.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::limits::{MAX_ERROR_TEXT_BYTES, error_text};
///
/// assert_eq!(error_text("no user ada\u{1b}[0m"), "no user ada\\u{1b}[0m");
/// let cut = error_text(&"é".repeat(1_000)).into_owned();
/// assert!(cut.len() <= MAX_ERROR_TEXT_BYTES && cut.ends_with("é…"));
/// ```
pub fn error_text(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_ERROR_TEXT_BYTES && text.chars().all(is_allowed) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(MAX_ERROR_TEXT_BYTES);
    // Where the text is cut if the rest does not fit.
    let mut cut = 0;
    for c in text.chars() {
        if is_allowed(c) {
            safe.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(safe, "{}", c.escape_unicode());
        }
        if safe.len() > MAX_ERROR_TEXT_BYTES {
            safe.truncate(cut);
            safe.push('…');
            break;
        }
        if safe.len() <= MAX_ERROR_TEXT_BYTES - '…'.len_utf8() {
            cut = safe.len();
        }
    }
    Cow::Owned(safe)
}

/// Checks that SQS accepts this text as the name of a message attribute.
///
/// # Errors
///
/// [`AttributeNameError`]; never [`Reserved`](AttributeNameError::Reserved), see
/// [`check_user_attribute_name`].
pub fn check_attribute_name(name: &str) -> Result<(), AttributeNameError> {
    let refuse = |error: fn(Excerpt) -> AttributeNameError| Err(error(Excerpt::of(name)));
    if name.is_empty() {
        return Err(AttributeNameError::Empty);
    }
    if name.len() > MAX_ATTRIBUTE_NAME {
        return Err(AttributeNameError::TooLong {
            length: name.len(),
            name: Excerpt::of(name),
        });
    }
    if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    {
        return refuse(AttributeNameError::Character);
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return refuse(AttributeNameError::Dot);
    }
    let starts_with = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|p| p.eq_ignore_ascii_case(prefix))
    };
    if starts_with("aws.") || starts_with("amazon.") {
        return refuse(AttributeNameError::AwsPrefix);
    }
    Ok(())
}

/// Checks that a user may set a message attribute of this name: the name passes
/// [`check_attribute_name`] and is not reserved ([`names::is_reserved`]).
///
/// # Errors
///
/// [`AttributeNameError`]: choose another name.
pub fn check_user_attribute_name(name: &str) -> Result<(), AttributeNameError> {
    check_attribute_name(name)?;
    if names::is_reserved(name) {
        return Err(AttributeNameError::Reserved(Excerpt::of(name)));
    }
    Ok(())
}

/// The size of a message in bytes, to compare with [`MAX_MESSAGE_BYTES`]: the body, and the name, data
/// type and value of each message attribute. `attributes` has the value as its number of bytes.
pub fn message_size<'a>(
    body: &str,
    attributes: impl IntoIterator<Item = (&'a str, &'a str, usize)>,
) -> usize {
    let attributes = attributes.into_iter();
    attributes.fold(body.len(), |sum, (name, data_type, value)| {
        [name.len(), data_type.len(), value]
            .into_iter()
            .fold(sum, usize::saturating_add)
    })
}

fn is_allowed(c: char) -> bool {
    // A `char` is never a surrogate, so U+D800 to U+DFFF need no check.
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// A text that SQS refuses as a body or as an attribute's value. The error never shows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The text is empty: SQS accepts at least one character.
    #[error("the text is empty: SQS accepts at least one character")]
    Empty,
    /// A character that XML does not allow.
    #[error(
        "character U+{code_point:04X} at byte {at} is not allowed: SQS accepts U+0009, U+000A, U+000D, U+0020 to U+D7FF, \
         U+E000 to U+FFFD and U+10000 to U+10FFFF"
    )]
    ForbiddenCharacter {
        /// Its offset in bytes.
        at: usize,
        /// Its Unicode code point.
        code_point: u32,
    },
}

/// A name that SQS or the protocol does not allow for a message attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeNameError {
    /// The name is empty.
    #[error("the name of a message attribute is empty: 1 to 256 characters are allowed")]
    Empty,
    /// The name is longer than [`MAX_ATTRIBUTE_NAME`].
    #[error("attribute name {name} has {length} bytes: 1 to 256 characters are allowed")]
    TooLong {
        /// The length of the name in bytes.
        length: usize,
        /// The beginning of the name.
        name: Excerpt,
    },
    /// The name has a character that is not allowed.
    #[error(
        "attribute name {0} has a forbidden character: A-Z, a-z, 0-9, `_`, `-` and `.` are allowed"
    )]
    Character(Excerpt),
    /// The name begins or ends with a dot, or has two dots in a row.
    #[error(
        "attribute name {0} begins or ends with a dot or has two dots in a row, which SQS does not allow"
    )]
    Dot(Excerpt),
    /// The name begins with a prefix that Amazon reserves.
    #[error("attribute name {0} begins with `AWS.` or `Amazon.`, which SQS does not allow")]
    AwsPrefix(Excerpt),
    /// The name is reserved by the protocol ([`names::is_reserved`]).
    #[error(
        "attribute name {0} is reserved: `ResponseQueueUrl` and names that begin with `SqsRpc` or \
         `__AmazonSQS` are not allowed"
    )]
    Reserved(Excerpt),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_edges_of_the_character_set() {
        for allowed in [
            "\t\n\r",
            " ",
            "\u{D7FF}",
            "\u{E000}",
            "\u{FFFD}",
            "\u{10000}",
            "\u{10FFFF}",
        ] {
            assert_eq!(check_body(allowed), Ok(()), "{allowed:?}");
        }
        for refused in [
            "\u{0}", "\u{8}", "\u{B}", "\u{C}", "\u{E}", "\u{1F}", "\u{FFFE}", "\u{FFFF}",
        ] {
            assert!(
                matches!(
                    check_body(&format!("é{refused}")),
                    Err(BodyError::ForbiddenCharacter { at: 2, .. })
                ),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn forbidden_characters_of_an_error_text_are_escaped() {
        assert_eq!(
            error_text("a\u{0}b\u{1b}[0m\u{ffff}é\n"),
            "a\\u{0}b\\u{1b}[0m\\u{ffff}é\n"
        );
        let plain = "x".repeat(MAX_ERROR_TEXT_BYTES);
        assert!(matches!(error_text(&plain), Cow::Borrowed(text) if text == plain));
    }

    #[test]
    fn a_long_error_text_is_cut_between_characters() {
        for piece in ["x", "é", "€", "😀", "\u{0}", "\u{7f}", "x😀\u{fffe}"] {
            let cut = error_text(&piece.repeat(400_000)).into_owned();
            let whole = error_text(piece).into_owned();
            let text = cut.strip_suffix('…').unwrap();
            assert!(
                cut.len() <= MAX_ERROR_TEXT_BYTES && cut.len() > MAX_ERROR_TEXT_BYTES - 20,
                "{piece:?}: {}",
                cut.len()
            );
            assert!(whole.repeat(1_024).starts_with(text), "{piece:?}");
            assert!(!text.ends_with('\\') && !text.ends_with("{f"), "{piece:?}");
        }
    }

    #[test]
    fn attribute_names_are_checked_as_sqs_does() {
        for allowed in [
            "a",
            "a.b-c_D9",
            &"x".repeat(256),
            "AWSx",
            "amazonian.x",
            "-",
        ] {
            assert_eq!(check_attribute_name(allowed), Ok(()), "{allowed}");
        }
        use AttributeNameError as E;
        assert_eq!(check_attribute_name(""), Err(E::Empty));
        assert!(matches!(
            check_attribute_name(&"x".repeat(257)),
            Err(E::TooLong { length: 257, .. })
        ));
        for name in ["a b", "é", "a/b", "a\u{0}"] {
            assert!(
                matches!(check_attribute_name(name), Err(E::Character(_))),
                "{name}"
            );
        }
        for name in [".a", "a.", "a..b", "."] {
            assert!(
                matches!(check_attribute_name(name), Err(E::Dot(_))),
                "{name}"
            );
        }
        for name in ["AWS.x", "aws.x", "Amazon.x", "aMaZoN.x"] {
            assert!(
                matches!(check_attribute_name(name), Err(E::AwsPrefix(_))),
                "{name}"
            );
        }
        assert!(matches!(
            check_user_attribute_name(names::HEADER),
            Err(E::Reserved(_))
        ));
        assert_eq!(check_user_attribute_name("tenant"), Ok(()));
    }

    #[test]
    fn message_size_counts_names_types_and_values() {
        assert_eq!(
            message_size("body", [("ab", "String", 1), ("d", "Binary.x", 2)]),
            4 + (2 + 6 + 1) + (1 + 8 + 2)
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = check_body(&text);
            let _ = check_user_attribute_name(&text);
        }

        #[test]
        fn sqs_accepts_every_error_text(text in any::<String>(), times in 1..2_000_usize) {
            let text = text.repeat(times);
            let safe = error_text(&text);
            prop_assert!(safe.len() <= MAX_ERROR_TEXT_BYTES);
            prop_assert!(text.is_empty() || check_body(&safe).is_ok());
            prop_assert_eq!(error_text(&safe), safe.clone());
        }
    }
}
