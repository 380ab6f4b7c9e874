//! The codes of error replies.
//!
//! Owns the syntax and the codes that the framework itself sends. Does not own the error message, which
//! is the body of the reply. Invariant: a code is 1 to 64 characters of `[a-z0-9_.-]`, so it is safe in
//! logs and metric labels.

use crate::{Excerpt, text::parsed_text};
use std::borrow::Cow;

/// The longest code, in characters.
const MAX_CHARS: usize = 64;

/// A machine-readable error of the responder: 1 to 64 characters of `[a-z0-9_.-]`.
///
/// Users define their own codes with [`from_static`](Self::from_static) or [`parse`](Self::parse); a dot
/// separates families (`login.unknown_user`). The framework itself sends all of the constants except
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
    /// The handler failed without giving an error code, or it panicked. The reply hides on purpose which of
    /// the two happened; the details are in the responder's log.
    pub const INTERNAL: Self = Self::from_static("internal");
    /// The message is a valid request, but the handler's arguments could not be parsed from it.
    pub const BAD_REQUEST: Self = Self::from_static("bad_request");
    /// The request was handled, but its reply is too large for SQS. The request is not handled again.
    pub const REPLY_TOO_LARGE: Self = Self::from_static("reply_too_large");
    /// The handler did not finish within its time limit and was stopped. It may have had effects.
    pub const EXPIRED: Self = Self::from_static("expired");
    /// An earlier request used the same idempotency key with another body, content type or operation, or
    /// came from another caller. The request was not handled.
    pub const IDEMPOTENCY_KEY_REUSED: Self = Self::from_static("idempotency_key_reused");
    /// The service is overloaded and did not handle the request. Sent by services, never by the framework:
    /// a responder receives only as many requests as it has free slots.
    pub const OVERLOADED: Self = Self::from_static("overloaded");
    /// The service is shutting down and did not handle the request. Sent by services, never by the
    /// framework: a responder that shuts down puts its requests back into the queue.
    pub const SHUTTING_DOWN: Self = Self::from_static("shutting_down");

    /// A code from a literal. In a constant, the check runs at compile time.
    ///
    /// # Panics
    ///
    /// If the literal is not a valid code. Use [`parse`](Self::parse) for anything but a literal.
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

    /// Whether the code alone means that the request was not handled and may succeed a little later:
    /// [`OVERLOADED`](Self::OVERLOADED) and [`SHUTTING_DOWN`](Self::SHUTTING_DOWN). A reply can mark any other code as
    /// retryable, too: [`ReplyHeader::is_retryable`](crate::ReplyHeader::is_retryable).
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

/// A text that is not an [`ErrorCode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} is not an error code: expected 1 to 64 characters of a-z, 0-9, `_`, `.` and `-`")]
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
    fn only_codes_of_unhandled_requests_are_retryable() {
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
