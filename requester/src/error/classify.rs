//! Which failure becomes an error of which kind.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::{EnvelopeError, ErrorCode};
use sqs_rpc_transport::{Action, Delivery, Fault, FaultKind, NoRuntime};
use sqs_virtual_queues::{ExpectError, InvalidMessage, PendingError, QueueError};

use super::{Cause, RemoteError, RequestError, RequestErrorKind as Kind};

impl RequestError {
    pub(crate) fn timeout(after: Duration, delivery: Delivery) -> Self {
        Self::new(Kind::Timeout, delivery, Cause::Silence(after))
    }

    pub(crate) fn closed(delivery: Delivery) -> Self {
        Self::new(Kind::Closed, delivery, Cause::Plain)
    }

    pub(crate) fn no_runtime() -> Self {
        let cause = Cause::Failed("the requester is closed", Arc::new(NoRuntime));
        Self::new(Kind::Closed, Delivery::NotSent, cause)
    }

    pub(crate) fn overloaded(max: usize) -> Self {
        Self::new(Kind::Overloaded, Delivery::NotSent, Cause::Full(max))
    }

    pub(crate) fn invalid(why: impl Error + Send + Sync + 'static) -> Self {
        Self::new(
            Kind::InvalidRequest,
            Delivery::NotSent,
            Cause::Given(Arc::new(why)),
        )
    }

    /// The request's body could not be made. Nothing was sent.
    pub(crate) fn unwritable(why: Arc<dyn Error + Send + Sync>) -> Self {
        let cause = Cause::Failed("the body of the request cannot be written", why);
        Self::new(Kind::Codec, Delivery::NotSent, cause)
    }

    /// The reply's body is not of the expected type.
    #[cfg_attr(
        not(feature = "json"),
        expect(dead_code, reason = "only the feature `json` reads bodies")
    )]
    pub(crate) fn unreadable_body(why: impl Error + Send + Sync + 'static) -> Self {
        let cause = Cause::Failed("the body of the reply cannot be read", Arc::new(why));
        Self::new(Kind::Codec, Delivery::Sent, cause)
    }

    /// The reply's envelope is not valid, so that it is unknown whether the request succeeded.
    pub(crate) fn unreadable_header(why: EnvelopeError) -> Self {
        let cause = Cause::Failed("the reply's header cannot be read", Arc::new(why));
        Self::new(Kind::Codec, Delivery::Sent, cause)
    }

    /// The reply belongs to another request.
    pub(crate) fn reply_to_other(why: impl Error + Send + Sync + 'static) -> Self {
        let cause = Cause::Failed("the reply belongs to another request", Arc::new(why));
        Self::new(Kind::Codec, Delivery::Sent, cause)
    }

    pub(crate) fn remote_error(code: ErrorCode, message: String, retryable: bool) -> Self {
        let kind = if code == ErrorCode::REPLY_TOO_LARGE {
            Kind::ReplyTooLarge
        } else {
            Kind::Remote
        };
        Self::new(
            kind,
            Delivery::Sent,
            Cause::Remote(RemoteError {
                code,
                message,
                retryable,
            }),
        )
    }

    /// A call failed before the send, so that the request certainly was not sent.
    pub(crate) fn before_send(fault: Fault) -> Self {
        Self::call(fault, Delivery::NotSent)
    }

    /// The send itself failed.
    pub(crate) fn send(fault: Fault) -> Self {
        let delivery = fault.delivery();
        Self::call(fault, delivery)
    }

    /// The wait for the reply ended without a reply. `delivery` is the state of the send at that time, `timeout` the
    /// request's whole timeout.
    pub(crate) fn pending(why: PendingError, delivery: Delivery, timeout: Duration) -> Self {
        match why {
            PendingError::TimedOut => Self::timeout(timeout, delivery),
            PendingError::HostLost => Self::new(Kind::HostLost, delivery, Cause::Plain),
            PendingError::Failed(fault) => Self::call(fault, delivery),
            // The enum is non-exhaustive: `Closed`, and any future variant.
            _ => Self::closed(delivery),
        }
    }

    fn call(fault: Fault, delivery: Delivery) -> Self {
        let kind = match fault.kind() {
            _ if fault.is_too_large() && fault.action() == Action::SendMessageBatch => {
                Kind::TooLarge
            }
            FaultKind::Throttled => Kind::Throttled,
            FaultKind::AccessDenied => Kind::AccessDenied,
            FaultKind::QueueNotFound => Kind::QueueNotFound,
            FaultKind::Credentials => Kind::Credentials,
            FaultKind::NotSqs => Kind::NotSqs,
            FaultKind::Refused if fault.action() == Action::SendMessageBatch => {
                Kind::InvalidRequest
            }
            FaultKind::Closed => Kind::Closed,
            _ => Kind::Send,
        };
        Self::new(kind, delivery, Cause::Call(fault))
    }
}

