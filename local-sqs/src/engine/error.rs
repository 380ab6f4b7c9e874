//! The errors of the SQS API: their names in both protocols, and their HTTP status.

use super::caller::Caller;
use std::fmt;

/// An error as SQS returns it: a kind with its names on the wire, and a text for people.
///
/// # Examples
///
/// ```
/// use local_sqs::engine::{SqsError, ErrorKind};
///
/// let error = SqsError::new(ErrorKind::QueueDoesNotExist, "The specified queue does not exist.");
/// assert_eq!(error.kind().query_code(), "AWS.SimpleQueueService.NonExistentQueue");
/// assert_eq!(error.kind().status(), 400);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqsError {
    kind: ErrorKind,
    message: String,
}

impl SqsError {
    /// An error of this kind with this text.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The kind of the error.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// SQS's text for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn no_such_queue() -> Self {
        Self::new(
            ErrorKind::QueueDoesNotExist,
            "The specified queue does not exist.",
        )
    }

    pub(crate) fn access_denied(caller: &Caller, action: &str, resource: &str) -> Self {
        let Caller {
            account, principal, ..
        } = caller;
        let action = action.to_lowercase();
        Self::new(
            ErrorKind::AccessDenied,
            format!(
                "User: arn:aws:iam::{account}:user/{principal} is not authorized to perform: sqs:{action} on resource: \
                 {resource}"
            ),
        )
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(
            ErrorKind::MissingRequiredParameterException,
            format!("The request must contain the parameter {parameter}."),
        )
    }

    pub(crate) fn invalid_value(value: impl fmt::Display, parameter: &str, reason: &str) -> Self {
        Self::new(
            ErrorKind::InvalidParameterValueException,
            format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"),
        )
    }

    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidParameterValueException, reason)
    }
}

impl fmt::Display for SqsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for SqsError {}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $query:literal, $status:literal;)*) => {
        /// The kinds of errors, in SQS's own terms.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ErrorKind {
            /// The name in the JSON protocol: the last part of `__type`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }

            /// The code in the Query protocol, which `x-amzn-query-error` carries in the JSON protocol.
            pub const fn query_code(self) -> &'static str {
                match self { $(Self::$kind => $query,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$kind => $status,)* }
            }
        }
    };
}

// Names, codes and statuses are from the service's published model and from its page "Common errors".
kinds! {
    /// The caller does not have permission.
    AccessDenied, "AccessDenied", 403;
    /// Two entries of a batch have the same id.
    BatchEntryIdsNotDistinct, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400;
    /// The messages of a batch are too large in total.
    BatchRequestTooLong, "AWS.SimpleQueueService.BatchRequestTooLong", 400;
    /// A batch has no entries.
    EmptyBatchRequest, "AWS.SimpleQueueService.EmptyBatchRequest", 400;
    /// SQS failed.
    InternalFailure, "InternalFailure", 500;
    /// No action has this name.
    InvalidAction, "InvalidAction", 400;
    /// The text is not a queue URL.
    InvalidAddress, "InvalidAddress", 404;
    /// No queue attribute has this name.
    InvalidAttributeName, "InvalidAttributeName", 400;
    /// A queue attribute cannot have this value.
    InvalidAttributeValue, "InvalidAttributeValue", 400;
    /// The id of a batch entry has characters that are not allowed.
    InvalidBatchEntryId, "AWS.SimpleQueueService.InvalidBatchEntryId", 400;
    /// The access key is unknown.
    InvalidClientTokenId, "InvalidClientTokenId", 403;
    /// A body has characters outside of the allowed set.
    InvalidMessageContents, "InvalidMessageContents", 400;
    /// A parameter cannot have this value.
    InvalidParameterValueException, "InvalidParameterValue", 400;
    /// The request names no action.
    MissingAction, "MissingAction", 400;
    /// Credentials are missing.
    MissingAuthenticationToken, "MissingAuthenticationToken", 403;
    /// The service does not accept the request's HTTP method.
    MethodNotAllowed, "MethodNotAllowed", 405;
    /// A parameter is missing.
    MissingRequiredParameterException, "MissingParameter", 400;
    /// The message is not in flight.
    MessageNotInflight, "AWS.SimpleQueueService.MessageNotInflight", 400;
    /// The API has no such version.
    NoSuchVersion, "NoSuchVersion", 400;
    /// A quota is used up.
    OverLimit, "OverLimit", 403;
    /// The queue was purged less than 60 seconds ago.
    PurgeQueueInProgress, "AWS.SimpleQueueService.PurgeQueueInProgress", 403;
    /// A queue of this name was deleted less than 60 seconds ago.
    QueueDeletedRecently, "AWS.SimpleQueueService.QueueDeletedRecently", 400;
    /// The queue does not exist.
    QueueDoesNotExist, "AWS.SimpleQueueService.NonExistentQueue", 400;
    /// A queue of this name exists with other attributes.
    QueueNameExists, "QueueAlreadyExists", 400;
    /// The text is not a receipt handle of this queue.
    ReceiptHandleIsInvalid, "ReceiptHandleIsInvalid", 404;
    /// The request has more bytes than the service accepts.
    RequestEntityTooLarge, "RequestEntityTooLarge", 413;
    /// The request did not arrive in time.
    RequestTimeout, "RequestTimeout", 408;
    /// Too many requests.
    RequestThrottled, "RequestThrottled", 403;
    /// The resource does not exist.
    ResourceNotFoundException, "ResourceNotFoundException", 404;
    /// The request is not well formed.
    SerializationException, "MalformedInput", 400;
    /// SQS cannot answer now.
    ServiceUnavailable, "ServiceUnavailable", 503;
    /// The signature does not match.
    SignatureDoesNotMatch, "SignatureDoesNotMatch", 403;
    /// A batch has more than ten entries.
    TooManyEntriesInBatchRequest, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400;
    /// The service has no such operation.
    UnknownOperationException, "UnknownOperation", 404;
    /// The queue does not support the operation.
    UnsupportedOperation, "AWS.SimpleQueueService.UnsupportedOperation", 400;
}

impl ErrorKind {
    /// Whether the error is the caller's fault, as shown in `SenderFault` and at the end of `x-amzn-query-error`.
    pub const fn is_sender_fault(self) -> bool {
        self.status() < 500
    }
}
