//! The users of the framework: they send requests, handle them, send and receive messages, and report to the oracle.
//!
//! All of this runs behind the gate of its process, on the clock of its process.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::{Either, select};
use sqs_requester::Requester;
use sqs_responder::{ErrorCode, Reply, ReplyError, Request};
use sqs_rpc_transport::{Moment, TimeSource};
use sqs_virtual_queues::{OutgoingMessage, QueueError, VirtualQueue};

use crate::coverage::Fault;
use crate::dice::Dice;
use crate::link::Link;
use crate::oracle::{AS_ASKED, Asked, EQUAL, Kind, Oracle, Outcome, equal_name, reply_to};
use crate::plan::Reading;

/// When a user drops a future that has not ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// Never.
    Endless,
    /// After this number of polls of the future, so at any of its await points.
    Polls(u64),
    /// After this time.
    Time(Duration),
}

impl Patience {
    pub(crate) fn draw(dice: &mut Dice, probability: f64, longest: Duration) -> Self {
        if !dice.happens(probability) {
            Self::Endless
        } else if dice.happens(0.5) {
            Self::Polls(dice.below(12))
        } else {
            Self::Time(dice.millis(0, longest.as_millis() as u64))
        }
    }

    /// Runs `work` until it ends or is dropped. Returns `None` if it was dropped.
    async fn with<T>(self, link: &Link, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        match self {
            Self::Endless => Some(work.await),
            Self::Polls(mut left) => {
                poll_fn(|cx| {
                    if left == 0 {
                        return Poll::Ready(None);
                    }
                    left -= 1;
                    work.as_mut().poll(cx).map(Some)
                })
                .await
            }
            Self::Time(time) => match select(work, pin!(sleep(link, time))).await {
                Either::Left((output, _)) => Some(output),
                Either::Right(_) => None,
            },
        }
    }
}

/// Sleeps on the process's own clock.
pub(crate) async fn sleep(link: &Link, time: Duration) {
    let at = Moment::from_start(link.clock.now() + time);
    link.clock.sleep_until(at).await;
}

/// One request, from its first poll to its end.
pub(crate) async fn ask(
    requester: Requester,
    queue_url: String,
    link: Link,
    oracle: Oracle,
    body: String,
    asked: Asked,
    patience: Patience,
) {
    let request = requester
        .request(&queue_url, body.as_str())
        .timeout(asked.timeout);
    let request = match asked.kind {
        Kind::SameKey => request.idempotency_key("the same").into_future(),
        _ => request.into_future(),
    };
    drop(requester);
    oracle.begins(&link, &body, asked);
    let outcome = match patience.with(&link, request).await {
        Some(result) => Outcome::Ended(Box::new(result)),
        None => {
            oracle.fault(Fault::Cancelled);
            Outcome::Cancelled
        }
    };
    oracle.ends(&body, &outcome);
}

/// Panics when it is dropped, unless the thread is panicking already.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            resume_unwind(Box::new("in a destructor"));
        }
    }
}

/// Reports the end of a handler to the oracle when it is dropped.
struct Handling<'a>(&'a Link, &'a Oracle);

impl Drop for Handling<'_> {
    fn drop(&mut self) {
        self.1.has_handled(self.0);
    }
}

/// The handler of every responder.
pub(crate) async fn handle(
    link: Link,
    oracle: Oracle,
    request: Request,
) -> Result<Reply, ReplyError> {
    let body = request.body();
    oracle.handles(&link, body);
    let _handling = Handling(&link, &oracle);
    let Some(kind) = Kind::of_body(body) else {
        return Err(ReplyError::undecodable("no user sends this body"));
    };
    match kind {
        Kind::Sleep(millis) => sleep(&link, Duration::from_millis(millis)).await,
        Kind::Panic => {
            oracle.fault(Fault::Panicked);
            // Without the panic hook, which would print it.
            resume_unwind(Box::new("as asked"));
        }
        Kind::Huge => {
            oracle.fault(Fault::HugeReply);
            return Ok(Reply::new("x".repeat(1_048_577)));
        }
        Kind::Hang => {
            oracle.fault(Fault::HungHandler);
            std::future::pending().await
        }
        Kind::HangAndPanic => {
            oracle.fault(Fault::HungHandler);
            let _bomb = Bomb;
            std::future::pending().await
        }
        Kind::Echo | Kind::Fail | Kind::Guilty | Kind::SameKey => {}
    }
    match reply_to(body, kind) {
        Some(reply) => Ok(Reply::new(reply)),
        None => Err(ReplyError::new(
            ErrorCode::from_static(AS_ASKED),
            "as asked",
        )),
    }
}

