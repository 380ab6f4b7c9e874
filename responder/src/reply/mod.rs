//! Replies: the value that a handler returns, and how it is sent to the requester.
//!
//! Owns: the value ([`Reply`]), its message ([`encode`]), the retries of one reply ([`retry`]), the order of all
//! replies to a host that fails (`failing_hosts`), the hosts that do not exist (`missing_hosts`), and the sending itself
//! ([`sender`]). Does not own: which requests are answered.

pub(crate) mod encode;
mod failing_hosts;
mod missing_hosts;
pub(crate) mod retry;
pub(crate) mod sender;
mod turn_at_host;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use sqs_rpc_protocol::limits::{error_text, message_size};
use sqs_rpc_protocol::{ContentType, ErrorCode};

/// The answer to a request: a result or an error, with a body.
///
/// Most handlers return a value that [becomes a reply](crate::IntoReply). `Debug` does not show the body.
///
/// # Examples
///
/// ```
/// use sqs_responder::{ErrorCode, Reply};
///
/// let reply = Reply::new("42").with_attribute("unit", "kg");
/// assert_eq!((reply.body(), reply.error_code()), ("42", None));
/// let error = Reply::error(ErrorCode::from_static("login.locked"), "try again tomorrow");
/// assert_eq!(error.error_code().unwrap().as_str(), "login.locked");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Shared with the copies that are kept for duplicates.
    body: Arc<String>,
    code: Option<ErrorCode>,
    /// Set by [`retryable`](Self::retryable) for an error whose code is not retryable by itself.
    retryable: bool,
    content_type: Option<ContentType>,
    attributes: Vec<(String, String)>,
}

impl Reply {
    /// Makes a result. If the body is empty or has characters that SQS refuses, the requester gets an error with code
    /// `internal` instead.
    #[must_use]
    pub fn new(body: impl Into<String>) -> Self {
        Self {
            body: Arc::new(body.into()),
            code: None,
            retryable: false,
            content_type: None,
            attributes: Vec::new(),
        }
    }

    /// Makes an error that the requester may see: a code for programs, a message for people.
    ///
    /// Any message is allowed, so that the requester always gets the code: characters that SQS refuses are escaped, a
    /// message of more than 1 KiB is cut ([`error_text`](sqs_rpc_protocol::limits::error_text)), and an empty message
    /// is replaced by the code.
    #[must_use]
    pub fn error(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = match message.into() {
            empty if empty.is_empty() => code.to_string(),
            message => match error_text(&message) {
                Cow::Borrowed(_) => message,
                Cow::Owned(safe) => safe,
            },
        };
        Self {
            code: Some(code),
            content_type: Some(ContentType::text()),
            ..Self::new(message)
        }
    }

    /// States that the same request may succeed later, whatever the code. The requester's `RequestError::is_retryable`
    /// then returns true, and the reply is not kept under an idempotency key. Has no effect on a result, nor on an
    /// error whose code is retryable by itself ([`ErrorCode::is_retryable`]).
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = self.code.as_ref().is_some_and(|code| !code.is_retryable());
        self
    }

    /// States the body's content type. Default: none for results, `text/plain` for errors, `application/json` for `Json`.
    #[must_use]
    pub fn with_content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = Some(content_type);
        self
    }

    /// Adds a String message attribute. At most 7 attributes; the protocol's own names are reserved.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The error code; `None` if the reply is a result.
    #[must_use]
    pub const fn error_code(&self) -> Option<&ErrorCode> {
        self.code.as_ref()
    }

    /// Whether the reply is an error, and the same request may succeed later: because of [`retryable`](Self::retryable)
    /// or because of the code.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.error_code()
            .is_some_and(|code| self.retryable || code.is_retryable())
    }

    /// The body's content type, if it is stated.
    #[must_use]
    pub const fn content_type(&self) -> Option<&ContentType> {
        self.content_type.as_ref()
    }

    /// The message attributes, names and values.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// An error with the code alone, which SQS always takes. `None` for a result, and for an error that is its code
    /// alone.
    pub(crate) fn bare_error(&self) -> Option<Self> {
        let code = self.code.clone()?;
        let bare = Self {
            retryable: self.retryable,
            ..Self::error(code, "")
        };
        (bare != *self).then_some(bare)
    }

    /// The approximate size in memory, in bytes: body and attributes. Reply stores can count it against a limit.
    #[must_use]
    pub fn size(&self) -> usize {
        // The data types are constants.
        let attributes = self
            .attributes()
            .map(|(name, value)| (name, "", value.len()));
        message_size(&self.body, attributes)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("code", &self.code)
            .field("retryable", &self.is_retryable())
            .field("content_type", &self.content_type)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
