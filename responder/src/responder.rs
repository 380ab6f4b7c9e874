//! [`Responder`]: the handle, and the builder that makes it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{HostQueueUrl, ReturnAddressPolicy};
use sqs_rpc_transport::{BatchOptions, Counters, Prefer, Sqs, Stats, UserCode};
use tower_service::Service;

use crate::direct_reply::{DirectReplies, SendReplyError};
use crate::handler::BoxedHandler;
use crate::options::{HandlerTimeout, Options};
use crate::reply_error::BoxError;
use crate::serve::Handling;
use crate::store::guarded::UserStore;
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
    /// For [`reply`](Self::reply). Made by the first call, because it needs a runtime.
    direct: Arc<OnceLock<DirectReplies>>,
}

/// Sets up a [`Responder`]. Made by [`Responder::builder`].
#[derive(Clone)]
pub struct ResponderBuilder<S = ()> {
    sqs: Sqs,
    state: S,
    options: Options,
}

impl Responder {
    /// Sets up a responder with options, from a client of the SDK or an [`Sqs`].
    ///
    /// The client may be dropped or used elsewhere: the responder makes its own client from the given client's config.
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
    /// Serves a queue with a handler: await the returned [`Serve`], which has further options. See [`Handler`] for the
    /// functions that are handlers.
    ///
    /// The queue must be a real queue. If the URL is a virtual queue's, or no queue URL at all, awaiting fails with
    /// [`InvalidQueueUrl`](crate::ServeErrorKind::InvalidQueueUrl).
    pub fn serve<Args>(&self, queue_url: impl AsRef<str>, handler: impl Handler<Args, S>) -> Serve {
        let handler = BoxedHandler::of_handler(handler, self.state.clone(), self.sqs.counters());
        self.serve_boxed(queue_url.as_ref(), handler)
    }

    /// Serves a queue with a tower service: await the returned [`Serve`].
    ///
    /// The service is cloned for each request. Within the request's concurrency slot, the clone is polled until it is
    /// ready, and then called. An error of the service is answered with `internal`. To send an error that the requester
    /// may see, return [`Reply::error`].
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

    /// Answers a message, for code that receives messages by itself.
    ///
    /// The message must have been received with all its message attributes (`MessageAttributeNames` `All`). The caller
    /// deletes the message afterwards. The reply store is not used.
    ///
    /// If the return address does not exist, the reply is retried for 2 s, because a new queue may be unknown to SQS
    /// for its first second. If SQS throttles or cannot be reached, it is retried until the request's deadline, or for
    /// 60 s if the request has none. While a queue takes no replies, one batch of replies at a time tries it, and the
    /// others wait.
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
    /// [`SendReplyError`]: its [`kind`](SendReplyError::kind) says what to do. A one-way request is an error, and so is a
    /// message that was received without its attributes.
    ///
    /// A panic in the conversion of `reply` is logged and counted, and the requester gets an error with code `internal`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the reply may have been sent.
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

    /// All counters. They belong to the [`Sqs`] that the responder was built from, so they also count the other users
    /// of that `Sqs`.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.sqs.counters().snapshot()
    }
}

/// Converts a handler's value into a reply. A panic becomes an error with code `internal`.
fn convert<R: IntoReply>(reply: R, counters: &Counters) -> Reply {
    UserCode::of::<R>("the conversion into a reply")
        .confidential()
        .call(counters, || reply.into_reply().unwrap_or_else(Reply::from))
        .unwrap_or_else(|_| ReplyError::internal("panicked").into())
}

impl<S> ResponderBuilder<S> {
    /// The state that handlers take with [`State`](crate::State). Default: `()`. The state is cloned for each request.
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(self, state: T) -> ResponderBuilder<T> {
        ResponderBuilder {
            sqs: self.sqs,
            state,
            options: self.options,
        }
    }

