//! Serving a queue: receive, handle, reply, delete, until a signal.
//!
//! | file | question |
//! |---|---|
//! | `in_hand` | Which message waits, when is its visibility extended, which receipt handle is the newest? (pure) |
//! | `handle_once` | Is a request to be handled, or is there a reply already? |
//! | `held_keys` | Which keys in the reply store do the handlers hold? |
//! | `claims` | Who handles a request or sends its reply in this process, and who waits for the outcome? |
//! | `waiting` | How many handlers run, and which messages and replies wait without a slot? |
//! | `after_handler` | What happens to a request that was handled? (pure) |
//! | `hide_time` | How long is a message hidden that stays in SQS? (pure) |
//! | `redrive` | After how many deliveries is a message moved to the dead-letter queue? |
//! | `expired` | What is logged about expired requests? (pure) |
//! | `polls` | How do messages come in, and what if the driver has ended? |
//! | `jobs` | What runs beside the driver? |
//! | `context` | What do the driver and all jobs share? |
//! | `driver` | Which events does the loop wait for? |
//! | `events` | What is done with a message? |
//! | `drain`, `shutdown` | How does serving end? |
//!
//! **Invariant:** a request is deleted only after its reply was sent, or when nobody waits for one.

mod after_handler;
mod claims;
mod context;
mod drain;
mod driver;
mod error;
mod events;
mod expired;
mod handle_once;
mod held_keys;
mod hide_time;
mod in_hand;
mod jobs;
mod polls;
mod redrive;
mod shutdown;
mod waiting;

pub(crate) use context::Handling;
pub use drain::Drained;
pub use error::{ServeError, ServeErrorKind};

use std::fmt;
use std::time::Duration;

use futures::future::{self, BoxFuture, FutureExt};
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{Sqs, UserCode};

use self::driver::Driver;
use crate::handler::BoxedHandler;
use crate::options::Options;

/// A queue about to be served: await it. Made by [`Responder::serve`](crate::Responder::serve).
///
/// Serving ends after the signal of [`with_graceful_shutdown`](Self::with_graceful_shutdown). It ends with an error if
/// the queue cannot be served from the start, or if the runtime in which it was first polled has ended. After other
/// faults it goes on.
///
/// # What happens to a request
///
/// | case | requester | message |
/// |---|---|---|
/// | handled, also with an error | gets the reply | deleted |
/// | the handler panics | gets `internal` | deleted |
/// | one-way, handled | | deleted |
/// | one-way, failed with `internal`, `expired`, a retryable error or a panic | | stays, hidden for a time that grows |
/// | its deadline has passed before it is handled | | deleted unhandled |
/// | redelivered while it is handled, or afterwards | gets the same reply | deleted |
/// | its idempotency key was used for another request | gets `idempotency_key_reused` | deleted; one-way: stays |
/// | it has an idempotency key, and the reply store fails | | stays, hidden for a time that grows |
/// | it is handled elsewhere, and [too many](crate::ResponderBuilder::concurrency) duplicates wait for the reply | | given back, hidden for 1 s after the first delivery, longer after later ones |
/// | its handler takes [too long](crate::HandlerTimeout) | gets `expired`, if it still waits | deleted |
/// | one-way, its handler takes too long | | stays, hidden for a time that grows |
/// | cannot be decoded | gets `bad_request` | deleted, or [kept](crate::ResponderBuilder::keep_undecodable) for dead letters |
/// | cannot be decoded, and is one-way, or the reply cannot be sent | | stays for dead letters |
/// | its return address is refused | | stays for dead letters |
/// | the job that handles it is lost, also by a panic outside of the handler | | given back at once; from the sixth delivery on hidden for a time that grows |
/// | its return address does not exist, 2 s after it was handled, or at once if this is already known | | deleted |
/// | its reply is too large | gets `reply_too_large` | deleted |
/// | its reply is empty, or SQS refuses its characters or attributes | gets `internal`; of an error reply, the code alone | deleted |
/// | SQS throttles or is down when the reply is sent | gets the reply, if SQS takes it before the deadline | deleted |
/// | the reply may not be sent (AccessDenied) | | stays, hidden for a time that grows |
///
/// "Stays" means: for a later delivery, or for the queue's dead-letter queue. The message is hidden for 10 s after the
/// first delivery, and for twice as long after each further one, up to 15 minutes. "Stays for dead letters" means: it
/// is hidden for 1 s after each of the first five deliveries, so that it reaches a dead-letter queue soon, and for a
/// time that grows from the sixth on. All cases are counted in [`Stats`](crate::Stats), once for each delivery: a
/// request that is delivered three times counts three times.
///
/// # FIFO queues
///
/// At most one request of a message group is handled at a time, in order. Groups are handled side by side.
///
/// If a request stays, the rest of its group waits for it: messages that were received behind it are given back at
/// once, which SQS counts as a delivery of each. If it was the request's last delivery that the queue's redrive policy
/// allows, SQS will move the request to the dead-letter queue, so its group goes on and no request becomes a dead
/// letter because of another. To read the policy, the responder needs the permission `sqs:GetQueueAttributes`. It makes
/// this call only when a request of a FIFO queue stays.
///
/// # Cancel safety
///
/// Dropping the future drops the running handlers and the replies that are being sent. Their requests are redelivered
/// when their visibility timeouts end. Their keys in the reply store are free at once if the store can [free keys
/// without waiting](crate::ReplyStore::abandon_now), as the default store can; otherwise when their leases end. Tasks
/// that a handler has spawned go on. A poll in flight runs to its end, and gives back the messages that it receives.
#[must_use = "nothing is served until this is awaited"]
pub struct Serve {
    sqs: Sqs,
    options: Options,
    queue_url: Box<str>,
    handler: BoxedHandler,
    handling: Handling,
    drain: Duration,
    signal: BoxFuture<'static, ()>,
}

