//! Requests: I1, I2, I3.
//!
//! A request's body is its name: `q<process>.<life>-<number>:<kind>`. It identifies the request on a queue, in a handler and
//! in a reply.

use std::time::Duration;

use local_sqs::engine::Action;
use sqs_requester::{Reply, RequestError, RequestErrorKind};
use sqs_rpc_protocol::ErrorCode;

use super::Oracle;
use super::facts::{Asked, Kind, RequestFacts, Servers, State};
use super::servers::ACTIONS;
use crate::coverage::Check;
use crate::exchange::CHANGED;
use crate::link::Link;
use crate::process::LifeId;

/// How long after a fault a request may still fail because of it: a hung call must end, and a lease that was not renewed
/// must expire.
const FORGOTTEN: Duration = Duration::from_secs(360);
/// The tolerance for rounding: timers have whole milliseconds, and clock drift is rounded, too.
const TICK: Duration = Duration::from_millis(5);
/// The meaning of "at once".
const AT_ONCE: Duration = Duration::from_millis(100);
/// How far a process's SQS time may be behind: `Date` has whole seconds, and answers to either process may be slow.
const LATE: Duration = Duration::from_secs(5);

/// The longest time between two answers of SQS to a busy process. Each answer gives it the time.
const ANSWERED: Duration = Duration::from_secs(30);

/// The actions of a requester that a request needs.
const ALL_ACTIONS: [Action; 7] = [
    ACTIONS[0],
    ACTIONS[1],
    ACTIONS[2],
    ACTIONS[3],
    Action::CreateQueue,
    Action::GetQueueAttributes,
    // If renewals fail for the retention, the host is lost.
    Action::TagQueue,
];

/// The error code of a handler that fails because the request asks for it.
pub(crate) const AS_ASKED: &str = "as_asked";
/// The error code for an idempotency key that was used with another body.
const REUSED: &str = "idempotency_key_reused";

/// How a request ended for its user.
#[derive(Debug)]
pub enum Outcome {
    /// With a reply or an error.
    Ended(Box<Result<Reply, RequestError>>),
    /// Its future was dropped.
    Cancelled,
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
        // The errors of the clocks of two processes may add up. Due requests are checked once a second.
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
                    format!(
                        "{body} got the reply {:.80}, expected {expected:?}",
                        reply.body()
                    )
                });
            }
            Err(error) => {
                if error.kind() == RequestErrorKind::Timeout {
                    self.checked(&mut state, Check::NotTooEarly, now >= deadline, || {
                        format!("{body} timed out {:?} too early", deadline - now)
                    });
                }
                // A paused requester still waits when the time limit of the handler, its deadline and 5 s, has passed.
                let paused = state.conditions.slept_since(life.process, begun);
                let right = is_right(asked.kind, error)
                    || (paused
                        && error
                            .remote()
                            .is_some_and(|remote| remote.code == ErrorCode::EXPIRED));
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
            // An owner gives its host up if SQS's time seems to be after the end of its lease. That is safe, so it is allowed.
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

    /// Whether a fault, a pause or a clock change affected a request that ends now, on either side.
    fn is_hindered(&self, state: &State, life: LifeId, asked: &Asked, begun: Duration) -> bool {
        let now = self.0.time.now();
        let earlier = begun.saturating_sub(FORGOTTEN);
        let conditions = &state.conditions;
        let clear = conditions.clear_since(life.process, &ALL_ACTIONS, now);
        let well = clear.is_some_and(|clear| clear.is_zero() || clear + FORGOTTEN <= begun)
            && !conditions.disturbed_since(life.process, earlier)
            // No host is created without knowing SQS's time.
            && !conditions.undated_since(life.process, earlier, now)
            && !state.servers.is_disturbed_since(life, earlier)
            && !state.tasks_ended.contains_key(&life)
            && Servers::all_well_since(state, &asked.queue, begun, now);
        !well
    }

    /// A handler begins to handle a request.
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
            // After a pause the first answer shows a jump of the time, which is not believed until the next answer agrees.
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
        // The message contains the remaining time from the send on. A repeated send contains the same time later.
        let since = facts.accepted.unwrap_or_default().max(facts.begun);
        let late = now.saturating_sub(since + facts.asked.timeout);
        let (there, begun) = (facts.process(), facts.begun);
        let conditions = &state.conditions;
        // After a clock was set, the next answer corrects the process's time.
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

    /// Checks all pending requests.
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
                // If the tasks of its process have ended, the request must end at once, whatever its deadline.
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

    /// The number of requests of this life that have not ended.
    #[must_use]
    pub fn pending_of(&self, link: &Link) -> usize {
        let state = self.lock();
        let of_life = |facts: &&RequestFacts| !facts.ended && facts.link.life == link.life;
        state.requests.values().filter(of_life).count()
    }
}

impl State {
    /// Whether a life may delete a request: only if SQS has accepted a reply or will never accept one, or if the request has
    /// expired. `None`: it is not a request.
    pub(super) fn may_be_deleted(&self, life: LifeId, body: &str, now: Duration) -> Option<bool> {
        let facts = self.requests.get(body)?;
        let conditions = &self.conditions;
        let ahead = conditions.dates_ahead(life.process, now)
            + conditions.dates_ahead(facts.process(), now);
        let expired = facts.unaware || now >= facts.expires(ahead);
        Some(expired || self.replies.is_settled(life, body))
    }
}

/// The reply of a handler; `None`: an error.
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

/// Whether a request of this kind may end with this error. An error from its handler must be the one that the kind asks for.
fn is_right(kind: Kind, error: &RequestError) -> bool {
    match error.kind() {
        RequestErrorKind::ReplyTooLarge => kind == Kind::Huge,
        RequestErrorKind::Remote => error.remote().is_some_and(|remote| {
            let expected: &[&str] = match kind {
                // A guilty request whose first call got no answer may have been accepted, and is then handled.
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