    /// The maximum number of requests in hand, for each served queue: being handled, waiting for their FIFO group, or
    /// being answered. Default 64; 1 to 100,000. At the maximum the responder receives no more. With 1, it handles one
    /// request after the other.
    ///
    /// Duplicates that wait for another request's handler, because they have its idempotency key or are copies of it, do
    /// not count. The same maximum applies to them separately. Duplicates beyond that are given back to SQS, hidden for
    /// a time that doubles with each delivery (1 s, 2 s, 4 s, up to 15 minutes). If many requests with one key arrive
    /// while its handler takes long, allow them enough deliveries before the dead-letter queue: 5 deliveries last 31 s.
    ///
    /// Requests whose replies wait, because their host does not exist or does not take them, do not count either, up to
    /// 64 MiB of replies and up to 2,000 requests (or this maximum, if that is more). Requests beyond that stay in
    /// their slots.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.options.concurrency = requests;
        self
    }

    /// How long SQS hides a received request from other receivers. Default 30 s; 1 s to 12 h, in whole seconds (rounded
    /// up).
    ///
    /// The responder extends the timeout while the request is in hand, after about half of it, so the timeout does not
    /// limit a handler's time (SQS's own limit is 12 h in all). When a process crashes, others receive its requests
    /// after this time. A shorter timeout costs more calls to extend it.
    #[must_use]
    pub fn visibility_timeout(mut self, timeout: Duration) -> Self {
        self.options.visibility = timeout;
        self
    }

    /// How long a poll waits for requests. Default 20 s; 1 s to 20 s, in whole seconds (rounded up). Shorter waits cost
    /// more calls while the queue is idle.
    #[must_use]
    pub fn poll_wait(mut self, wait: Duration) -> Self {
        self.options.poll_wait = wait;
        self
    }

    /// Whether a graceful shutdown ends waiting polls when nothing else is left to do. Default `true`: an idle
    /// responder stops within 2 s.
    ///
    /// Polls are ended one second after the last of them began or received a request. By then SQS has answered every
    /// poll for which it had a request.
    ///
    /// The price: if SQS gives a request to a poll in the instant in which that poll is ended, the request is lost on
    /// its way. It stays hidden for the [visibility timeout](Self::visibility_timeout), and is redelivered then. With
    /// `false`, a shutdown waits for the polls, up to [`poll_wait`](Self::poll_wait), and handles the requests that
    /// they receive.
    #[must_use]
    pub fn end_idle_polls(mut self, end: bool) -> Self {
        self.options.end_idle_polls = end;
        self
    }

    /// The maximum number of concurrent polls, for each served queue. Default 8; 1 to 1,000. As long as polls do not
    /// return full, there is a single poll at a time.
    #[must_use]
    pub fn max_polls(mut self, polls: usize) -> Self {
        self.options.max_polls = polls;
        self
    }

    /// How long a handler may take: see [`HandlerTimeout`]. Default: until 5 s after the request's deadline; one hour
    /// for a request without a deadline.
    #[must_use]
    pub fn handler_timeout(mut self, timeout: HandlerTimeout) -> Self {
        self.options.handler_timeout = timeout;
        self
    }

    /// Whether all requests that cannot be decoded stay for the request queue's dead-letter queue, even if their
    /// requester got an error reply. Default `false`: such a request is deleted once it was answered.
    #[must_use]
    pub fn keep_undecodable(mut self, keep: bool) -> Self {
        self.options.keep_undecodable = keep;
        self
    }

    /// Which return addresses replies may go to. Default: temporary queues in the request queue's account and region.
    #[must_use]
    pub fn return_addresses(mut self, policy: ReturnAddressPolicy) -> Self {
        self.options.return_addresses = policy;
        self
    }

    /// The queue whose messages [`reply`](Responder::reply) answers: return addresses are checked against its account and
    /// region. Default: none, and `reply` fails with
    /// [`NoRequestQueue`](crate::SendReplyErrorKind::NoRequestQueue).
    ///
    /// [`serve`](Responder::serve) does not need this option.
    #[must_use]
    pub fn request_queue(mut self, queue: HostQueueUrl) -> Self {
        self.options.request_queue = Some(queue);
        self
    }

    /// The store that records which requests are being handled, and their replies. Default:
    /// [`InMemoryReplyStore::default`](crate::InMemoryReplyStore::default), with which this responder handles no
    /// request twice. With a store that all processes share, none of them does: see [`ReplyStore`].
    #[must_use]
    pub fn reply_store(mut self, store: impl ReplyStore) -> Self {
        self.options.reply_store = UserStore::new(store, self.sqs.counters());
        self
    }

    /// The timeout of one call of the reply store. Default 5 s; 1 ms to 60 s. [`ReplyStore`] says what happens after a
    /// timeout. Until then the request waits in its concurrency slot.
    #[must_use]
    pub fn reply_store_timeout(mut self, timeout: Duration) -> Self {
        self.options.reply_store_timeout = timeout;
        self
    }

    /// How long a reply to a request with an idempotency key is kept. Default 24 h; 1 s to 366 days. During this time a
    /// requester that tries again with the key gets the same reply.
    #[must_use]
    pub fn keep_keyed_replies(mut self, age: Duration) -> Self {
        self.options.keep_keyed_replies = age;
        self
    }

    /// How long a reply to any other request is kept. Default: twice the
    /// [visibility timeout](Self::visibility_timeout), but at least 30 min; 1 s to 366 days. A request whose delete was
    /// lost is redelivered within one visibility timeout.
    #[must_use]
    pub fn keep_replies(mut self, age: Duration) -> Self {
        self.options.keep_replies = Some(age);
        self
    }

    /// Whether latency or cost matters more; see [`Prefer`]. Default [`Prefer::Balance`]. This replaces the options that
    /// [`batches`](Self::batches) has set.
    #[must_use]
    pub fn prefer(mut self, prefer: Prefer) -> Self {
        self.options.prefer = prefer;
        self.options.batches = BatchOptions::preferring(prefer);
        self
    }

    /// How replies and deletes are put together into batches. Default: [`BatchOptions::default`].
    #[must_use]
    pub fn batches(mut self, batches: BatchOptions) -> Self {
        self.options.batches = batches;
        self
    }

    /// Makes the responder. Makes no call, and needs no runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidOption`] names the first option that is out of range, its value, and the allowed range.
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
