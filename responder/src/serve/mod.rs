//! Serving a queue: receive, handle, reply, delete, until told to stop.
//!
//! | file | question |
//! |---|---|
//! | `in_hand` | which message waits, is extended, has which receipt handle? (pure) |
//! | `once` | is a request handled, or is there a reply already? |
//! | `claims` | who handles a request or sends its reply in this process, and who waits for the outcome? |
//! | `outside` | how many handlers run, and which messages and replies wait without a slot? |
//! | `verdict` | what becomes of a request that was handled? (pure) |
//! | `patience` | how long is a message hidden that stays in SQS? (pure) |
//! | `redrive` | after how many deliveries is a message moved to the dead-letter queue? |
//! | `polls` | how do messages come in, and what if nobody is there any more? |
//! | `jobs` | what runs beside the driver? |
//! | `driver` | who waits for what? |
//! | `events` | what is done with a message? |
//! | `shutdown` | how does it end? |
//!
//! **Invariant:** a request is deleted only after its reply was sent, or when nobody waits for one.

mod claims;
mod drained;
mod driver;
mod error;
mod events;
mod expired;
mod in_hand;
mod jobs;
mod once;
mod outside;
mod patience;
mod polls;
mod redrive;
mod shutdown;
mod verdict;

pub use drained::Drained;
pub use error::{ServeError, ServeErrorKind};
pub(crate) use once::Handling;

use std::fmt;
use std::time::Duration;

use futures::future::{self, BoxFuture, FutureExt};
use sqs_rpc_protocol::HostQueueUrl;
use sqs_virtual_queues::sqs::{Sqs, UserCode};

use self::driver::Driver;
use crate::handler::BoxedHandler;
use crate::options::Options;

/// A queue about to be served: await it. Made by [`Responder::serve`](crate::Responder::serve).
///
/// It ends when the signal of [`with_graceful_shutdown`](Self::with_graceful_shutdown) completes, or with an error if
/// the queue cannot be served from the start, or if the runtime in which it was polled first has ended. Whatever else goes wrong
/// later is waited out.
///
/// # What becomes of a request
///
/// | case | requester | message |
/// |---|---|---|
/// | handled, also with an error | gets the reply | deleted |
/// | the handler panics | gets `internal` | deleted |
/// | one-way, handled | | deleted |
/// | one-way, failed with `internal`, `expired`, a retryable error or a panic | | stays, hidden for a time that grows |
/// | its deadline has passed before it is handled | | deleted unhandled |
/// | delivered again while it is handled, or after | gets the one reply | deleted |
/// | its idempotency key was used for another request | gets `idempotency_key_reused` | deleted; one-way: stays |
/// | it has an idempotency key, and the reply store fails | | stays, hidden for a time that grows |
/// | it is handled elsewhere, and [too many](crate::ResponderBuilder::concurrency) wait for the reply | | given back, hidden for 1 s after the first delivery, for longer then |
/// | its handler takes [too long](crate::HandlerTimeout) | gets `expired`, if it still waits | deleted |
/// | one-way, its handler takes too long | | stays, hidden for a time that grows |
/// | cannot be decoded | gets `bad_request` | deleted, or [kept](crate::ResponderBuilder::keep_undecodable) for dead letters |
/// | cannot be decoded, is one-way or cannot be told | | stays for dead letters |
/// | its return address is refused | | stays for dead letters |
/// | the job that handles it is lost, also to a panic outside of the handler | | given back at once; from the sixth delivery on hidden for a time that grows |
/// | its return address does not exist, 2 s after it was handled, or at once if that is known | | deleted |
/// | its reply is too large | gets `reply_too_large` | deleted |
/// | its reply is empty, or SQS does not take its characters or attributes | gets `internal`, or the code of an error reply without the rest | deleted |
/// | SQS is throttled or down when the reply is sent | gets it, before its deadline | deleted |
/// | the reply may not be sent (AccessDenied) | | stays, hidden for a time that grows |
///
/// "Stays" means: for the queue's dead-letter queue, or a later delivery. The time is 10 s after the first delivery and
/// doubles with each further one, up to 15 minutes. "For dead letters": it is 1 s after each of the first five deliveries,
/// so that a dead-letter queue gets it soon, and grows like that from the sixth. All of these are
/// counted in [`Stats`](crate::Stats), once for each delivery: a request that comes three times counts three times.
///
/// # FIFO queues
///
/// At most one request of a message group is handled at a time, in order. Groups are handled side by side.
///
/// The rest of a group waits for a request that stays: what was received behind it is given back at once, which SQS counts as a
/// delivery. If that was the last delivery that the queue's redrive policy allows, the request is as good as in the dead-letter queue, and its
/// group goes on, so no request becomes a dead letter because of another. To know the policy, the responder needs the permission
/// `sqs:GetQueueAttributes`, which it uses only when a request of a FIFO queue stays.
///
/// # Cancel safety
///
/// Dropping it cuts off the handlers that run and the replies that are being sent; those requests are delivered again
/// when their visibility timeout ends. Their keys are free then in a store that can [do that at
/// once](crate::ReplyStore::abandon_now), as the default one can, and are held until the leases end in others. What a handler has
/// spawned by itself is not cut off. A poll that is out runs to its end and gives back what it brings.
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

    /// How long a graceful shutdown may take. Default 25 s, which leaves room in the 30 s that most supervisors give.
    ///
    /// Most shutdowns are shorter: they end when all requests in hand are finished, and
    /// [idle polls are ended](crate::ResponderBuilder::end_idle_polls).
    ///
    /// If polls are still out at the end, what they bring is given back if the runtime still runs, and is hidden for the visibility
    /// timeout otherwise. Zero cuts off everything at once, and gives nothing back ([`Drained::left`]).
    pub const fn drain(mut self, within: Duration) -> Self {
        self.drain = within;
        self
    }

    /// Stops in order when `signal` completes: starts no poll, takes what the last ones bring, finishes what runs
    /// within the [drain](Self::drain) time, and gives the rest back to SQS, visible at once. Polls that are left when all
    /// is finished are [ended early](crate::ResponderBuilder::end_idle_polls).
    ///
    /// The last fifth of the drain time, one second at the most, is for giving back.
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
