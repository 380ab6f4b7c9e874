//! The facts about one request, and its parameters.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coverage::Check;
use crate::exchange::GUILTY;
use crate::link::Link;
use crate::process::LifeId;

/// The maximum time of a request in addition to its handler's if no fault affects it.
const SLOW: Duration = Duration::from_secs(5);

/// The kind of a request, which is the last part of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A reply at once.
    Echo,
    /// A reply after this number of milliseconds.
    Sleep(u64),
    /// The handler panics.
    Panic,
    /// The handler returns an error.
    Fail,
    /// The handler never returns.
    Hang,
    /// The handler never returns, and panics when it is dropped.
    HangAndPanic,
    /// The request has the same idempotency key as all others of its kind, but another body.
    SameKey,
    /// The reply is too large for SQS.
    Huge,
    /// SQS refuses the request.
    Guilty,
}

impl Kind {
    /// The text of the kind in the body.
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

    /// The kind in a body.
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

/// The parameters of a request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The name of the request queue.
    pub queue: String,
    /// The kind of the request.
    pub kind: Kind,
    /// The timeout of the request.
    pub timeout: Duration,
    /// The request must succeed, whatever happens. The value is the check that fails if it does not.
    pub must_succeed: Option<Check>,
    /// Whether its requester has its own host, so that the request must succeed if no fault affects it.
    pub own_host: bool,
}

impl Asked {
    /// Whether the request must get a reply if no fault affects it.
    pub(crate) fn succeeds(&self) -> bool {
        let takes = match self.kind {
            Kind::Echo => Duration::ZERO,
            Kind::Sleep(millis) => Duration::from_millis(millis),
            _ => return false,
        };
        // The first request creates the host, which takes a second.
        self.own_host && takes + SLOW <= self.timeout
    }
}

#[derive(Debug)]
pub(crate) struct RequestFacts {
    pub(crate) link: Link,
    pub(crate) asked: Asked,
    pub(crate) begun: Duration,
    /// The deadline on the process's own clock.
    pub(crate) deadline: Duration,
    pub(crate) ended: bool,
    /// Whether its process did not know at the begin that its clocks had been stopped, so that the absolute expiry is too
    /// early.
    pub(crate) unaware: bool,
    /// When SQS last accepted it, in true time. A send of unknown outcome is repeated.
    pub(crate) accepted: Option<Duration>,
    pub(crate) handled: u32,
    /// The lives that began to handle it, and when.
    pub(crate) handlers: Vec<(LifeId, Duration)>,
    /// The number of deliveries, to know whether it may be in the dead-letter queue.
    pub(crate) received: u32,
    /// The message ids under which SQS accepted it. A send whose answer is lost is repeated.
    pub(crate) copies: Vec<String>,
}

impl RequestFacts {
    /// The name of its queue.
    pub(crate) fn queue(&self) -> &str {
        &self.asked.queue
    }

    /// Whether another request with the same idempotency key may have been handled instead.
    pub(crate) fn is_of_a_key(&self) -> bool {
        self.asked.kind == Kind::SameKey
    }

    /// The process of the requester.
    pub(crate) fn process(&self) -> usize {
        self.link.life.process
    }

    /// The earliest true time at which a responder may consider the request expired.
    pub(crate) fn expires(&self, ahead: Duration) -> Duration {
        // The requester's clock may be fast.
        (self.begun + self.asked.timeout.mul_f64(0.99)).saturating_sub(ahead)
    }

    /// Whether its user waits for its end.
    pub(crate) fn waits(&self) -> bool {
        !self.ended && !self.link.gate.is_killed()
    }
}
