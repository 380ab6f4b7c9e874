//! How an error reads: lower case, no full stop, nothing that its source says as well.

use std::error::Error;
use std::fmt;

use sqs_virtual_queues::sqs::Delivery;

use super::{Cause, Inner, RequestErrorKind};

pub(super) fn write(error: &Inner, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (&error.cause, error.kind) {
        (Cause::Silence(within), _) => {
            f.write_str("no reply")?;
            if let Some(queue) = &error.queue {
                write!(f, " from {queue}")?;
            }
            write!(f, " within {within:?}")?;
            f.write_str(match error.delivery {
                Delivery::NotSent => " (the request was not sent)",
                Delivery::Sent => "",
                _ => " (the request may not have been sent)",
            })
        }
        (Cause::Call(fault), RequestErrorKind::QueueNotFound) => match &error.queue {
            Some(queue) => write!(f, "the queue {queue} does not exist"),
            None => write!(f, "{fault}"),
        },
        (Cause::Call(fault), _) => write!(f, "{fault}"),
        (Cause::Remote(_), RequestErrorKind::ReplyTooLarge) => {
            f.write_str("the reply is too large for SQS")
        }
        (Cause::Remote(remote), _) => {
            write!(f, "the responder answered with error code {}", remote.code)
        }
        (Cause::Full(max), _) => write!(f, "{max} requests are pending, the most that are allowed"),
        (Cause::Given(why), RequestErrorKind::TooLarge) => {
            write!(f, "request too large: {}", Chain(&**why))
        }
        (Cause::Given(why), _) => write!(f, "invalid request: {}", Chain(&**why)),
        (Cause::Failed(what, _), _) => f.write_str(what),
        (Cause::Plain, RequestErrorKind::HostLost) => f.write_str("the reply host queue is gone"),
        (Cause::Plain, RequestErrorKind::Closed) => {
            f.write_str("the requester is shut down, or its runtime has ended")
        }
        (Cause::Plain, kind) => write!(f, "{kind:?}"),
    }
}

/// An error and all its sources.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut error = self.0;
        while let Some(source) = error.source() {
            write!(f, ": {source}")?;
            error = source;
        }
        Ok(())
    }
}
