//! The text of a [`Fault`].

use std::fmt;

use super::classify::{short, what_is_missing};
use super::{Delivery, Fault, FaultKind};
use crate::causes::causes;

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
