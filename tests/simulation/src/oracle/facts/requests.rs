//! What is known of one request, and what it asks for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coverage::Check;
use crate::exchange::GUILTY;
use crate::link::Link;
use crate::process::LifeId;

/// What a request may take besides its handler if nothing hinders it.
const SLOW: Duration = Duration::from_secs(5);

/// What a request asks for; the last part of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A reply at once.
    Echo,
    /// A reply after so many milliseconds.
    Sleep(u64),
    /// The handler panics.
    Panic,
    /// The handler answers an error.
    Fail,
    /// The handler never returns.
    Hang,
    /// The handler never returns, and panics when it is dropped.
    HangAndPanic,
    /// It has the same idempotency key as all others of its kind, and another body.
    SameKey,
    /// The reply is too large for SQS.
    Huge,
    /// SQS refuses the request.
    Guilty,
}

impl Kind {
    /// As it stands in the body.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Echo => "echo".to_owned(),
            Self::Sleep(millis) => format!("sleep {millis}"),
            Self::Panic => "panic".to_owned(),
            Self::Fail => "fail".to_owned(),
            Self::Hang => "hang".to_owned(),
            Self::HangAndPanic => "hang and panic".to_owned(),
            Self::SameKey => "same key".to_owned(),
            Self::Huge => "huge".to_owned(),
            Self::Guilty => GUILTY.to_owned(),
        }
    }

    /// What a body asks for.
    #[must_use]
    pub fn of_body(body: &str) -> Option<Self> {
        let (_, kind) = body.rsplit_once(':')?;
        Some(match kind {
            "echo" => Self::Echo,
            "panic" => Self::Panic,
            "fail" => Self::Fail,
            "hang" => Self::Hang,
            "hang and panic" => Self::HangAndPanic,
            "same key" => Self::SameKey,
            "huge" => Self::Huge,
            GUILTY => Self::Guilty,
            _ => Self::Sleep(kind.strip_prefix("sleep ")?.parse().ok()?),
        })
    }
}

/// What the user asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The name of the request queue.
    pub queue: String,
    /// What the handler does with it.
    pub kind: Kind,
    /// How long the user waits.
    pub timeout: Duration,
    /// It must succeed, whatever happens. The check that fails if it does not.
    pub must_succeed: Option<Check>,
    /// It must succeed if nothing hinders it: its requester has a host of its own.
    pub own_host: bool,
}

impl Asked {
    /// Whether it is answered with a reply if nothing hinders it.
    pub(crate) fn succeeds(&self) -> bool {
        let takes = match self.kind {
            Kind::Echo => Duration::ZERO,
            Kind::Sleep(millis) => Duration::from_millis(millis),
            _ => return false,
        };
        // The first request makes the host, which takes a second.
        self.own_host && takes + SLOW <= self.timeout
    }
}

#[derive(Debug)]
pub(crate) struct RequestFacts {
    pub(crate) link: Link,
    pub(crate) asked: Asked,
    pub(crate) begun: Duration,
    /// On the process's own clock.
    pub(crate) deadline: Duration,
    pub(crate) ended: bool,
    /// Its process does not know yet that its clocks have stood still: the absolute expiry is too early.
    pub(crate) unaware: bool,
    /// In true time, of the last time that SQS accepted it: a send of unknown outcome is made again.
    pub(crate) accepted: Option<Duration>,
    pub(crate) handled: u32,
    /// Who began to handle it, and when.
    pub(crate) handlers: Vec<(LifeId, Duration)>,
    /// Read often enough for its dead-letter queue.
    pub(crate) received: u32,
    /// Message ids of what SQS accepted: a send whose answer is lost is made again.
    pub(crate) copies: Vec<String>,
}

impl RequestFacts {
    /// The name of its queue.
    pub(crate) fn queue(&self) -> &str {
        &self.asked.queue
    }

    /// Whether another request with its idempotency key may have been handled in its place.
    pub(crate) fn is_of_a_key(&self) -> bool {
        self.asked.kind == Kind::SameKey
    }

    /// The process that asked.
    pub(crate) fn process(&self) -> usize {
        self.link.life.process
    }

    /// In true time, the earliest moment at which a responder may think that its time is over.
    pub(crate) fn expires(&self, ahead: Duration) -> Duration {
        // Its requester's clock may be fast.
        (self.begun + self.asked.timeout.mul_f64(0.99)).saturating_sub(ahead)
    }

    /// Whether somebody waits for its end.
    pub(crate) fn waits(&self) -> bool {
        !self.ended && !self.link.gate.is_killed()
    }
}
