//! Replies: what a handler returns, and how it reaches the requester.
//!
//! Owns: the value ([`Reply`]), its message ([`encode`]), when to try a failed send again ([`attempts`], and `outages` for
//! all that go to one host; `missing`: to hosts that do not exist) and the sending itself ([`sender`]). Does not own: which requests are answered.

pub(crate) mod attempts;
mod direct;
pub(crate) mod encode;
mod missing;
mod outages;
pub(crate) mod sender;
mod turns;

pub(crate) use direct::DirectReplies;
pub use direct::{SendReplyError, SendReplyErrorKind};

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use sqs_rpc_protocol::limits::error_text;
use sqs_rpc_protocol::{ContentType, ErrorCode};

/// The answer to a request: a body, and whether it is the result or says what went wrong.
///
/// Handlers mostly return something [that becomes one](crate::IntoReply). Its `Debug` does not show the body.
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
    /// Of an error, whether it was said that a retry may help, though the code does not say so.
    retryable: bool,
    content_type: Option<ContentType>,
    attributes: Vec<(String, String)>,
}

impl Reply {
    /// A result. The body must not be empty and must keep to SQS's characters, or the requester is told `internal`.
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

    /// An error that the requester may see: a code for programs, a message for people.
    ///
    /// Any message is allowed, because none can keep the code from the requester: characters that SQS refuses are
    /// escaped, more than 1 KiB is cut ([`error_text`](sqs_rpc_protocol::limits::error_text)), and an empty message is
    /// replaced by the code.
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

    /// Says that the same request may succeed later, whatever the code. The requester's `RequestError::is_retryable`
    /// returns true, and the reply is not kept under an idempotency key. Means nothing for a result.
    ///
    /// Codes that say so by themselves ([`ErrorCode::is_retryable`]) do not need it.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = self.code.as_ref().is_some_and(|code| !code.is_retryable());
        self
    }

    /// Says what the body is. Default: nothing said; `text/plain` for errors, `application/json` for `Json`.
    #[must_use]
    pub fn with_content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = Some(content_type);
        self
    }

    /// Adds a String message attribute: 7 at the most, and none of the protocol's own names.
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

    /// The error code; `None` if it is a result.
    #[must_use]
    pub const fn error_code(&self) -> Option<&ErrorCode> {
        self.code.as_ref()
    }

    /// Whether it is an error, and the same request may succeed later: by [`retryable`](Self::retryable) or by its code.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.error_code()
            .is_some_and(|code| self.retryable || code.is_retryable())
    }

    /// What the body is, if that was said.
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

    /// Of an error, the code alone, which SQS always takes. `None` if it is a result, or is the code alone.
    pub(crate) fn bare_error(&self) -> Option<Self> {
        let code = self.code.clone()?;
        let bare = Self {
            retryable: self.retryable,
            ..Self::error(code, "")
        };
        (bare != *self).then_some(bare)
    }

    /// The bytes that it takes in memory, about: what a store counts.
    #[must_use]
    pub fn size(&self) -> usize {
        self.attributes()
            .fold(self.body.len(), |sum, (name, value)| {
                sum + name.len() + value.len()
            })
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
