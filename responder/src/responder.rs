//! [`Responder`]: the handle, and the builder that makes it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{HostQueueUrl, ReturnAddressPolicy};
use sqs_virtual_queues::sqs::{BatchOptions, Prefer, Sqs, UserCode};
use sqs_virtual_queues::{Counters, Stats};
use tower_service::Service;

use crate::handler::BoxedHandler;
use crate::options::{HandlerTimeout, Options};
use crate::reply::{DirectReplies, SendReplyError};
use crate::reply_error::BoxError;
use crate::serve::Handling;
use crate::store::calls::UserStore;
use crate::{
    Handler, InMemoryReplyStore, IntoReply, InvalidOption, Reply, ReplyError, ReplyStore, Request,
    Serve,
};

/// Answers requests that arrive on SQS queues. Cheap to clone; clones share state, reply store and counters.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use sqs_responder::{Body, Responder};
///
/// # let local = local_sqs::LocalSqs::start();
/// # let client = local.client();
/// # let queue_url = local.create_queue("requests").await?;
/// let responder = Responder::builder(client).concurrency(16).build()?;
/// let drained = responder
///     .serve(&queue_url, async |Body(name): Body| format!("hello, {name}"))
///     .drain(Duration::from_secs(25))
///     .with_graceful_shutdown(async { /* ctrl-c, say */ })
///     .await?;
/// assert!(drained.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Responder<S = ()> {
    sqs: Sqs,
    state: S,
    options: Options,
    handling: Handling,
    /// For [`reply`](Self::reply); made by its first call, since that needs a runtime.
    direct: Arc<OnceLock<DirectReplies>>,
}

/// Sets what a [`Responder`] does. Made by [`Responder::builder`].
#[derive(Clone)]
pub struct ResponderBuilder<S = ()> {
    sqs: Sqs,
    state: S,
    options: Options,
}

