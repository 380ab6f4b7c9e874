//! Maps failures to errors of SQS.

use aws_sdk_sqs::error::ConnectorError;
use serde_json::{Value, json};
use sqs_rpc_transport::{Fault, FaultKind, WithCauses};

use crate::{InvalidMessage, QueueError};

/// An error in the form in which SQS would answer it.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The code of the Query protocol, which the SDK uses.
    code: String,
    status: u16,
    text: String,
}

/// The failure of a call that is served here.
#[derive(Debug)]
pub(super) enum Failure {
    /// The call fails with an answer.
    Refused(Refusal),
    /// The call fails without an answer, like a broken connection.
    Lost(ConnectorError),
}

/// The errors that this module creates. Names, codes and statuses are those of SQS's published model.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InvalidAddress,
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidBatchEntryId,
    InvalidMessageContents,
    InvalidParameterValue,
    MalformedInput,
    MissingParameter,
    OverLimit,
    QueueDoesNotExist,
    QueueNameExists,
    TooManyEntriesInBatchRequest,
    UnsupportedOperation,
}

impl Kind {
    const fn code(self) -> &'static str {
        match self {
            Self::BatchEntryIdsNotDistinct => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            Self::BatchRequestTooLong => "AWS.SimpleQueueService.BatchRequestTooLong",
            Self::EmptyBatchRequest => "AWS.SimpleQueueService.EmptyBatchRequest",
            Self::InvalidAddress => "InvalidAddress",
            Self::InvalidAttributeName => "InvalidAttributeName",
            Self::InvalidAttributeValue => "InvalidAttributeValue",
            Self::InvalidBatchEntryId => "AWS.SimpleQueueService.InvalidBatchEntryId",
            Self::InvalidMessageContents => "InvalidMessageContents",
            Self::InvalidParameterValue => "InvalidParameterValue",
            Self::MalformedInput => "MalformedInput",
            Self::MissingParameter => "MissingParameter",
            Self::OverLimit => "OverLimit",
            Self::QueueDoesNotExist => "AWS.SimpleQueueService.NonExistentQueue",
            Self::QueueNameExists => "QueueAlreadyExists",
            Self::TooManyEntriesInBatchRequest => {
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
            }
            Self::UnsupportedOperation => "AWS.SimpleQueueService.UnsupportedOperation",
        }
    }

    const fn status(self) -> u16 {
        match self {
            Self::InvalidAddress => 404,
            Self::OverLimit => 403,
            _ => 400,
        }
    }
}

impl Refusal {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            code: kind.code().to_owned(),
            status: kind.status(),
            text: text.into(),
        }
    }

    pub(super) fn missing(parameter: &str) -> Self {
        let text = format!("The request must contain the parameter {parameter}.");
        Self::new(Kind::MissingParameter, text)
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn is_sender_fault(&self) -> bool {
        self.status < 500
    }

    /// The code and the text, for an entry of a batch.
    pub(super) fn into_parts(self) -> (String, String) {
        (self.code, self.text)
    }

    /// The value of the header `x-amzn-query-error`.
    pub(super) fn query_error(&self) -> String {
        let fault = if self.is_sender_fault() {
            "Sender"
        } else {
            "Receiver"
        };
        format!("{};{fault}", self.code)
    }

    pub(super) fn body(&self) -> Value {
        let short = self.code.rsplit('.').next().unwrap_or_default();
        // For two errors the JSON name is not the last part of the Query protocol's code.
        let name = match short {
            "NonExistentQueue" => "QueueDoesNotExist",
            "QueueAlreadyExists" => "QueueNameExists",
            name => name,
        };
        json!({ "__type": format!("com.amazonaws.sqs#{name}"), "message": self.text })
    }

    /// SQS's own error for a call that was made to serve this call.
    fn of_sqs(code: &str, fault: &Fault) -> Self {
        let status = match fault.kind() {
            FaultKind::Unavailable => 503,
            FaultKind::Throttled
            | FaultKind::AccessDenied
            | FaultKind::Credentials
            | FaultKind::OverLimit => 403,
            _ => 400,
        };
        Self {
            code: code.to_owned(),
            status,
            text: fault
                .said()
                .map_or_else(|| fault.to_string(), str::to_owned),
        }
    }
}

impl Failure {
    /// The error of one batch entry. An entry cannot have a broken connection of its own.
    pub(super) fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Lost(error) => Refusal {
                code: "ServiceUnavailable".to_owned(),
                status: 503,
                text: WithCauses(&error).to_string(),
            },
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        let kind = match &error {
            QueueError::Call(fault) => return of_call(fault),
            QueueError::Closed | QueueError::NoRuntime(_) => {
                return Self::Lost(ConnectorError::other(error.into(), None));
            }
            QueueError::DoesNotExist(_) => Kind::QueueDoesNotExist,
            QueueError::TooMany(_) => Kind::OverLimit,
            QueueError::Taken(_) => Kind::QueueNameExists,
            // No SDK call can cause this error.
            QueueError::Handled => Kind::UnsupportedOperation,
            QueueError::InvalidMessage(InvalidMessage::Body(_)) => Kind::InvalidMessageContents,
            QueueError::InvalidName(_)
            | QueueError::InvalidMessage(_)
            | QueueError::InvalidTag(_)
            | QueueError::OutOfRange { .. } => Kind::InvalidParameterValue,
        };
        Refusal::new(kind, WithCauses(&error).to_string()).into()
    }
}

fn of_call(fault: &Fault) -> Failure {
    if let Some(code) = fault.code() {
        return Refusal::of_sqs(code, fault).into();
    }
    let source = fault.clone().into();
    Failure::Lost(match fault.kind() {
        FaultKind::TimedOut => ConnectorError::timeout(source),
        FaultKind::Unreachable => ConnectorError::io(source),
        _ => ConnectorError::other(source, None),
    })
}
