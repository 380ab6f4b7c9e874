//! Requests: I1, I2, I3.
//!
//! A request's body is its name: `q<process>.<life>-<number>:<kind>`. So whoever sees it, on a queue, in a handler or in a
//! reply, knows which it is.

use std::time::Duration;

use sqs_requester::{Reply, RequestError, RequestErrorKind};

use super::{Oracle, State};
use crate::coverage::Check;
use crate::network::Link;

/// Timers are of whole milliseconds, and drift rounds once more.
const TICK: Duration = Duration::from_millis(5);
/// By how much a `Date` that is off may be ahead, and a second for its cut-off part.
const DATES_OFF: Duration = Duration::from_secs(6);
/// What ends at once ends within this.
const AT_ONCE: Duration = Duration::from_millis(100);
/// How late SQS's time may be known: a second cut off, and a slow answer on either side.
const LATE: Duration = Duration::from_secs(5);

/// The code of the error that says so.
const REUSED: &str = "idempotency_key_reused";

/// What a request asks for; the last part of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            Self::Guilty => crate::network::GUILTY.to_owned(),
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
            crate::network::GUILTY => Self::Guilty,
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
    /// Nothing hinders it: it must succeed. The check that fails if it does not.
    pub must_succeed: Option<Check>,
}

/// How a request ended for its user.
#[derive(Debug)]
pub enum Outcome {
    /// With a reply, or an error.
    Ended(Box<Result<Reply, RequestError>>),
    /// Its future was dropped.
    Cancelled,
}

#[derive(Debug)]
pub(super) struct RequestFacts {
    link: Link,
    asked: Asked,
    begun: Duration,
    /// On the process's own clock.
    deadline: Duration,
    ended: bool,
    /// Its process does not know yet that its clocks have stood still: the absolute expiry is too early.
    unaware: bool,
    /// In true time, of the last time that SQS accepted it: a send of unknown outcome is made again.
    pub(super) accepted: Option<Duration>,
    pub(super) handled: u32,
    /// Read often enough for its dead-letter queue.
    pub(super) received: u32,
}

impl RequestFacts {
    /// Whether somebody waits for its end.
    pub(super) fn waits(&self) -> bool {
        !self.ended && !self.link.gate.is_killed()
    }
}

impl Oracle {
    /// A user begins a request: its future is about to be polled for the first time.
    pub fn begins(&self, link: &Link, body: &str, asked: Asked) {
        self.note(format_args!("{} asks {body}", link.life));
        let mut state = self.lock();
        state.rates.operation(link.life, self.0.time.now());
        let facts = RequestFacts {
            deadline: link.clock.now() + asked.timeout,
            link: link.clone(),
            asked,
            begun: self.0.time.now(),
            ended: false,
            unaware: state.leases.is_unaware(link.life),
            accepted: None,
            handled: 0,
            received: 0,
        };
        state.pending.insert(body.to_owned());
        let twice = state.requests.insert(body.to_owned(), facts).is_some();
        drop(state);
        if twice {
            self.broken("simulation", format!("{body} was asked twice"));
        }
    }

    /// All tasks of a life end now.
    pub fn tasks_end(&self, life: crate::process::LifeId) {
        let now = self.0.time.now();
        self.lock().tasks_ended.insert(life, now);
    }

    /// A request has ended.
    pub fn ends(&self, body: &str, outcome: &Outcome) {
        let text = match outcome {
            Outcome::Ended(result) => match &**result {
                Ok(_) => "reply".to_owned(),
                Err(error) => format!("{:?}/{:?}", error.kind(), error.delivery()),
            },
            Outcome::Cancelled => "cancelled".to_owned(),
        };
        self.note(format_args!("{body} ends: {text}"));
        let mut state = self.lock();
        state.pending.remove(body);
        self.lost_ends(&mut state, body);
        let Some(facts) = state.requests.get_mut(body) else {
            return;
        };
        facts.ended = true;
        let now = facts.link.clock.now();
        let (deadline, resumed) = (facts.deadline, facts.link.gate.resumed());
        let (asked, life) = (facts.asked.clone(), facts.link.life);
        let (unaware, begun) = (facts.unaware, facts.begun);
        let Outcome::Ended(result) = outcome else {
            return;
        };
        let end = deadline.max(resumed) + TICK;
        self.checked(&mut state, Check::EndsInTime, now <= end, || {
            format!(
                "{body} of {life} ended {:?} after its deadline",
                now - deadline
            )
        });
        if let Some(ended) = state.tasks_ended.get(&life).copied() {
            let took = self.0.time.now().saturating_sub(ended.max(begun));
            let closed =
                matches!(&**result, Err(error) if error.kind() == RequestErrorKind::Closed);
            let right = took <= AT_ONCE && (closed || begun < ended);
            self.checked(&mut state, Check::ClosedAtOnce, right, || {
                format!(
                    "{body} of {life}, whose tasks have ended, ended with {text} after {took:?}"
                )
            });
        }
        match &**result {
            Ok(reply) => {
                let expected = reply_to(body, asked.kind);
                let own = expected.as_deref() == Some(reply.body());
                self.checked(&mut state, Check::OwnReply, own, || {
                    format!("{body} got the reply {:.80}", reply.body())
                });
            }
            Err(error) => {
                if error.kind() == RequestErrorKind::Timeout {
                    self.checked(&mut state, Check::NotTooEarly, now >= deadline, || {
                        format!("{body} timed out {:?} too early", deadline - now)
                    });
                }
                let right = is_right(asked.kind, error);
                self.checked(&mut state, Check::RightError, right, || {
                    format!("{body} ended with {error}")
                });
            }
        }
        if let Some(check) = asked.must_succeed.filter(|_| !unaware) {
            self.checked(&mut state, check, result.is_ok(), || {
                format!("{body} of {life} ended with {text}")
            });
        }
    }