impl Serve {
    pub(crate) fn new(
        sqs: Sqs,
        options: Options,
        queue_url: &str,
        handler: BoxedHandler,
        handling: Handling,
    ) -> Self {
        let signal = future::pending().boxed();
        Self {
            sqs,
            options,
            queue_url: queue_url.into(),
            handler,
            handling,
            drain: Duration::from_secs(25),
            signal,
        }
    }

    /// How long a graceful shutdown may take. Default 25 s, because most supervisors allow 30 s.
    ///
    /// Most shutdowns are shorter: they end when all requests in hand are finished, and
    /// [idle polls are ended](crate::ResponderBuilder::end_idle_polls).
    ///
    /// If polls are still in flight at the end, the messages that they receive are given back if the runtime still runs;
    /// otherwise they stay hidden for the visibility timeout. Zero drops all handlers at once, and gives nothing back
    /// ([`Drained::left`]).
    pub const fn drain(mut self, within: Duration) -> Self {
        self.drain = within;
        self
    }

    /// Stops gracefully when `signal` completes: starts no further poll, accepts the messages of polls in flight,
    /// finishes requests within the [drain](Self::drain) time, and gives the rest back to SQS, visible at once. When
    /// all requests are finished, polls that are still in flight are [ended
    /// early](crate::ResponderBuilder::end_idle_polls).
    ///
    /// The last fifth of the drain time, at most one second, is reserved for giving back.
    ///
    /// A signal that panics is logged and counted, and never completes: serving goes on.
    pub fn with_graceful_shutdown<F>(mut self, signal: F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let signal = UserCode::of::<F>("the shutdown signal").run(self.sqs.counters(), signal);
        self.signal = async move {
            if signal.await.is_err() {
                future::pending::<()>().await;
            }
        }
        .boxed();
        self
    }
}

impl IntoFuture for Serve {
    type Output = Result<Drained, ServeError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let queue = HostQueueUrl::parse(&self.queue_url)?;
            let driver = Driver::new(self.sqs, self.options, queue, self.handler, self.handling)?;
            driver.run(self.signal, self.drain).await
        }
        .boxed()
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("queue_url", &self.queue_url)
            .field("drain", &self.drain)
            .finish_non_exhaustive()
    }
}
