//! Classifies errors of SQS by what the caller should do.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use super::causes::causes;
use crate::stats::Action;

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

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// SQS or KMS throttles the calls. Try again later.
    Throttled,
    /// A policy denies the call. A retry does not help before the policy changes.
    AccessDenied,
    /// No credentials could be loaded, or SQS refuses them or their signature: expired, not known (yet), rotated, or
    /// signed with a wrong clock. The fault ends when the provider returns valid credentials. Nothing was done.
    Credentials,
    /// The queue does not exist (any more), or not yet: SQS may need a second to find a new queue.
    QueueNotFound,
    /// SQS refuses the input: too long, malformed, out of range. A retry fails again.
    Refused,
    /// 120,000 messages are in flight. Calls succeed again when messages are deleted.
    OverLimit,
    /// An answer with a status of 500 or above. Try again later.
    Unavailable,
    /// No connection, or a broken one.
    Unreachable,
    /// No answer within the timeout.
    TimedOut,
    /// The answer is not from SQS but, for example, from a proxy: it is not in SQS's format and has no SQS error code
    /// and no request id. [`status`](Fault::status) has its HTTP status. Temporary for a status of 200 to 299, 408,
    /// 429 and from 500 on. Any other status, such as 407 or a proxy's own 403, persists until the network is
    /// changed.
    NotSqs,
    /// An answer of SQS that cannot be read, or that lacks the requested information.
    Unreadable,
    /// The SDK client panicked, or code of the user in it: a credentials provider, an interceptor, a connector. The panic is logged
    /// and counted in [`Stats::panics`](crate::Stats::panics).
    Panicked,
    /// The call could not be made: the input is incomplete, or the implementation of the seam does not support the
    /// action.
    NotMade,
    /// The driver that makes the calls has shut down.
    Closed,
}

/// Whether SQS may have performed the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// SQS has certainly not performed it.
    NotSent,
    /// Unknown: there was no answer, or an error that may have come after the effect.
    Unknown,
    /// SQS has certainly performed it.
    Sent,
}

