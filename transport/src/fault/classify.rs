//! What an error of the SDK means: its code, its status, its text and its causes.

use std::error::Error;
use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use super::kind::{Delivery, FaultKind};
use crate::causes::causes;
use crate::stats::Action;

/// What went wrong, and whether SQS may have performed the call.
pub(super) fn classify<E>(error: &SdkError<E>) -> (FaultKind, Delivery)
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    match error {
        _ if lacks_credentials(error) => (FaultKind::Credentials, Delivery::NotSent),
        SdkError::ConstructionFailure(_) => (FaultKind::NotMade, Delivery::NotSent),
        SdkError::DispatchFailure(_) if what_is_missing(error).is_some() => {
            (FaultKind::NotMade, Delivery::NotSent)
        }
        SdkError::TimeoutError(_) => (FaultKind::TimedOut, Delivery::Unknown),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            (FaultKind::TimedOut, Delivery::Unknown)
        }
        SdkError::DispatchFailure(_) => (FaultKind::Unreachable, Delivery::Unknown),
        SdkError::ResponseError(_) | SdkError::ServiceError(_)
            if is_from_sqs(error) == Some(false) =>
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
    }
}

/// Whether the error shows that SQS answers; `None` if the error shows neither.
pub(crate) fn shows_an_answer<E>(error: &SdkError<E>) -> Option<bool>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    classify(error).0.shows_an_answer()
}

/// Whether the answer to a failed call is from SQS: it has an SQS error code or a request id. `None` without an
/// answer.
fn is_from_sqs<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<bool> {
    let raw = error.raw_response()?;
    let has_code = error.code().is_some_and(|code| !code.is_empty());
    Some(has_code || raw.headers().get("x-amzn-requestid").is_some())
}

/// Whether SQS says that a message or a batch has too many bytes. The text of `InvalidParameterValue` was recorded
/// from SQS: `One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.`
pub(super) fn says_too_large(code: Option<&str>, text: Option<&str>) -> bool {
    let short = short(code.unwrap_or_default());
    short == "BatchRequestTooLong"
        || short.starts_with("InvalidParameterValue")
            && text.is_some_and(|text| text.contains("must be shorter than"))
}

/// The permission that the text of a denial names, unless it is the action's own: `User: .. is not authorized to
/// perform: sqs:tagqueue on resource: ..`. The rest of the text names principals and resources and is ignored.
pub(super) fn other_right(action: Action, text: &str) -> Option<Arc<str>> {
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

/// An error code without its namespace (`com.amazonaws.sqs#`, `AWS.SimpleQueueService.`). The namespace of KMS stays,
/// because without it KMS's codes have another meaning.
pub(super) fn short(code: &str) -> &str {
    let name = code.rsplit('#').next().unwrap_or_default();
    if is_of_kms(name) {
        return name;
    }
    name.rsplit('.').next().unwrap_or_default()
}

/// Whether a code, without the model's namespace, is an error of KMS.
pub(super) fn is_of_kms(name: &str) -> bool {
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

pub(super) fn of_the_queue(short: &str) -> Option<FaultKind> {
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
pub(super) fn kind_of_code(code: Option<&str>, status: u16) -> FaultKind {
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
pub(super) fn what_is_missing(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let last = causes(error).last()?.to_string();
    match last.as_str() {
        text if text.starts_with("failed to select an auth scheme") => Some("credentials provider"),
        text if text.ends_with("Missing Region") => Some("region"),
        _ => None,
    }
}

/// The SDK reports missing credentials as a failed dispatch or construction. Only the cause shows that credentials
/// are missing.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    std::iter::once(error)
        .chain(causes(error))
        .any(<dyn Error>::is::<CredentialsError>)
}