impl Responder {
    /// Starts from a client of the SDK, or from an [`Sqs`].
    ///
    /// The client may be dropped or used elsewhere; the responder derives its own from the client's config.
    pub fn builder(sqs: impl Into<Sqs>) -> ResponderBuilder {
        let sqs = sqs.into();
        let store = InMemoryReplyStore::default().with_clock(sqs.clock().clone());
        let options = Options {
            reply_store: UserStore::new(store, sqs.counters()),
            ..Options::default()
        };
        ResponderBuilder {
            sqs,
            state: (),
            options,
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Responder<S> {
    /// Serves a queue with a handler: await the result. See [`Serve`] for what may be set, and [`Handler`] for what a
    /// handler is.
    ///
    /// The queue must be a real one; a virtual queue's URL is refused when the result is awaited, as is a text that is
    /// no queue URL.
    pub fn serve<Args>(&self, queue_url: impl AsRef<str>, handler: impl Handler<Args, S>) -> Serve {
        let handler = BoxedHandler::of_handler(handler, self.state.clone(), self.sqs.counters());
        self.serve_boxed(queue_url.as_ref(), handler)
    }

    /// Serves a queue with a tower service: await the result.
    ///
    /// The service is cloned for each request and is asked whether it is ready before it is called, within the
    /// request's concurrency slot. An error of the service is answered with `internal`; for one that the requester may
    /// see, return [`Reply::error`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use sqs_responder::{Reply, Request, Responder};
    /// use std::convert::Infallible;
    /// use std::future::{Ready, ready};
    /// use std::task::{Context, Poll};
    ///
    /// #[derive(Clone)]
    /// struct Echo;
    ///
    /// impl tower_service::Service<Request> for Echo {
    ///     type Response = Reply;
    ///     type Error = Infallible;
    ///     type Future = Ready<Result<Reply, Infallible>>;
    ///
    ///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
    ///         Poll::Ready(Ok(()))
    ///     }
    ///
    ///     fn call(&mut self, request: Request) -> Self::Future {
    ///         ready(Ok(Reply::new(request.into_body())))
    ///     }
    /// }
    ///
    /// # let local = local_sqs::LocalSqs::start();
    /// # let client = local.client();
    /// # let queue_url = local.create_queue("requests").await?;
    /// let responder = Responder::builder(client).build()?;
    /// responder.serve_service(&queue_url, Echo).with_graceful_shutdown(async {}).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve_service<V>(&self, queue_url: impl AsRef<str>, service: V) -> Serve
    where
        V: Service<Request, Response = Reply> + Clone + Send + Sync + 'static,
        V::Error: Into<BoxError>,
        V::Future: Send,
    {
        let handler = BoxedHandler::of_service(service, self.sqs.counters());
        self.serve_boxed(queue_url.as_ref(), handler)
    }

    fn serve_boxed(&self, queue_url: &str, handler: BoxedHandler) -> Serve {
        let (sqs, options, handling) = (
            self.sqs.clone(),
            self.options.clone(),
            self.handling.clone(),
        );
        Serve::new(sqs, options, queue_url, handler, handling)
    }

    /// Answers a message, for code that receives by itself.
    ///
    /// The message must have been received with all its message attributes (`MessageAttributeNames` `All`). It is not
    /// deleted: that is the caller's to do, after this. The reply store is not asked.
    ///
    /// A missing return queue is tried again for 2 s, since a new queue may be unknown for its first second; a throttled
    /// or unreachable SQS is tried again until the request's deadline, or for 60 s if it has none. Replies to one queue
    /// that does not take them wait for each other: one batch of them at a time tries.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use sqs_responder::{Responder, ReturnAddressPolicy};
    ///
    /// # let local = local_sqs::LocalSqs::start();
    /// # let client = local.client();
    /// # let requests = local.create_queue("requests").await?;
    /// # let replies = local.create_queue("replies").await?;
    /// # use aws_sdk_sqs::types::MessageAttributeValue;
    /// # let address = MessageAttributeValue::builder().data_type("String").string_value(&replies).build()?;
    /// # client.send_message().queue_url(&requests).message_body("ping")
    /// #     .message_attributes("ResponseQueueUrl", address).send().await?;
    /// let responder = Responder::builder(&client)
    ///     .request_queue(requests.parse()?)
    ///     .return_addresses(ReturnAddressPolicy::default().allow_name_prefix("replies"))
    ///     .build()?;
    /// let received = client.receive_message().queue_url(&requests).message_attribute_names("All").send().await?;
    /// for message in received.messages() {
    ///     responder.reply(message, "pong").await?;
    ///     client.delete_message().queue_url(&requests)
    ///         .receipt_handle(message.receipt_handle().unwrap_or_default()).send().await?;
    /// }
    /// let reply = client.receive_message().queue_url(&replies).send().await?;
    /// assert_eq!(reply.messages()[0].body(), Some("pong"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendReplyError`]: its [`kind`](SendReplyError::kind) says what to do. A one-way request is an error here, and
    /// so is a message that was received without its attributes.
    ///
    /// If the conversion of `reply` panics, that is logged and counted, and the requester is told `internal`.
    ///
    /// # Cancel safety
    ///
    /// A reply whose future is dropped may have been sent.
    pub async fn reply(
        &self,
        message: &Message,
        reply: impl IntoReply,
    ) -> Result<(), SendReplyError> {
        let reply = convert(reply, self.sqs.counters());
        DirectReplies::of(&self.direct, &self.sqs, &self.options.batches)?
            .reply(&self.sqs, &self.options, message, &reply)
            .await
    }

    /// All counters. They are those of the [`Sqs`] that it was built from, and so also count what others do with that.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.sqs.counters().snapshot()
    }
}

/// A panic is answered like an error that is not for the requester.
fn convert<R: IntoReply>(reply: R, counters: &Counters) -> Reply {
    UserCode::of::<R>("the conversion into a reply")
        .confidential()
        .call(counters, || reply.into_reply().unwrap_or_else(Reply::from))
        .unwrap_or_else(|_| ReplyError::internal("panicked").into())
}

impl<S> ResponderBuilder<S> {
    /// The state that handlers get with [`State`](crate::State). Default: `()`. It is cloned for each request.
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(self, state: T) -> ResponderBuilder<T> {
        ResponderBuilder {
            sqs: self.sqs,
            state,
            options: self.options,
        }
    }

    /// The most requests in hand at a time, for each queue served: handled, waiting for their FIFO group, or being
    /// answered. Default 64; 1 to 100,000. At the bound nothing more is received. 1 handles one after the other.
    ///
    /// Requests that wait for the outcome of another's handler, because they have its idempotency key or are copies of its
    /// request, do not count. As many of them as this wait in hand; further ones are given back to SQS, hidden for a time
    /// that doubles with each delivery (1 s, 2 s, 4 s, up to 15 minutes). If many requests with one key come at a time, and its
    /// handler takes long, leave them enough deliveries before the dead-letter queue: 5 are 31 s.
    ///
    /// Requests whose replies wait, because their host does not exist or does not take them, do not count either, as long as they
    /// are at most 2,000 (or as many as this, if that is more) and 64 MiB. Further ones wait in their slots.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.options.concurrency = requests;
        self
    }

    /// How long SQS hides a received request from others. Default 30 s; 1 s to 12 h, in whole seconds (rounded up).
    ///
    /// It is extended while the request is in hand, at about half of it, so it does not bound a handler's time (but for
    /// SQS's own bound of 12 h in all). It is the time after which another process gets the requests of one that
    /// crashed; the shorter, the more calls extend it.
    #[must_use]
    pub fn visibility_timeout(mut self, timeout: Duration) -> Self {
        self.options.visibility = timeout;
        self
    }

    /// How long a poll waits for requests. Default, and the most, 20 s; 1 s at the least, in whole seconds (rounded
    /// up). Shorter ones cost more calls when idle.
    #[must_use]
    pub fn poll_wait(mut self, wait: Duration) -> Self {
        self.options.poll_wait = wait;
        self
    }

    /// Whether a graceful shutdown ends the polls that are waiting when nothing else is left to do. Default: yes, so an idle
    /// responder stops within 2 s.
    ///
    /// Polls are ended one second after the last of them began or brought a request. Until then SQS has answered those for which
    /// it had a request.
    ///
    /// The price: a request that SQS hands to a poll in the instant in which that is ended is lost on its way. It stays hidden for the
    /// [visibility timeout](Self::visibility_timeout), and is delivered again then. `false` refuses that: a shutdown
    /// waits for the polls, up to [`poll_wait`](Self::poll_wait), and handles what they bring.
    #[must_use]
    pub fn end_idle_polls(mut self, end: bool) -> Self {
        self.options.end_idle_polls = end;
        self
    }

    /// The most polls out at a time, for each queue served. Default 8; 1 to 1,000. There is one as long as polls do not
    /// come back full.
    #[must_use]
    pub fn max_polls(mut self, polls: usize) -> Self {
        self.options.max_polls = polls;
        self
    }

    /// How long a handler may take: [`HandlerTimeout`]. Default: 5 s after the request's deadline; one hour in all for
    /// a request that has none.
    #[must_use]
    pub fn handler_timeout(mut self, timeout: HandlerTimeout) -> Self {
        self.options.handler_timeout = timeout;
        self
    }

    /// Whether all requests that cannot be decoded stay for the dead-letter queue of the request queue, also those whose
    /// requester was told. Default: no, such a request is deleted once it was answered.
    #[must_use]
    pub fn keep_undecodable(mut self, keep: bool) -> Self {
        self.options.keep_undecodable = keep;
        self
    }

    /// Which return addresses are replied to. Default: temporary queues in the request queue's account and region.
    #[must_use]
    pub fn return_addresses(mut self, policy: ReturnAddressPolicy) -> Self {
        self.options.return_addresses = policy;
        self
    }

    /// The queue from which the messages come that [`reply`](Responder::reply) answers: the return addresses are
    /// checked against its account and region. Default: none, and `reply` answers nothing.
    ///
    /// [`serve`](Responder::serve) does not need it.
    #[must_use]
    pub fn request_queue(mut self, queue: HostQueueUrl) -> Self {
        self.options.request_queue = Some(queue);
        self
    }

    /// Where it is written down who handles a request, and which reply it was given. Default:
    /// [`InMemoryReplyStore::default`](crate::InMemoryReplyStore::default), so that no request is handled twice by this
    /// responder. A store that all processes share does that for all of them: see [`ReplyStore`].
    #[must_use]
    pub fn reply_store(mut self, store: impl ReplyStore) -> Self {
        self.options.reply_store = UserStore::new(store, self.sqs.counters());
        self
    }

    /// The longest that one call of the reply store may take. Default 5 s; 1 ms to 60 s. [`ReplyStore`] says what happens
    /// then. Until then the request waits in its concurrency slot.
    #[must_use]
    pub fn reply_store_timeout(mut self, timeout: Duration) -> Self {
        self.options.reply_store_timeout = timeout;
        self
    }

    /// How long a reply to a request with an idempotency key is kept. Default 24 h; 1 s to 366 days. So long a requester
    /// may try again with the key and is given the same reply.
    #[must_use]
    pub fn keep_keyed_replies(mut self, age: Duration) -> Self {
        self.options.keep_keyed_replies = age;
        self
    }

    /// How long a reply to any other request is kept. Default: twice the
    /// [visibility timeout](Self::visibility_timeout), but 30 min at the least; 1 s to 366 days. A request whose delete was
    /// lost is delivered again within one visibility timeout.
    #[must_use]
    pub fn keep_replies(mut self, age: Duration) -> Self {
        self.options.keep_replies = Some(age);
        self
    }

    /// What matters more, latency or cost: [`Prefer`] says what each does. Default [`Prefer::Balance`]. It replaces what
    /// [`batches`](Self::batches) has set.
    #[must_use]
    pub fn prefer(mut self, prefer: Prefer) -> Self {
        self.options.prefer = prefer;
        self.options.batches = BatchOptions::preferring(prefer);
        self
    }

    /// How replies and deletes share calls. Default: [`BatchOptions::default`].
    #[must_use]
    pub fn batches(mut self, batches: BatchOptions) -> Self {
        self.options.batches = batches;
        self
    }

    /// Puts it together. Makes no call, and needs no runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidOption`] if an option is out of its range: it names the option, the value and what is allowed.
    pub fn build(self) -> Result<Responder<S>, InvalidOption> {
        let options = self.options.check()?;
        Ok(Responder {
            sqs: self.sqs,
            state: self.state,
            options,
            handling: Handling::default(),
            direct: Arc::default(),
        })
    }
}

impl<S> fmt::Debug for Responder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for ResponderBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponderBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