impl Fault {
    /// Classifies an error of the SDK.
    #[must_use]
    pub fn from_sdk<E>(action: Action, error: SdkError<E>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        let (kind, delivery) = match &error {
            _ if lacks_credentials(&error) => (FaultKind::Credentials, Delivery::NotSent),
            SdkError::ConstructionFailure(_) => (FaultKind::NotMade, Delivery::NotSent),
            SdkError::DispatchFailure(_) if what_is_missing(&error).is_some() => {
                (FaultKind::NotMade, Delivery::NotSent)
            }
            SdkError::TimeoutError(_) => (FaultKind::TimedOut, Delivery::Unknown),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                (FaultKind::TimedOut, Delivery::Unknown)
            }
            SdkError::DispatchFailure(_) => (FaultKind::Unreachable, Delivery::Unknown),
            SdkError::ResponseError(_) | SdkError::ServiceError(_)
                if is_from_sqs(&error) == Some(false) =>
            {
                let refused = matches!(status, Some(400..=407 | 409..=498));
                let delivery = if refused {
                    Delivery::NotSent
                } else {
                    Delivery::Unknown
                };
                (FaultKind::NotSqs, delivery)
            }
            SdkError::ResponseError(_) => (FaultKind::Unreadable, Delivery::Unknown),
            SdkError::ServiceError(context) => {
                let kind = kind_of_code(context.err().code(), context.raw().status().as_u16());
                // After a status of 500 or above, the effect may have happened. Any other error is a refusal.
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

    /// Whether the fault shows that SQS answers; `None` if it shows neither.
    pub(super) const fn is_of_contact(&self) -> Option<bool> {
        match self.kind {
            FaultKind::Throttled
            | FaultKind::QueueNotFound
            | FaultKind::Refused
            | FaultKind::OverLimit => Some(true),
            FaultKind::Unavailable
            | FaultKind::Unreachable
            | FaultKind::TimedOut
            | FaultKind::NotSqs => Some(false),
            // Credentials may be missing before any call is made.
            FaultKind::AccessDenied
            | FaultKind::Credentials
            | FaultKind::Unreadable
            | FaultKind::Panicked
            | FaultKind::NotMade
            | FaultKind::Closed => None,
        }
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
            FaultKind::QueueNotFound => write!(f, "{action}: the queue does not exist"),
            FaultKind::Refused if self.is_too_large() => {
                write!(
                    f,
                    "{action} was refused: the message is longer than its queue allows"
                )
            }
            FaultKind::Refused => write!(f, "{action} was refused"),
            FaultKind::OverLimit => {
                write!(f, "{action} was refused: too many messages are in flight")
            }
            FaultKind::Unavailable => write!(f, "{action} failed within SQS"),
            FaultKind::Unreachable if self.delivery == Delivery::NotSent => {
                write!(f, "{action} did not reach SQS")
            }
            FaultKind::Unreachable => write!(f, "{action} lost its connection before an answer"),
            FaultKind::TimedOut => write!(f, "{action} got no answer in time"),
            FaultKind::Credentials => write!(f, "{action}: {}", credentials(self.code())),
            FaultKind::NotSqs => match self.status {
                Some(status) => write!(f, "{action}: HTTP {status}, not an answer of SQS"),
                None => write!(f, "{action}: not an answer of SQS"),
            },
            FaultKind::Panicked => write!(
                f,
                "{action} ended in a panic of the SDK client, or of a credentials provider, interceptor or connector in it"
            ),
            FaultKind::Unreadable => write!(f, "{action} got an answer that cannot be read"),
            FaultKind::NotMade => match what_is_missing(&*self.source) {
                Some(missing) => {
                    write!(f, "{action} could not be made: the client has no {missing}")
                }
                None => {
                    let why = causes(&*self.source).last();
                    let why = why.map_or_else(|| self.source.to_string(), ToString::to_string);
                    write!(f, "{action} could not be made: {why}")
                }
            },
            FaultKind::Closed => write!(f, "{action} was called after the shutdown"),
        }?;
        match (&self.code, self.status) {
            (Some(code), _) => write!(f, " ({code})"),
            (None, Some(status)) if self.kind != FaultKind::NotSqs => write!(f, " (HTTP {status})"),
            _ => Ok(()),
        }
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

/// The permission that the text of a denial names, unless it is the action's own: `User: .. is not authorized to
/// perform: sqs:tagqueue on resource: ..`. The rest of the text names principals and resources and is ignored.
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
    // SQS writes the names of its actions in lower case.
    let mut rights = Action::ALL.iter().map(|action| action.permission());
    let known = rights.find(|right| is_named(right));
    Some(Arc::from(known.unwrap_or(&named)))
}

/// Whether the answer to a failed call is from SQS: it has an SQS error code or a request id. `None` without an
/// answer.
pub(super) fn is_from_sqs<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<bool> {
    let raw = error.raw_response()?;
    let has_code = error.code().is_some_and(|code| !code.is_empty());
    Some(has_code || raw.headers().get("x-amzn-requestid").is_some())
}

/// Whether SQS says that a message or a batch has too many bytes. The text of `InvalidParameterValue` was recorded
/// from SQS: `One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.`
fn says_too_large(code: Option<&str>, text: Option<&str>) -> bool {
    let short = short(code.unwrap_or_default());
    short == "BatchRequestTooLong"
        || short.starts_with("InvalidParameterValue")
            && text.is_some_and(|text| text.contains("must be shorter than"))
}

/// A description of what is wrong with the credentials.
fn credentials(code: Option<&str>) -> &'static str {
    let Some(code) = code else {
        return "no credentials could be loaded";
    };
    let short = short(code);
    match short.strip_suffix("Exception").unwrap_or(short) {
        "ExpiredToken" | "TokenRefreshRequired" => "the credentials have expired",
        "IncompleteSignature"
        | "InvalidSignature"
        | "MissingAuthenticationToken"
        | "SignatureDoesNotMatch" => "the signature was refused",
        "RequestExpired" | "RequestTimeTooSkewed" => "the time of the signature was refused",
        _ => "the credentials were refused",
    }
}

/// An error code without its namespace (`com.amazonaws.sqs#`, `AWS.SimpleQueueService.`). The namespace of KMS stays,
/// because without it KMS's codes have another meaning.
fn short(code: &str) -> &str {
    let name = code.rsplit('#').next().unwrap_or_default();
    if is_of_kms(name) {
        return name;
    }
    name.rsplit('.').next().unwrap_or_default()
}

/// Whether a code, without the model's namespace, is an error of KMS.
fn is_of_kms(name: &str) -> bool {
    name.starts_with("KMS.") || name.starts_with("Kms")
}

/// Refusals that are about the queue, its key or the caller, independent of the call's content. Each row has the name
/// of the shape in SQS's model, the code in the query protocol, and the meaning. The SDK reports the query code if
/// the answer has the header `x-amzn-query-error`, as Amazon's answers have.
///
/// Source: the error shapes and their traits `awsQueryError` in SQS's Smithy model, version 2012-11-05. Codes of
/// newer models that begin with `Kms` or `KMS.` count as KMS's, too.
const OF_THE_QUEUE: [(&str, &str, FaultKind); 13] = [
    ("InvalidAddress", "InvalidAddress", FaultKind::Refused),
    (
        "InvalidSecurity",
        "InvalidSecurity",
        FaultKind::AccessDenied,
    ),
    (
        "KmsAccessDenied",
        "KMS.AccessDeniedException",
        FaultKind::AccessDenied,
    ),
    ("KmsDisabled", "KMS.DisabledException", FaultKind::Refused),
    (
        "KmsInvalidKeyUsage",
        "KMS.InvalidKeyUsageException",
        FaultKind::Refused,
    ),
    (
        "KmsInvalidState",
        "KMS.InvalidStateException",
        FaultKind::Refused,
    ),
    ("KmsNotFound", "KMS.NotFoundException", FaultKind::Refused),
    (
        "KmsOptInRequired",
        "KMS.OptInRequired",
        FaultKind::AccessDenied,
    ),
    (
        "KmsThrottled",
        "KMS.ThrottlingException",
        FaultKind::Throttled,
    ),
    (
        "QueueDeletedRecently",
        "QueueDeletedRecently",
        FaultKind::Refused,
    ),
    (
        "QueueDoesNotExist",
        "NonExistentQueue",
        FaultKind::QueueNotFound,
    ),
    ("RequestThrottled", "RequestThrottled", FaultKind::Throttled),
    (
        "UnsupportedOperation",
        "UnsupportedOperation",
        FaultKind::Refused,
    ),
];

fn of_the_queue(short: &str) -> Option<FaultKind> {
    let mut all = OF_THE_QUEUE.iter();
    let found = all.find(|(model, query, _)| short == *model || short == *query);
    found.map(|(.., kind)| *kind)
}

/// Whether SQS refuses the credentials, the signature or its time. These are common errors of AWS APIs, with and
/// without `Exception`. They come from the authentication in front of SQS.
fn refuses_credentials(short: &str) -> bool {
    matches!(
        short.strip_suffix("Exception").unwrap_or(short),
        "AuthFailure"
            | "ExpiredToken"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidSignature"
            | "InvalidToken"
            | "MissingAuthenticationToken"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch"
            | "TokenRefreshRequired"
            | "UnrecognizedClient"
    )
}

/// Handles old and new names of the same error. Namespaces are removed first.
fn kind_of_code(code: Option<&str>, status: u16) -> FaultKind {
    let short = short(code.unwrap_or_default());
    if let Some(kind) = of_the_queue(short) {
        return kind;
    }
    match short.strip_prefix("KMS.").unwrap_or(short) {
        name if refuses_credentials(name) => FaultKind::Credentials,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "RequestThrottledException"
        | "BandwidthLimitExceeded" => FaultKind::Throttled,
        "AccessDenied"
        | "AccessDeniedException"
        | "NotAuthorized"
        | "OptInRequired"
        | "SubscriptionRequiredException" => FaultKind::AccessDenied,
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

/// What is missing in a client that cannot make any call. The SDK reports this as a failed dispatch, with errors that
/// have no public type, so only their texts identify the cause (aws-smithy-runtime 1.16).
fn what_is_missing(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let last = causes(error).last()?.to_string();
    match last.as_str() {
        text if text.starts_with("failed to select an auth scheme") => Some("credentials provider"),
        text if text.ends_with("Missing Region") => Some("region"),
        _ => None,
    }
}

/// The SDK reports missing credentials as a failed dispatch or construction. Only the cause shows that credentials
/// are missing.
pub(super) fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    std::iter::once(error)
        .chain(causes(error))
        .any(<dyn Error>::is::<CredentialsError>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_that_cannot_call_names_the_missing_part() {
        use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
        let base = || {
            Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .endpoint_url("http://127.0.0.1:1")
        };
        let credentials = Credentials::new("AKID", "secret", None, None, "test");
        let region = || Region::new("us-east-1");
        for (config, why) in [
            (
                base().region(region()),
                "the client has no credentials provider",
            ),
            (
                Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .credentials_provider(credentials.clone()),
                "the client has no region",
            ),
            (
                base()
                    .region(Region::new("bad region"))
                    .credentials_provider(credentials),
                "invalid value for field: `region` - must be a valid host label",
            ),
        ] {
            let client = aws_sdk_sqs::Client::from_conf(config.build());
            let error = client.list_queues().send().await.unwrap_err();
            let fault = Fault::from_sdk(Action::ListQueues, error);
            assert_eq!(
                (fault.kind(), fault.delivery()),
                (FaultKind::NotMade, Delivery::NotSent)
            );
            assert_eq!(
                fault.to_string(),
                format!("ListQueues could not be made: {why}")
            );
        }
    }

    #[test]
    fn old_and_new_error_codes_mean_the_same() {
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
    fn a_refusal_of_queue_key_or_caller_blames_no_entry() {
        for (model, query, kind) in [
            ("KmsDisabled", "KMS.DisabledException", FaultKind::Refused),
            (
                "KmsInvalidState",
                "KMS.InvalidStateException",
                FaultKind::Refused,
            ),
            ("KmsNotFound", "KMS.NotFoundException", FaultKind::Refused),
            (
                "KmsInvalidKeyUsage",
                "KMS.InvalidKeyUsageException",
                FaultKind::Refused,
            ),
            (
                "KmsOptInRequired",
                "KMS.OptInRequired",
                FaultKind::AccessDenied,
            ),
            (
                "KmsAccessDenied",
                "KMS.AccessDeniedException",
                FaultKind::AccessDenied,
            ),
            (
                "KmsThrottled",
                "KMS.ThrottlingException",
                FaultKind::Throttled,
            ),
            (
                "KmsNewlyInvented",
                "KMS.NewlyInventedException",
                FaultKind::Refused,
            ),
            (
                "UnsupportedOperation",
                "AWS.SimpleQueueService.UnsupportedOperation",
                FaultKind::Refused,
            ),
            ("InvalidAddress", "InvalidAddress", FaultKind::Refused),
            (
                "InvalidSecurity",
                "InvalidSecurity",
                FaultKind::AccessDenied,
            ),
            (
                "QueueDeletedRecently",
                "AWS.SimpleQueueService.QueueDeletedRecently",
                FaultKind::Refused,
            ),
            (
                "QueueDoesNotExist",
                "AWS.SimpleQueueService.NonExistentQueue",
                FaultKind::QueueNotFound,
            ),
        ] {
            let spelled = [
                model.to_owned(),
                format!("com.amazonaws.sqs#{model}"),
                query.to_owned(),
            ];
            for code in spelled {
                let fault = answered(400, None, Some(&code), "");
                assert_eq!(
                    (fault.kind(), fault.blames_content()),
                    (kind, false),
                    "{code}"
                );
            }
        }
        for code in [
            "AWS.SimpleQueueService.BatchRequestTooLong",
            "InvalidMessageContents",
        ] {
            assert!(
                answered(400, None, Some(code), "").blames_content(),
                "{code}"
            );
        }
        assert_eq!(
            answered(500, None, Some("KMS.InternalException"), "").kind(),
            FaultKind::Unavailable
        );
    }

    #[test]
    fn a_denial_names_the_missing_permission() {
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
    fn an_unknown_code_is_classified_by_its_status() {
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

    fn answered(
        status: u16,
        header: Option<&'static str>,
        code: Option<&str>,
        text: &str,
    ) -> Fault {
        use aws_sdk_sqs::error::ErrorMetadata;
        use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
        use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
        use aws_smithy_types::body::SdkBody;

        let mut meta = ErrorMetadata::builder().message(text);
        if let Some(code) = code {
            meta = meta.code(code);
        }
        let error = SendMessageBatchError::generic(meta.build());
        let mut raw = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        if let Some(name) = header {
            raw.headers_mut().insert(name, "5f0c");
        }
        Fault::from_sdk(
            Action::SendMessageBatch,
            SdkError::service_error(error, raw),
        )
    }

    #[test]
    fn a_proxy_page_is_not_an_answer_of_sqs() {
        for (status, temporary, delivery) in [
            (302, false, Delivery::Unknown),
            (400, false, Delivery::NotSent),
            (403, false, Delivery::NotSent),
            (404, false, Delivery::NotSent),
            (407, false, Delivery::NotSent),
            (408, true, Delivery::Unknown),
            (429, true, Delivery::NotSent),
            (451, false, Delivery::NotSent),
            (499, false, Delivery::Unknown),
            (502, true, Delivery::Unknown),
        ] {
            let page = answered(status, None, None, "");
            assert_eq!(
                (page.kind(), page.status(), page.is_temporary()),
                (FaultKind::NotSqs, Some(status), temporary)
            );
            assert_eq!(page.delivery(), delivery, "{status}");
            assert_eq!(page.is_of_contact(), Some(false));
            assert_eq!(
                page.to_string(),
                format!("SendMessageBatch: HTTP {status}, not an answer of SQS")
            );
        }
        let without_code = answered(503, Some("x-amzn-requestid"), None, "");
        assert_eq!(without_code.kind(), FaultKind::Unavailable);
        assert_eq!(
            without_code.to_string(),
            "SendMessageBatch failed within SQS (HTTP 503)"
        );
        assert_eq!(
            answered(503, None, Some("ServiceUnavailable"), "").kind(),
            FaultKind::Unavailable
        );
    }

    #[test]
    fn too_large_is_an_sqs_text_or_http_413() {
        let invalid = "InvalidParameterValue";
        let shorter = "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.";
        for (status, code, text, too_large) in [
            (400, Some("com.amazonaws.sqs#BatchRequestTooLong"), "", true),
            (
                400,
                Some("AWS.SimpleQueueService.BatchRequestTooLong"),
                "",
                true,
            ),
            (400, Some(invalid), shorter, true),
            (400, Some("InvalidParameterValueException"), shorter, true),
            (
                400,
                Some(invalid),
                "Value for parameter DelaySeconds is invalid.",
                false,
            ),
            (413, None, "", true),
            (413, Some("RequestEntityTooLarge"), "", true),
            (400, None, shorter, false),
            (407, None, "", false),
            (503, Some("ServiceUnavailable"), "", false),
        ] {
            let fault = answered(status, None, code, text);
            assert_eq!(fault.is_too_large(), too_large, "{status} {code:?} {text}");
        }
        let entry = Fault::of_entry(Action::SendMessageBatch, invalid, true);
        assert!(!entry.is_too_large());
        assert!(entry.saying(Some(shorter)).is_too_large());
    }

    #[test]
    fn refused_credentials_are_not_a_policy_denial() {
        for (code, why) in [
            ("ExpiredToken", "the credentials have expired"),
            (
                "com.amazon.coral.service#ExpiredTokenException",
                "the credentials have expired",
            ),
            (
                "com.amazon.coral.service#UnrecognizedClientException",
                "the credentials were refused",
            ),
            ("InvalidClientTokenId", "the credentials were refused"),
            ("InvalidSignatureException", "the signature was refused"),
            ("SignatureDoesNotMatch", "the signature was refused"),
            ("IncompleteSignatureException", "the signature was refused"),
            ("MissingAuthenticationToken", "the signature was refused"),
            ("RequestExpired", "the time of the signature was refused"),
        ] {
            let fault = answered(403, None, Some(code), "");
            assert_eq!(
                (fault.kind(), fault.delivery(), fault.is_temporary()),
                (FaultKind::Credentials, Delivery::NotSent, true),
                "{code}"
            );
            assert_eq!(fault.right(), None);
            assert_eq!(
                fault.to_string(),
                format!("SendMessageBatch: {why} ({code})")
            );
        }
        for code in [
            "AccessDenied",
            "com.amazon.coral.service#AccessDeniedException",
        ] {
            assert_eq!(
                answered(403, None, Some(code), "").kind(),
                FaultKind::AccessDenied
            );
        }
    }

    #[test]
    fn missing_credentials_are_reported_as_such() {
        use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;

        let why = CredentialsError::provider_error("no metadata service");
        let error = SdkError::<SendMessageBatchError>::construction_failure(why);
        let fault = Fault::from_sdk(Action::SendMessageBatch, error);
        assert_eq!(
            (fault.kind(), fault.delivery(), fault.is_of_contact()),
            (FaultKind::Credentials, Delivery::NotSent, None)
        );
        assert_eq!(
            fault.to_string(),
            "SendMessageBatch: no credentials could be loaded"
        );
    }

    #[test]
    fn a_failed_entry_is_temporary_unless_the_sender_caused_it() {
        assert!(Fault::of_entry(Action::SendMessageBatch, "InternalError", false).is_temporary());
        let refused = Fault::of_entry(Action::SendMessageBatch, "InvalidMessageContents", true);
        assert_eq!(
            (refused.kind(), refused.delivery()),
            (FaultKind::Refused, Delivery::NotSent)
        );
        assert!(Fault::of_entry(Action::SendMessageBatch, "RequestThrottled", true).is_temporary());
    }
}