/// Sends one message to a virtual queue. `name` is `<host>/<queue>`.
pub(crate) async fn send(
    queue: VirtualQueue,
    link: Link,
    oracle: Oracle,
    name: String,
    number: Option<String>,
) {
    let (body, known_as) = match number {
        Some(number) => {
            let body = format!("v{name}-{number}");
            (body.clone(), body)
        }
        None => (EQUAL.to_owned(), equal_name(&name)),
    };
    oracle.sends(&link, &known_as);
    let sent = queue.send(OutgoingMessage::new(body)).await;
    oracle.note(format_args!("{known_as} is sent: {}", sent.is_ok()));
}

/// Changes the visibility of a message once or twice. Returns whether the message was given back, so that it must not be
/// deleted.
async fn change_twice(
    queue: &VirtualQueue,
    link: &Link,
    oracle: &Oracle,
    handle: &str,
    dice: &mut Dice,
) -> bool {
    sleep(link, dice.millis(0, 50)).await;
    let (long, back) = (dice.between(40, 900), dice.happens(0.2));
    for seconds in [Some(long), back.then_some(2)].into_iter().flatten() {
        oracle.takes_back(handle);
        let hidden = Duration::from_secs(seconds);
        match queue.change_visibility(handle, hidden).await {
            Ok(()) => oracle.has_the_word(handle, Some(hidden)),
            Err(error) => oracle.note(format_args!("{} cannot change: {error:?}", link.life)),
        }
        sleep(link, dice.millis(0, 500)).await;
    }
    if !back {
        oracle.takes_back(handle);
    }
    back
}

/// Reads a virtual queue for as long as the process lives.
pub(crate) async fn read(
    queue: VirtualQueue,
    link: Link,
    oracle: Oracle,
    name: String,
    reading: Reading,
    mut dice: Dice,
) {
    let (pause, gives_up) = match reading {
        Reading::Never => return,
        Reading::Always { pause, gives_up } => (pause, gives_up),
        Reading::Undecided => (Duration::ZERO, 0.0),
        Reading::From(at) => {
            sleep(&link, at).await;
            (Duration::ZERO, 0.0)
        }
    };
    loop {
        let patience = Patience::draw(&mut dice, gives_up, Duration::from_secs(3));
        // Readers that never drop a receive make no short polls, because after an empty one their messages would wait.
        let short = dice.happens(0.05) && gives_up > 0.0;
        let wait = if short { 0 } else { dice.between(1, 20) };
        let receive = queue
            .receive()
            .max(dice.between(1, 10) as usize)
            .wait(Duration::from_secs(wait));
        // With its own visibility, a receive makes the framework change the visibility, perhaps while the user changes it.
        let receive = match reading {
            Reading::Undecided => receive.visibility(Duration::from_secs(33)),
            _ => receive,
        };
        let messages = match patience.with(&link, receive.send()).await {
            Some(Ok(messages)) => messages,
            Some(Err(error)) => {
                oracle.note(format_args!("{} cannot read {name}: {error:?}", link.life));
                // The queue is still there, and the next poll may be served.
                if matches!(error, QueueError::Call(_)) {
                    sleep(&link, dice.millis(200, 2_000)).await;
                    continue;
                }
                return;
            }
            None => {
                oracle.fault(Fault::Cancelled);
                sleep(&link, dice.millis(0, 200)).await;
                continue;
            }
        };
        if short && messages.is_empty() {
            sleep(&link, dice.millis(200, 2_000)).await;
        }
        for message in &messages {
            oracle.receives(&link, &name, message);
        }
        for message in messages {
            if !pause.is_zero() {
                sleep(&link, pause).await;
            }
            let Some(handle) = message.receipt_handle() else {
                continue;
            };
            if reading == Reading::Undecided
                && change_twice(&queue, &link, &oracle, handle, &mut dice).await
            {
                continue;
            }
            oracle.asks_to_delete(&name, &message);
            let deleted = queue.delete(handle).await;
            if deleted.is_ok() {
                oracle.has_the_word(handle, None);
            }
            if let Err(error) = &deleted {
                oracle.note(format_args!("{} cannot delete: {error:?}", link.life));
            }
        }
    }
}
