//! What an error of SQS means for whoever has to go on.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use crate::stats::Action;

/// A failed call, sorted by what to do about it. Cheap to clone: one failed batch reaches up to ten callers.
///
/// [`source`](Error::source) is the SDK's own error.
#[derive(Debug, Clone)]
pub struct Fault {
    action: Action,
    kind: FaultKind,
    delivery: Delivery,
    code: Option<Arc<str>>,
    /// The right that SQS's answer says is missing, if it is not the action's own.
    right: Option<Arc<str>>,
    source: Arc<dyn Error + Send + Sync>,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// SQS or KMS asks for fewer calls. Try again later.
    Throttled,
    /// The credentials are missing, wrong, expired or lack the right. A retry does not help before they change.
    AccessDenied,
    /// The queue does not exist (any more), or not yet: a new queue may be unknown for a second.
    QueueNotFound,
    /// SQS refuses the input: too long, malformed, out of range. A retry fails again.
    Refused,
    /// 120,000 messages are in flight. Goes away as messages are deleted.
    OverLimit,
    /// An answer of 500 or above. Try again later.
    Unavailable,
    /// No connection, or a broken one.
    Unreachable,
    /// No answer within the time-out.
    TimedOut,
    /// An answer that is not SQS's.
    Unreadable,
    /// The call could not be made: the input is incomplete, or the implementation of the seam does not have it.
    NotMade,
    /// The driver that makes the calls has shut down.
    Closed,
}

/// Whether SQS may have done what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// Certainly not.
    NotSent,
    /// Nobody knows: there was no answer, or an error that may have come after the effect.
    Unknown,
    /// Certainly.
    Sent,
}

impl Fault {
    /// Sorts an error of the SDK.
    #[must_use]
    pub fn from_sdk<E>(action: Action, error: SdkError<E>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let (kind, delivery) = match &error {
            _ if lacks_credentials(&error) => (FaultKind::AccessDenied, Delivery::NotSent),
            SdkError::ConstructionFailure(_) => (FaultKind::NotMade, Delivery::NotSent),
            SdkError::TimeoutError(_) => (FaultKind::TimedOut, Delivery::Unknown),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                (FaultKind::TimedOut, Delivery::Unknown)
            }
            SdkError::DispatchFailure(_) => (FaultKind::Unreachable, Delivery::Unknown),
            SdkError::ResponseError(_) => (FaultKind::Unreadable, Delivery::Unknown),
            SdkError::ServiceError(context) => {
                let kind = kind_of_code(context.err().code(), context.raw().status().as_u16());
                // After an answer of 500 or above the effect may have taken place; any other error is a refusal.
                let refused = !matches!(kind, FaultKind::Unavailable | FaultKind::Unreadable);
                (
                    kind,
                    if refused {
                        Delivery::NotSent
                    } else {
                        Delivery::Unknown
                    },
                )
            }
            _ => (FaultKind::Unreadable, Delivery::Unknown),
        };
        let code = error.code().map(Arc::from);
        let right = (kind == FaultKind::AccessDenied)
            .then(|| other_right(action, error.message()?))
            .flatten();
        Self {
            action,
            kind,
            delivery,
            code,
            right,
            source: Arc::new(error),
        }
    }

    /// One entry of a batch that SQS answered with a failure of its own.
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
            right: None,
            source: Arc::new(source),
        }
    }

    /// A fault that no answer of SQS stands behind.
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
            right: None,
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

    /// Whether SQS may have done what was asked all the same.
    #[must_use]
    pub const fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// SQS's error code, if it answered one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The right to allow in the IAM policy, as `sqs:TagQueue`, if the call was denied: the one that SQS's answer names,
    /// or else that of the [`action`](Self::action). A call may need more rights than its own, such as `sqs:TagQueue` to
    /// make a queue with tags, or `kms:GenerateDataKey`.
    #[must_use]
    pub fn right(&self) -> Option<&str> {
        let own = self.action.permission();
        (self.kind == FaultKind::AccessDenied).then(|| self.right.as_deref().unwrap_or(own))
    }

    /// Whether the same call may succeed later with nothing changed by anybody.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::Throttled
                | FaultKind::Unavailable
                | FaultKind::Unreachable
                | FaultKind::TimedOut
                | FaultKind::Unreadable
                | FaultKind::OverLimit
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.action;
        match self.kind {
            FaultKind::Throttled => write!(f, "{action} was throttled"),
            FaultKind::AccessDenied => {
                let own = action.permission();
                write!(f, "{} was denied", self.right.as_deref().unwrap_or(own))?;
                match self.right {
                    Some(_) => write!(f, " to {action}"),
                    None => Ok(()),
                }
            }
            FaultKind::QueueNotFound => write!(f, "{action} found no such queue"),
            FaultKind::Refused => write!(f, "{action} was refused"),
            FaultKind::OverLimit => write!(f, "{action} found too many messages in flight"),
            FaultKind::Unavailable => write!(f, "{action} failed within SQS"),
            FaultKind::Unreachable => write!(f, "{action} did not reach SQS"),
            FaultKind::TimedOut => write!(f, "{action} had no answer in time"),
            FaultKind::Unreadable => write!(f, "{action} had an answer that cannot be read"),
            FaultKind::NotMade => write!(f, "{action} could not be made"),
            FaultKind::Closed => write!(f, "{action} came after the shutdown"),
        }?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// The error behind a batch entry's failure. The entry's message is left out: it may quote the input.