    /// A handler begins with a request.
    pub fn handles(&self, link: &Link, body: &str) {
        self.note(format_args!("{} handles {body}", link.life));
        let now = self.0.time.now();
        let mut state = self.lock();
        self.checked(&mut state, Check::NotCorrupted, !is_changed(body), || {
            format!("{} handles {body}", link.life)
        });
        let times = state
            .handled
            .entry((link.life, body.to_owned()))
            .or_default();
        *times += 1;
        let times = *times;
        self.checked(&mut state, Check::HandledOnce, times == 1, || {
            format!("{} handles {body} for the {times}. time", link.life)
        });
        if body.starts_with("old") && !self.0.leniency.no_dates {
            self.checked(&mut state, Check::NotHandledLate, false, || {
                format!("{} handles {body}", link.life)
            });
        }
        let Some(facts) = state.requests.get_mut(body) else {
            return;
        };
        facts.handled += 1;
        // What travels is how long the user waits from the send on. A send that is made again says the same later.
        let since = facts.accepted.unwrap_or_default().max(facts.begun);
        let late = now.saturating_sub(since + facts.asked.timeout);
        if !self.0.leniency.clocks && !self.0.leniency.dates_ahead {
            self.checked(&mut state, Check::NotHandledLate, late <= LATE, || {
                format!("{body} is handled {late:?} after its deadline")
            });
        }
    }

    /// Looks at all requests that are pending.
    pub fn looks_at_pending(&self) {
        let mut state = self.lock();
        let pending = state.pending.iter();
        let overdue: Vec<_> = pending
            .filter_map(|body| Some((body, state.requests.get(body)?)))
            .filter(|(_, facts)| facts.link.gate.is_open())
            .map(|(body, facts)| {
                let end = facts.deadline.max(facts.link.gate.resumed()) + TICK;
                (body.clone(), facts.link.clock.now().saturating_sub(end))
            })
            .collect();
        for (body, late) in overdue {
            self.checked(&mut state, Check::NotOverdue, late.is_zero(), || {
                format!("{body} is still pending {late:?} after its deadline")
            });
        }
    }

    /// Requests of this life that have not ended.
    #[must_use]
    pub fn pending_of(&self, link: &Link) -> usize {
        let state = self.lock();
        let of_life = |facts: &&RequestFacts| !facts.ended && facts.link.life == link.life;
        state.requests.values().filter(of_life).count()
    }

    /// At the end of a run: what SQS accepted was handled, or has expired, or is in the dead-letter queue. `served`
    /// says whether somebody has served a queue long enough.
    pub fn looks_at_accepted(&self, served: impl Fn(&str) -> bool, most_receives: u32) {
        let now = self.0.time.now();
        let mut state = self.lock();
        let left: Vec<_> = state
            .requests
            .iter()
            .filter(|(_, facts)| facts.accepted.is_some() && served(&facts.asked.queue))
            .map(|(body, facts)| {
                let expired = facts.unaware || now >= facts.begun + facts.asked.timeout;
                let done = facts.asked.kind == Kind::SameKey
                    || facts.handled > 0
                    || !facts.ended
                    || expired
                    || facts.received >= most_receives;
                (body.clone(), done)
            })
            .collect();
        for (body, done) in left {
            self.checked(&mut state, Check::AllHandled, done, || {
                format!("{body} was accepted, and nobody has handled it")
            });
        }
    }
}

impl State {
    /// SQS deletes a request: that is right only if it was handled or has expired. `None`: it is no request.
    pub(super) fn may_be_deleted(
        &self,
        body: &str,
        now: Duration,
        dates_ahead: bool,
    ) -> Option<bool> {
        let facts = self.requests.get(body)?;
        let slack = if dates_ahead {
            DATES_OFF
        } else {
            Duration::ZERO
        };
        // Its requester's clock may be fast.
        let waits = facts.asked.timeout.mul_f64(0.99);
        let refused = facts.asked.kind == Kind::SameKey;
        Some(refused || facts.handled > 0 || facts.unaware || now + slack >= facts.begun + waits)
    }
}

/// What a handler answers; `None`: an error.
#[must_use]
pub fn reply_to(body: &str, kind: Kind) -> Option<String> {
    matches!(kind, Kind::Echo | Kind::Sleep(_) | Kind::SameKey).then(|| format!("reply to {body}"))
}

/// Whether the network has changed a body.
pub(super) fn is_changed(body: &str) -> bool {
    body.ends_with("(changed)")
}

/// Whether a request of this kind may end with this error: an answer of its handler must be the one that it gives.
fn is_right(kind: Kind, error: &RequestError) -> bool {
    match error.kind() {
        RequestErrorKind::ReplyTooLarge => kind == Kind::Huge,
        RequestErrorKind::Remote => match kind {
            Kind::Panic | Kind::Fail | Kind::Hang | Kind::HangAndPanic => true,
            Kind::SameKey => error
                .remote()
                .is_some_and(|remote| remote.code.as_str() == REUSED),
            _ => false,
        },
        RequestErrorKind::AccessDenied => error.action().is_some(),
        RequestErrorKind::InvalidRequest | RequestErrorKind::Codec => kind == Kind::Guilty,
        _ => true,
    }
}
