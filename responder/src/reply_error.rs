//! [`ReplyError`]: how a handler reports a failure.
//!
//! Owns: the part of a failure that the requester may see. Invariant: of an error that was not made for the requester,
//! only the code `internal` and a fixed message leave the process.

use std::error::Error;
use std::fmt;

use sqs_rpc_protocol::ErrorCode;

use crate::Reply;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The message of an error that was not made for the requester.
const INTERNAL_MESSAGE: &str = "the request could not be handled";

/// Why a request was not handled.
///
/// `?` converts any [`Error`] into a `ReplyError` with the code [`internal`](ErrorCode::INTERNAL) and a fixed message;
/// the error's own text goes to the log only. To show the requester a code and a message, use [`new`](Self::new).
///
/// `ReplyError` does not implement [`Error`] itself, because then `?` could not convert every error into it.
///
/// # Examples
///
/// ```
/// use sqs_responder::{ErrorCode, ReplyError};
///
/// const UNKNOWN_USER: ErrorCode = ErrorCode::from_static("login.unknown_user");
///
/// fn find(user: &str) -> Result<u32, ReplyError> {
///     match user {
///         "ada" => Ok("1815".parse()?), // were this to fail, the requester would see `internal`
///         _ => Err(ReplyError::new(UNKNOWN_USER, "there is no such user")),
///     }
/// }
///
/// assert_eq!(find("ada").ok(), Some(1815));
/// assert_eq!(find("bob").unwrap_err().code(), &UNKNOWN_USER);
/// let hidden = ReplyError::from(std::io::Error::other("disk 7 is full"));
/// assert_eq!(hidden.message(), "the request could not be handled");
/// ```
pub struct ReplyError {
    code: ErrorCode,
    message: String,
    source: Option<BoxError>,
    undecodable: bool,
    retryable: bool,
}

impl ReplyError {
    /// Makes an error that the requester may see: a code for programs, a message for people.
    ///
    /// Any message is allowed: see [`Reply::error`] for how a message that SQS would refuse is changed.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            source: None,
            undecodable: false,
            retryable: false,
        }
    }

    /// Makes an error for a request that cannot be decoded. The message, which the requester may see, says why.
    ///
    /// Implementations of [`FromRequest`](crate::FromRequest) return it. The requester gets an error reply with code
    /// [`bad_request`](ErrorCode::BAD_REQUEST), and the request is deleted. If that reply cannot be sent, or with
    /// [`keep_undecodable`](crate::ResponderBuilder::keep_undecodable), the request stays for the dead-letter queue.
    #[must_use]
    pub fn undecodable(message: impl Into<String>) -> Self {
        Self {
            undecodable: true,
            ..Self::new(ErrorCode::BAD_REQUEST, message)
        }
    }

    /// Makes an error whose text the requester may not see, from an [`Error`] or a string. `?` does the same.
    #[must_use]
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::new(ErrorCode::INTERNAL, INTERNAL_MESSAGE).with_source(source)
    }

    /// States that the same request may succeed later, whatever the code: for example, because the database is busy. The
    /// requester's `RequestError::is_retryable` then returns true. The error is not kept under an idempotency key, so a
    /// retry with the key is handled again.
    ///
    /// # Examples
    ///
    /// ```
    /// use sqs_responder::{ErrorCode, ReplyError};
    ///
    /// let error = ReplyError::new(ErrorCode::from_static("db.busy"), "try again").retryable();
    /// assert!(error.is_retryable());
    /// assert!(ReplyError::new(ErrorCode::OVERLOADED, "").is_retryable());
    /// ```
    #[must_use]
    pub const fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Adds a cause, for the log only.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The code that the requester sees.
    #[must_use]
    pub const fn code(&self) -> &ErrorCode {
        &self.code
    }

    /// The message that the requester sees.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same request may succeed later: because of [`retryable`](Self::retryable) or because of the code.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable || self.code.is_retryable()
    }

    /// Whether the request cannot be decoded: see [`undecodable`](Self::undecodable).
    #[must_use]
    pub const fn is_undecodable(&self) -> bool {
        self.undecodable
    }

    /// The cause, which the requester does not see.
    pub(crate) fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ReplyError {
    fn from(error: E) -> Self {
        Self::internal(error)
    }
}

impl From<ReplyError> for Reply {
    fn from(error: ReplyError) -> Self {
        let retryable = error.retryable;
        let reply = Self::error(error.code, error.message);
        if retryable { reply.retryable() } else { reply }
    }
}

impl fmt::Debug for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyError")
            .field("code", &self.code)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_shows_nothing_to_the_requester() {
        let error = ReplyError::from(std::io::Error::other("secret"));
        assert_eq!(error.source().unwrap().to_string(), "secret");
        let reply = Reply::from(error);
        assert_eq!(reply.error_code(), Some(&ErrorCode::INTERNAL));
        assert_eq!(reply.body(), INTERNAL_MESSAGE);
    }

    #[test]
    fn an_error_without_a_message_has_its_code_as_body() {
        let reply = Reply::from(ReplyError::new(ErrorCode::OVERLOADED, ""));
        assert_eq!(reply.body(), "overloaded");
    }
}
