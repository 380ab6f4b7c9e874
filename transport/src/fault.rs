//! A failed call, classified by what the caller should do.
//!
//! | file | question |
//! |---|---|
//! | `kind` | what can go wrong, and was the call performed? |
//! | `classify` | what does an error of the SDK mean? |
//! | `text` | how does a fault describe itself? |

mod classify;
mod kind;
#[cfg(test)]
mod tests;
mod text;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use self::classify::{
    classify, is_of_kms, kind_of_code, of_the_queue, other_right, says_too_large, short,
};
use crate::stats::Action;

pub(super) use self::classify::shows_an_answer;
pub use self::kind::{Delivery, FaultKind};

/// A failed call, classified by what to do about it. Cheap to clone: one failed batch is reported to up to ten
/// callers.
///
/// [`source`](Error::source) is the SDK's own error.
#[derive(Debug, Clone)]
pub struct Fault {
    action: Action,
    kind: FaultKind,
    delivery: Delivery,
    code: Option<Arc<str>>,
    /// The HTTP status of the answer, if there was one.
    status: Option<u16>,
    /// Whether the call failed because its message or batch has too many bytes.
    too_large: bool,
    /// The missing permission that SQS's answer names, if it is not the action's own.
    right: Option<Arc<str>>,
    said: Option<Said>,
    source: Arc<dyn Error + Send + Sync>,
}

/// SQS's own error text. It may quote the input, so only the caller can read it: it is part of no error text and no
/// log line.
#[derive(Clone)]
struct Said(Arc<str>);

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Fault {
    /// Classifies an error of the SDK.
    #[must_use]
    pub fn from_sdk<E>(action: Action, error: SdkError<E>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        let (kind, delivery) = classify(&error);
        let code = error.code().map(Arc::from);
        let right = (kind == FaultKind::AccessDenied)
            .then(|| other_right(action, error.message()?))
            .flatten();
        let says_so = says_too_large(error.code(), error.message());
        let too_large = status == Some(413) || kind == FaultKind::Refused && says_so;
        let said = error.message().map(|text| Said(text.into()));
        Self {
            action,
            kind,
            delivery,
            code,
            status,
            too_large,
            right,
            said,
            source: Arc::new(error),
        }
    }

    /// The fault of one batch entry that SQS reported as failed.
    #[must_use]
    pub fn of_entry(action: Action, code: &str, sender_fault: bool) -> Self {
        let status = if sender_fault { 400 } else { 500 };
        let source = EntryFailed { code: code.into() };
        let delivery = if sender_fault {
            Delivery::NotSent
        } else {
            Delivery::Unknown
        };
        Self {
            action,
            kind: kind_of_code(Some(code), status),
            delivery,
            code: Some(code.into()),
            status: None,
            too_large: says_too_large(Some(code), None),
            right: None,
            said: None,
            source: Arc::new(source),
        }
    }

    /// Adds SQS's text about the failed entry.
    #[must_use]
    pub(super) fn saying(mut self, text: Option<&str>) -> Self {
        self.too_large |= says_too_large(self.code(), text);
        self.said = text.map(|text| Said(text.into()));
        self
    }

    /// SQS's own error text, if the answer had one. The text may quote the message and name accounts, so no error
    /// text and no log line of this crate contains it.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        Some(&self.said.as_ref()?.0)
    }

    /// The fault of a message that is not sent because it has more bytes than allowed.
    pub(super) fn too_large(action: Action, source: impl Error + Send + Sync + 'static) -> Self {
        let mut fault = Self::local(action, FaultKind::Refused, Delivery::NotSent, source);
        fault.too_large = true;
        fault
    }

    /// A fault without an answer of SQS.
    #[must_use]
    pub fn local(
        action: Action,
        kind: FaultKind,
        delivery: Delivery,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            action,
            kind,
            delivery,
            code: None,
            status: None,
            too_large: false,
            right: None,
            said: None,
            source: Arc::new(source),
        }
    }

    /// The action that failed.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Whether SQS may have performed the failed call.
    #[must_use]
    pub const fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// SQS's error code, if the answer had one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The HTTP status of the answer. `None` if there was no answer, or if a single entry of a batch failed.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether the call failed because a message or a batch has too many bytes: SQS said so or answered HTTP 413, or
    /// the call was not made because of the size.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// Whether one entry may have caused the refusal of its batch. Not if the refusal is about the queue, its key or
    /// the caller: then SQS would refuse each entry in the same way.
    pub(super) fn blames_content(&self) -> bool {
        let short = short(self.code().unwrap_or_default());
        let of_all = is_of_kms(short) || of_the_queue(short).is_some();
        self.kind == FaultKind::Refused && !of_all
    }

    /// Whether SQS itself answered, so that the date of the answer is SQS's.
    pub(super) const fn is_answer_of_sqs(&self) -> bool {
        !matches!(self.kind, FaultKind::NotSqs)
    }

    /// Whether the fault shows that SQS answers; `None` if the fault shows neither.
    pub(super) const fn shows_an_answer(&self) -> Option<bool> {
        self.kind.shows_an_answer()
    }

    /// The permission that the IAM policy must allow, such as `sqs:TagQueue`, if the call was denied: the permission
    /// that SQS's answer names, or else that of the [`action`](Self::action). A call may need other permissions than
    /// its own, such as `sqs:TagQueue` to create a queue with tags, or `kms:GenerateDataKey`.
    #[must_use]
    pub fn right(&self) -> Option<&str> {
        let own = self.action.permission();
        (self.kind == FaultKind::AccessDenied).then(|| self.right.as_deref().unwrap_or(own))
    }

    /// Whether the same call may succeed later without any change by the caller or an administrator.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        if matches!(self.kind, FaultKind::NotSqs) {
            return matches!(self.status, Some(200..=299 | 408 | 429 | 500..));
        }
        matches!(
            self.kind,
            FaultKind::Throttled
                | FaultKind::Credentials
                | FaultKind::Unavailable
                | FaultKind::Unreachable
                | FaultKind::TimedOut
                | FaultKind::Unreadable
                | FaultKind::Panicked
                | FaultKind::OverLimit
        )
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// The source of a batch entry's fault. It omits the entry's message, which may quote the input.
#[derive(Debug, thiserror::Error)]
#[error("the entry failed with {code}")]
struct EntryFailed {
    code: Box<str>,
}
