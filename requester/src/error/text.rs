//! The text of an error: lower case, no full stop, no text of its source, no queue's URL.

use std::fmt;

use sqs_rpc_protocol::QueueUrlError;
use sqs_rpc_transport::{Delivery, WithCauses};

use super::{Cause, Inner, RequestError, RequestErrorKind};

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(&self.0, f)
    }
}

fn write(error: &Inner, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (&error.cause, error.kind) {
        (Cause::Silence(within), _) => {
            write!(f, "no reply within {within:?}")?;
            f.write_str(match error.delivery {
                Delivery::NotSent => " (the request was not sent)",
                Delivery::Sent => "",
                _ => " (the request may not have been sent)",
            })
        }
        (Cause::Call(_), RequestErrorKind::QueueNotFound) if error.queue.is_some() => {
            f.write_str("the queue does not exist")
        }
        (Cause::Call(fault), _) => write!(f, "{fault}"),
        (Cause::Remote(_), RequestErrorKind::ReplyTooLarge) => {
            f.write_str("the reply is too large for SQS")
        }
        (Cause::Remote(remote), _) => {
            write!(f, "the responder answered with error code {}", remote.code)
        }
        (Cause::Full(max), _) => write!(f, "{max} requests are pending, the maximum"),
        (Cause::Given(why), RequestErrorKind::TooLarge) => {
            write!(f, "request too large: {}", WithCauses(&**why))
        }
        (Cause::Given(why), _) if let Some(why) = why.downcast_ref::<QueueUrlError>() => {
            write!(
                f,
                "invalid request: the URL of the queue is not valid: {}",
                why.kind()
            )
        }
        (Cause::Given(why), _) => write!(f, "invalid request: {}", WithCauses(&**why)),
        (Cause::Failed(what, _), _) => f.write_str(what),
        (Cause::Plain, RequestErrorKind::HostLost) => f.write_str("the reply queue was deleted"),
        (Cause::Plain, RequestErrorKind::Closed) => {
            f.write_str("the requester is shut down, or its runtime has ended")
        }
        (Cause::Plain, kind) => write!(f, "{kind:?}"),
    }
}
