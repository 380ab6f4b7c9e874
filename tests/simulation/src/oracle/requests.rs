//! Requests: I1, I2, I3.
//!
//! A request's body is its name: `q<process>.<life>-<number>:<kind>`. So whoever sees it, on a queue, in a handler or in a
//! reply, knows which it is.

use std::time::Duration;

use local_sqs::engine::Action;
use serde::{Deserialize, Serialize};
use sqs_requester::{Reply, RequestError, RequestErrorKind};

use super::servers::{ACTIONS, Servers};
use super::{Oracle, State};
use crate::coverage::Check;
use crate::network::{CHANGED, Link};
use crate::process::LifeId;

/// A fault may cost a request so long afterwards: a call that hung ends, and the lease that it should have renewed.
const FORGOTTEN: Duration = Duration::from_secs(360);
/// Timers are of whole milliseconds, and drift rounds once more.
const TICK: Duration = Duration::from_millis(5);
/// What a request may take besides its handler if nothing hinders it.
const SLOW: Duration = Duration::from_secs(5);
/// What ends at once ends within this.
const AT_ONCE: Duration = Duration::from_millis(100);
/// How late SQS's time may be known: a second cut off, and a slow answer on either side.
const LATE: Duration = Duration::from_secs(5);

/// A process calls SQS so often at least while it has something to do, and learns the time from the answer.
const ANSWERED: Duration = Duration::from_secs(30);

/// What a request needs of its requester.
const ALL_ACTIONS: [Action; 7] = [
    ACTIONS[0],
    ACTIONS[1],
    ACTIONS[2],
    ACTIONS[3],
    Action::CreateQueue,
    Action::GetQueueAttributes,
    // Renewals that fail for as long as a lease cost the host.
    Action::TagQueue,
];

/// The code of a handler that fails as asked.
pub(crate) const AS_ASKED: &str = "as_asked";
/// The code of the error that says so.
const REUSED: &str = "idempotency_key_reused";

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
    /// It must succeed, whatever happens. The check that fails if it does not.
    pub must_succeed: Option<Check>,
    /// It must succeed if nothing hinders it: its requester has a host of its own.
    pub own_host: bool,
}

impl Asked {
    /// Whether it is answered with a reply if nothing hinders it.
    fn succeeds(&self) -> bool {
        let takes = match self.kind {
            Kind::Echo => Duration::ZERO,
            Kind::Sleep(millis) => Duration::from_millis(millis),
            _ => return false,
        };
        // The first request makes the host, which takes a second.
        self.own_host && takes + SLOW <= self.timeout
    }
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
    pub(super) unaware: bool,
    /// In true time, of the last time that SQS accepted it: a send of unknown outcome is made again.
    pub(super) accepted: Option<Duration>,
    pub(super) handled: u32,
    /// Who began to handle it, and when.
    handlers: Vec<(LifeId, Duration)>,
    /// Read often enough for its dead-letter queue.
    pub(super) received: u32,
    /// Message ids of what SQS accepted: a send whose answer is lost is made again.
    pub(super) copies: Vec<String>,
}

impl RequestFacts {
    /// The name of its queue.
    pub(super) fn queue(&self) -> &str {
        &self.asked.queue
    }

    /// Whether another request with its idempotency key may have been handled in its place.
    pub(super) fn is_of_a_key(&self) -> bool {
        self.asked.kind == Kind::SameKey
    }

    /// The process that asked.
    fn process(&self) -> usize {
        self.link.life.process
    }