impl From<InvalidMessage> for RequestError {
    fn from(why: InvalidMessage) -> Self {
        let kind = match why {
            InvalidMessage::TooLong { .. } => Kind::TooLarge,
            _ => Kind::InvalidRequest,
        };
        Self::new(kind, Delivery::NotSent, Cause::Given(Arc::new(why)))
    }
}

impl From<ExpectError> for RequestError {
    fn from(why: ExpectError) -> Self {
        match why {
            ExpectError::Ended(PendingError::HostLost) => {
                Self::new(Kind::HostLost, Delivery::NotSent, Cause::Plain)
            }
            ExpectError::NoRoom(max) => Self::overloaded(max),
            _ => Self::closed(Delivery::NotSent),
        }
    }
}

/// From the errors of [`VirtualQueues`](sqs_virtual_queues::VirtualQueues) when it is asked for a host or for the outbox.
impl From<QueueError> for RequestError {
    fn from(why: QueueError) -> Self {
        match why {
            QueueError::NoRuntime(_) => Self::no_runtime(),
            _ => Self::closed(Delivery::NotSent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqs_rpc_protocol::QueueUrl;

    #[derive(Debug, thiserror::Error)]
    #[error("the cause")]
    struct TheCause;

    fn fault(kind: FaultKind, delivery: Delivery) -> Fault {
        Fault::local(Action::SendMessageBatch, kind, delivery, TheCause)
    }

    fn entry(code: &str) -> RequestError {
        RequestError::send(Fault::of_entry(Action::SendMessageBatch, code, true))
    }

    #[test]
    fn each_failed_send_has_its_kind() {
        for (code, kind, retryable) in [
            ("ThrottlingException", Kind::Throttled, true),
            ("AccessDenied", Kind::AccessDenied, false),
            (
                "AWS.SimpleQueueService.NonExistentQueue",
                Kind::QueueNotFound,
                false,
            ),
            ("InvalidParameterValue", Kind::InvalidRequest, false),
            ("OverLimit", Kind::Send, true),
            ("ExpiredToken", Kind::Credentials, true),
            ("BatchRequestTooLong", Kind::TooLarge, false),
        ] {
            let error = entry(code);
            assert_eq!(
                (error.kind(), error.is_retryable()),
                (kind, retryable),
                "{code}"
            );
            assert_eq!(error.delivery(), Delivery::NotSent, "{code}");
        }
        for (kind, expected, retryable) in [
            (FaultKind::Unreachable, Kind::Send, true),
            (FaultKind::TimedOut, Kind::Send, true),
            (FaultKind::NotMade, Kind::Send, false),
            (FaultKind::Refused, Kind::InvalidRequest, false),
            (FaultKind::Closed, Kind::Closed, false),
        ] {
            let error = RequestError::send(fault(kind, Delivery::Unknown));
            assert_eq!(
                (error.kind(), error.is_retryable()),
                (expected, retryable),
                "{kind:?}"
            );
            assert_eq!(error.delivery(), Delivery::Unknown, "{kind:?}");
        }
    }

    #[test]
    fn a_fault_before_the_send_means_not_sent() {
        let error = RequestError::before_send(fault(FaultKind::TimedOut, Delivery::Unknown));
        assert_eq!(error.delivery(), Delivery::NotSent);
    }

    #[test]
    fn a_refused_queue_creation_is_no_invalid_request() {
        let refused = Fault::of_entry(Action::CreateQueue, "InvalidAttributeName", true);
        assert_eq!(RequestError::before_send(refused).kind(), Kind::Send);
    }

    #[test]
    fn denied_names_the_permission_and_not_the_batch_action() {
        let error = entry("AccessDenied");
        assert_eq!(
            error.to_string(),
            "sqs:SendMessage was denied (AccessDenied)"
        );
        assert_eq!(
            error.action().map(Action::permission),
            Some("sqs:SendMessage")
        );
    }

    #[test]
    fn error_replies_are_retryable_if_the_responder_says_so() {
        let remote = |code: ErrorCode| {
            let retryable = code.is_retryable();
            RequestError::remote_error(code, "secret".into(), retryable)
        };
        let busy = ErrorCode::from_static("db.busy");
        assert!(!remote(busy.clone()).is_retryable());
        assert!(RequestError::remote_error(busy, "secret".into(), true).is_retryable());
        assert!(remote(ErrorCode::OVERLOADED).is_retryable());
        assert!(!remote(ErrorCode::INTERNAL).is_retryable());
        assert_eq!(remote(ErrorCode::INTERNAL).kind(), Kind::Remote);
        let too_large = remote(ErrorCode::REPLY_TOO_LARGE);
        assert_eq!(
            (too_large.kind(), too_large.is_retryable()),
            (Kind::ReplyTooLarge, false)
        );
        assert!(too_large.remote().is_some());
    }

    #[test]
    fn the_ends_of_a_wait_have_their_kinds() {
        let of = |why| RequestError::pending(why, Delivery::Sent, Duration::from_secs(20)).kind();
        assert_eq!(of(PendingError::TimedOut), Kind::Timeout);
        assert_eq!(of(PendingError::HostLost), Kind::HostLost);
        assert_eq!(of(PendingError::Closed), Kind::Closed);
        let denied = Fault::of_entry(Action::ReceiveMessage, "AccessDenied", true);
        assert_eq!(of(PendingError::Failed(denied)), Kind::AccessDenied);
    }

    #[test]
    fn texts_show_neither_a_body_nor_a_queue_url() {
        let queue = QueueUrl::parse("http://localhost:9324/000000000000/login").unwrap();
        let id =
            sqs_rpc_protocol::CorrelationId::new(sqs_rpc_protocol::ProcessPrefix::from_bits(1), 2);
        let timeout = |delivery| {
            RequestError::timeout(Duration::from_secs(20), delivery)
                .of(&queue, id)
                .to_string()
        };
        let silence = "no reply within 20s";
        assert_eq!(timeout(Delivery::Sent), silence);
        assert_eq!(
            timeout(Delivery::NotSent),
            format!("{silence} (the request was not sent)")
        );
        assert_eq!(
            timeout(Delivery::Unknown),
            format!("{silence} (the request may not have been sent)")
        );

        let missing = entry("QueueDoesNotExist").of(&queue, id);
        assert_eq!(missing.to_string(), "the queue does not exist");
        assert!(format!("{missing:?}").contains(queue.as_str()));
        let account = "https://sqs.eu-west-1.amazonaws.com/123456789012/a b";
        let invalid = RequestError::invalid(QueueUrl::parse(account).unwrap_err());
        assert!(!invalid.to_string().contains("123456789012"), "{invalid}");
        assert!(invalid.source().unwrap().to_string().contains(account));

        let remote = RequestError::remote_error(
            ErrorCode::from_static("login.unknown_user"),
            "canary".into(),
            false,
        );
        assert_eq!(
            remote.to_string(),
            "the responder answered with error code login.unknown_user"
        );
        assert!(!format!("{remote:?}").contains("canary"));

        let unreachable = RequestError::send(fault(FaultKind::Unreachable, Delivery::Unknown));
        assert_eq!(
            unreachable.to_string(),
            "SendMessageBatch lost its connection before an answer"
        );
        assert_eq!(unreachable.source().unwrap().to_string(), "the cause");
    }
}