#[derive(Debug, thiserror::Error)]
#[error("the entry failed with {code}")]
struct EntryFailed {
    code: Box<str>,
}

/// The right that the text of a denial names, unless it is the action's own: `User: .. is not authorized to perform:
/// sqs:tagqueue on resource: ..`. The rest of the text is not looked at; it names principals and resources.
fn other_right(action: Action, text: &str) -> Option<Arc<str>> {
    let (_, rest) = text.split_once("not authorized to perform: ")?;
    let (service, name) = rest.split_whitespace().next()?.split_once(':')?;
    let is_word = |word: &str| {
        (1..=64).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if !is_word(service) || !is_word(name) {
        return None;
    }
    let named = format!("{service}:{name}");
    let single = named.strip_suffix("batch").unwrap_or(&named);
    let is_named = |right: &str| right.eq_ignore_ascii_case(single);
    if is_named(action.permission()) {
        return None;
    }
    // SQS writes the names of its actions in small letters.
    let mut rights = Action::ALL.iter().map(|action| action.permission());
    let known = rights.find(|right| is_named(right));
    Some(Arc::from(known.unwrap_or(&named)))
}

/// Old and new names of one thing; namespaces (`com.amazonaws.sqs#`, `AWS.SimpleQueueService.`) are cut off first.
fn kind_of_code(code: Option<&str>, status: u16) -> FaultKind {
    let code = code.unwrap_or_default();
    let short = code.rsplit(['#', '.']).next().unwrap_or_default();
    match short {
        "RequestThrottled"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "KmsThrottled"
        | "SlowDown"
        | "RequestThrottledException"
        | "BandwidthLimitExceeded" => FaultKind::Throttled,
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "KmsAccessDenied"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "OptInRequired"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => FaultKind::AccessDenied,
        "QueueDoesNotExist" | "NonExistentQueue" => FaultKind::QueueNotFound,
        "OverLimit" => FaultKind::OverLimit,
        _ => match status {
            429 => FaultKind::Throttled,
            401 | 403 => FaultKind::AccessDenied,
            500.. => FaultKind::Unavailable,
            400..=499 => FaultKind::Refused,
            _ => FaultKind::Unreadable,
        },
    }
}

/// The SDK reports missing credentials as a failed dispatch or construction; only the cause tells them apart.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<CredentialsError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_names_mean_the_same() {
        for code in [
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            "com.amazonaws.sqs#QueueDoesNotExist",
        ] {
            assert_eq!(
                kind_of_code(Some(code), 400),
                FaultKind::QueueNotFound,
                "{code}"
            );
        }
    }

    #[test]
    fn a_denial_names_the_right_that_is_missing() {
        let named = |text: &str| other_right(Action::CreateQueue, text);
        let denied = |right| {
            format!(
                "User: arn:aws:iam::1:user/u is not authorized to perform: {right} on resource: arn:aws:sqs:.."
            )
        };
        assert_eq!(
            named(&denied("sqs:tagqueue")).as_deref(),
            Some("sqs:TagQueue")
        );
        let key = "kms:GenerateDataKey";
        assert_eq!(named(&denied(key)).as_deref(), Some(key));
        let long = format!("sqs:{}", "a".repeat(65));
        for other in [
            "sqs:createqueue",
            "sqs:",
            "nothing",
            "sqs:tag\u{1b}queue",
            &long,
        ] {
            assert_eq!(named(&denied(other)), None, "{other}");
        }
        assert_eq!(named("Access to the resource is denied."), None);
    }

    #[test]
    fn an_unknown_code_goes_by_its_status() {
        let kinds = [
            (429, FaultKind::Throttled),
            (403, FaultKind::AccessDenied),
            (400, FaultKind::Refused),
            (503, FaultKind::Unavailable),
            (200, FaultKind::Unreadable),
        ];
        for (status, kind) in kinds {
            assert_eq!(kind_of_code(Some("SomethingNew"), status), kind, "{status}");
            assert_eq!(kind_of_code(None, status), kind, "{status}");
        }
    }

    #[test]
    fn a_failed_entry_is_temporary_unless_the_sender_is_to_blame() {
        assert!(Fault::of_entry(Action::SendMessageBatch, "InternalError", false).is_temporary());
        let refused = Fault::of_entry(Action::SendMessageBatch, "InvalidMessageContents", true);
        assert_eq!(
            (refused.kind(), refused.delivery()),
            (FaultKind::Refused, Delivery::NotSent)
        );
        assert!(Fault::of_entry(Action::SendMessageBatch, "RequestThrottled", true).is_temporary());
    }
}