    /// In true time, the earliest moment at which a responder may think that its time is over.
    fn expires(&self, ahead: Duration) -> Duration {
        // Its requester's clock may be fast.
        (self.begun + self.asked.timeout.mul_f64(0.99)).saturating_sub(ahead)
    }

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
        let facts = RequestFacts {
            deadline: link.clock.now() + asked.timeout,
            link: link.clone(),
            asked,
            begun: self.0.time.now(),
            ended: false,
            unaware: state.leases.is_unaware(link.life),
            accepted: None,
            handled: 0,
            handlers: Vec::new(),
            received: 0,
            copies: Vec::new(),
        };
        // Clocks of two processes that are off may add up, and what is due is looked at once a second.
        let ahead = state.conditions.dates_ahead(link.life.process, facts.begun) * 2;
        state.due.insert((facts.expires(ahead), body.to_owned()));
        state.pending.insert(body.to_owned());
        let twice = state.requests.insert(body.to_owned(), facts).is_some();
        drop(state);
        if twice {
            self.broken("simulation", format!("{body} was asked twice"));
        }
    }

    /// All tasks of a life end now.
    pub fn tasks_end(&self, life: LifeId) {
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
        let closed = state.tasks_ended.contains_key(&life);
        self.asked(&mut state, Check::EndsInTime, closed, now <= end, || {
            format!(
                "{body} of {life} ended {:?} after its deadline",
                now.saturating_sub(deadline)
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
        let hindered = || self.is_hindered(&state, life, &asked, begun);
        let check = match asked.must_succeed {
            Some(check) if !unaware => Some(check),
            None if asked.succeeds() && !unaware && !hindered() => Some(Check::Succeeds),
            _ => None,
        };
        if let Some(check) = check {
            // An owner gives its host up if SQS's time seems to be past the end of its lease: the careful side.
            let lost =
                matches!(&**result, Err(error) if error.kind() == RequestErrorKind::HostLost);
            let told_wrongly = state
                .conditions
                .is_told_wrong_dates(life.process, self.0.time.now());
            self.asked(
                &mut state,
                check,
                lost && told_wrongly,
                result.is_ok(),
                || format!("{body} of {life} ended with {text}"),
            );
        }
    }

    /// Whether anything hindered a request that ends now: a fault, a pause or a clock, on either side.
    fn is_hindered(&self, state: &State, life: LifeId, asked: &Asked, begun: Duration) -> bool {
        let now = self.0.time.now();
        let earlier = begun.saturating_sub(FORGOTTEN);
        let conditions = &state.conditions;
        let clear = conditions.clear_since(life.process, &ALL_ACTIONS, now);
        let well = clear.is_some_and(|clear| clear.is_zero() || clear + FORGOTTEN <= begun)
            && !conditions.disturbed_since(life.process, earlier)
            // No host is made without knowing the time.
            && !conditions.undated_since(life.process, earlier, now)
            && !state.servers.is_disturbed_since(life, earlier)
            && !state.tasks_ended.contains_key(&life)
            && Servers::all_well_since(state, &asked.queue, begun, now);
        !well
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
        self.handler_begins(&mut state, link);
        let here = link.life.process;
        if body.starts_with("old") {
            // After a pause the first answer is a jump, which is doubted until the next one agrees.
            let awoke = state.conditions.slept_since(here, now.saturating_sub(LATE));
            let undated = awoke || state.conditions.undated_since(here, Duration::ZERO, now);
            self.asked(&mut state, Check::NotHandledLate, undated, false, || {
                format!("{} handles {body}", link.life)
            });
        }
        let Some(facts) = state.requests.get_mut(body) else {
            return;
        };
        facts.handled += 1;
        let others = facts.handlers.clone();
        facts.handlers.push((link.life, now));
        // What travels is how long the user waits from the send on. A send that is made again says the same later.
        let since = facts.accepted.unwrap_or_default().max(facts.begun);
        let late = now.saturating_sub(since + facts.asked.timeout);
        let (there, begun) = (facts.process(), facts.begun);
        let conditions = &state.conditions;
        // A clock that was set is right again with the next answer.
        let disturbed = [here, there]
            .into_iter()
            .any(|process| conditions.disturbed_since(process, begun.saturating_sub(ANSWERED)));
        let undated = conditions.undated_since(here, begun, now);
        let off = conditions.dates_ahead(here, now) + conditions.dates_ahead(there, now);
        let excused = disturbed || undated;
        self.asked(
            &mut state,
            Check::NotHandledLate,
            excused,
            late <= LATE + off,
            || format!("{body} is handled {late:?} after its deadline"),
        );
        if self.0.promises.one_store {
            let other = others
                .into_iter()
                .find(|(life, since)| Servers::is_well_since(&state, *life, *since));
            self.checked(&mut state, Check::HandledOnce, other.is_none(), || {
                let life = link.life;
                format!("{life} handles {body}, which {other:?} handles or has handled")
            });
        }
    }

    /// Looks at all requests that are pending.
    pub fn looks_at_pending(&self) {
        let mut state = self.lock();
        let true_now = self.0.time.now();
        let pending = state.pending.iter();
        let overdue: Vec<_> = pending
            .filter_map(|body| Some((body, state.requests.get(body)?)))
            .filter(|(_, facts)| facts.link.gate.is_open())
            .map(|(body, facts)| {
                let end = facts.deadline.max(facts.link.gate.resumed()) + TICK;
                let late = facts.link.clock.now().saturating_sub(end);
                // Once its tasks have ended, it is to end at once, whatever its deadline.
                let ended = state.tasks_ended.get(&facts.link.life);
                let since = ended.map(|at| true_now.saturating_sub((*at).max(facts.begun)));
                (body.clone(), late, since)
            })
            .collect();
        for (body, late, ended) in overdue {
            if let Some(ended) = ended {
                self.checked(&mut state, Check::ClosedAtOnce, ended <= AT_ONCE, || {
                    format!("{body} is pending {ended:?} after the tasks of its process ended")
                });
                continue;
            }
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
}

impl State {
    /// A life deletes a request: that is right only if SQS has accepted a reply or will take none, or if nobody waits for
    /// one. `None`: it is no request.
    pub(super) fn may_be_deleted(&self, life: LifeId, body: &str, now: Duration) -> Option<bool> {
        let facts = self.requests.get(body)?;
        let conditions = &self.conditions;
        let ahead = conditions.dates_ahead(life.process, now)
            + conditions.dates_ahead(facts.process(), now);
        let expired = facts.unaware || now >= facts.expires(ahead);
        Some(expired || self.replies.is_settled(life, body))
    }
}

/// What a handler answers; `None`: an error.
#[must_use]
pub fn reply_to(body: &str, kind: Kind) -> Option<String> {
    matches!(kind, Kind::Echo | Kind::Sleep(_) | Kind::SameKey).then(|| format!("reply to {body}"))
}

/// Whether the network has changed a body.
pub(super) fn is_changed(body: &str) -> bool {
    body.ends_with(CHANGED)
}

/// The body before the network changed it.
pub(super) fn unchanged(body: &str) -> &str {
    body.strip_suffix(CHANGED).unwrap_or(body)
}

/// Whether a request of this kind may end with this error: an answer of its handler must be the one that it gives.
fn is_right(kind: Kind, error: &RequestError) -> bool {
    match error.kind() {
        RequestErrorKind::ReplyTooLarge => kind == Kind::Huge,
        RequestErrorKind::Remote => error.remote().is_some_and(|remote| {
            let expected: &[&str] = match kind {
                // A guilty one whose refusal was lost on its way may have been accepted, and be handled.
                Kind::Fail | Kind::Guilty => &[AS_ASKED],
                Kind::Panic => &["internal"],
                Kind::Hang | Kind::HangAndPanic => &["expired"],
                Kind::SameKey => &[REUSED],
                _ => &[],
            };
            expected.contains(&remote.code.as_str())
        }),
        RequestErrorKind::AccessDenied => error.action().is_some(),
        RequestErrorKind::InvalidRequest | RequestErrorKind::Codec => kind == Kind::Guilty,
        _ => true,
    }
}
