//! The codes of error replies.
//!
//! Owns the syntax and the codes that the framework itself sends. Does not own the message beside
//! the code, which is the body of the reply. Invariant: a code is 1 to 64 characters of
//! `[a-z0-9_.-]`, and so is safe in a log or a label.

use crate::{Excerpt, text::parsed_text};
use std::borrow::Cow;

/// The longest code, in characters.
const MAX_CHARS: usize = 64;

/// Says what went wrong at the responder, for a program to act on: 1 to 64 characters of
/// `[a-z0-9_.-]`.
///
/// Users make their own, with [`from_static`](Self::from_static) or [`parse`](Self::parse); a dot
/// keeps families apart (`login.unknown_user`). Of the constants, the framework itself sends all but
/// [`OVERLOADED`](Self::OVERLOADED) and [`SHUTTING_DOWN`](Self::SHUTTING_DOWN), which are for services.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::ErrorCode;
///
/// const UNKNOWN_USER: ErrorCode = ErrorCode::from_static("login.unknown_user");
/// assert_eq!(ErrorCode::parse("login.unknown_user")?, UNKNOWN_USER);
/// assert!(ErrorCode::parse("Not A Code").is_err());
/// # Ok::<(), sqs_rpc_protocol::ErrorCodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(Cow<'static, str>);

impl ErrorCode {
    /// The handler failed and said no more, or it panicked. A caller cannot tell which, on purpose:
    /// the details are in the responder's log.
    pub const INTERNAL: Self = Self::from_static("internal");
    /// The request was understood as a message, but the handler's arguments could not be made from
    /// it.
    pub const BAD_REQUEST: Self = Self::from_static("bad_request");
    /// The request was handled, and its reply is too large for SQS. It is not handled again.
    pub const REPLY_TOO_LARGE: Self = Self::from_static("reply_too_large");
    /// The handler did not end within its time limit and was cut off. It may have had some effect.
    pub const EXPIRED: Self = Self::from_static("expired");
    /// The request's idempotency key was used before by a request with another body, content type or
    /// operation, or by another caller. The request was not handled.
    pub const IDEMPOTENCY_KEY_REUSED: Self = Self::from_static("idempotency_key_reused");
    /// The service has no room for the request, which was not handled. Sent by services, never by the
    /// framework: a responder receives no more requests than it has room for.
    pub const OVERLOADED: Self = Self::from_static("overloaded");
    /// The service is shutting down, and the request was not handled. Sent by services, never by the
    /// framework: a responder that shuts down gives its requests back to the queue.
    pub const SHUTTING_DOWN: Self = Self::from_static("shutting_down");

    /// A code from a literal, checked when the program is compiled if it initialises a constant.
    ///
    /// # Panics
    ///
    /// If it is no code. Use [`parse`](Self::parse) for anything but a literal.
    pub const fn from_static(code: &'static str) -> Self {
        assert!(
            is_code(code),
            "an error code is 1 to 64 characters of [a-z0-9_.-]"
        );
        Self(Cow::Borrowed(code))
    }

    /// Reads a code.
    ///
    /// # Errors
    ///
    /// [`ErrorCodeError`] if it is empty, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, ErrorCodeError> {
        if is_code(text) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(ErrorCodeError {
                found: Excerpt::of(text),
            })
        }
    }

    /// The code's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the code alone says that the same request may succeed a little later, and was not handled:
    /// [`OVERLOADED`](Self::OVERLOADED) and [`SHUTTING_DOWN`](Self::SHUTTING_DOWN). A reply can say so with any code:
    /// [`ReplyHeader::is_retryable`](crate::ReplyHeader::is_retryable).
    pub fn is_retryable(&self) -> bool {
        *self == Self::OVERLOADED || *self == Self::SHUTTING_DOWN
    }
}

parsed_text!(ErrorCode, ErrorCodeError);

const fn is_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_CHARS {
        return false;
    }
    // A `for` loop is not const.
    let mut i = 0;
    while i < bytes.len() {
        if !matches!(bytes[i], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-') {
            return false;
        }
        i += 1;
    }
    true
}

/// A text that is no [`ErrorCode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found} is not an error code: 1 to 64 characters of a-z, 0-9, `_`, `.` and `-` are allowed"
)]
#[non_exhaustive]
pub struct ErrorCodeError {
    /// What was found instead.
    pub found: Excerpt,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(text in "[a-z0-9_.-]{1,64}") {
            let code = ErrorCode::parse(&text).unwrap();
            prop_assert_eq!(code.as_str(), &text);
            prop_assert_eq!(code.to_string().parse::<ErrorCode>(), Ok(code));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = ErrorCode::parse(&text);
        }
    }

    #[test]
    fn a_static_code_equals_a_parsed_one() {
        assert_eq!(ErrorCode::parse("internal").unwrap(), ErrorCode::INTERNAL);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "Internal", "a b", "a\n", "é", &"x".repeat(65)] {
            assert!(ErrorCode::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_was_not_handled_is_retryable() {
        assert!(ErrorCode::OVERLOADED.is_retryable() && ErrorCode::SHUTTING_DOWN.is_retryable());
        for code in [
            ErrorCode::INTERNAL,
            ErrorCode::BAD_REQUEST,
            ErrorCode::REPLY_TOO_LARGE,
            ErrorCode::EXPIRED,
            ErrorCode::IDEMPOTENCY_KEY_REUSED,
        ] {
            assert!(!code.is_retryable(), "{code}");
        }
    }
}
