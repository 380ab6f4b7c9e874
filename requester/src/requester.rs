//! [`Requester`]: the handle.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_virtual_queues::Stats;
use sqs_virtual_queues::sqs::{Delivery, Sqs};
use tower_service::Service;

use crate::exchange::exchange;
use crate::options::Options;
use crate::shared::Shared;
use crate::{
    IntoBody, InvalidOption, Reply, Request, RequestBuilder, RequestError, RequesterBuilder,
    ShutdownReport,
};

/// Sends requests to queues and awaits their replies. Cheap to clone; clones share everything.
///
/// It makes no call before its first request. That request makes the *reply queue*, and waits until the queue
/// can be used (a second); [`ready`](Self::ready) does the same beforehand. After that a request costs about a send, a
/// share of a receive and a share of a delete. While no request is pending, nothing is received, and some calls an hour
/// renew the queue's lease and look after those of others; after the idle time the queue is deleted, and nothing is called.
///
/// End it with [`shutdown`](Self::shutdown), which deletes the reply queue. If the process is killed, another one with the
/// same prefix deletes it, some minutes later.
///
/// Its tasks run on the Tokio runtime of its first use. That runtime needs a timer (`enable_all`) and has to go on: a
/// current-thread runtime runs only while something is in its `block_on`. While it stands still, no reply comes, and a request
/// that is made on another one ends half a second after its deadline.
///
/// It is a [`tower_service::Service`] of [`Request`], too, always ready until its shutdown; one request too many is refused by
/// its own future.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use sqs_requester::Requester;
///
/// # mod responder { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/echo.rs")); }
/// # let local = local_sqs::LocalSqs::start();
/// # let sqs = local.client();
/// # let queue_url = local.create_queue("echo").await?;
/// # tokio::spawn(responder::echo(local.client(), queue_url.clone()));
/// let requester = Requester::new(&sqs);
/// let reply = requester.request(&queue_url, "hello").timeout(Duration::from_secs(20)).await?;
/// assert_eq!(reply.body(), "hello");
///
/// let report = requester.shutdown(Duration::from_secs(5)).await;
/// assert!(report.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Requester {
    shared: Arc<Shared>,
}

impl Requester {
    /// A requester with the default options, on an SDK client (or a reference to one) or an [`Sqs`].
    pub fn new(sqs: impl Into<Sqs>) -> Self {
        Self::from_parts(sqs.into(), Options::default(), None).expect("the defaults are allowed")
    }

    /// Starts from an SDK client (or a reference to one), or an [`Sqs`]. Clones of one [`Sqs`] count together.
    pub fn builder(sqs: impl Into<Sqs>) -> RequesterBuilder {
        RequesterBuilder::new(sqs.into())
    }

    pub(crate) fn from_parts(
        sqs: Sqs,
        options: Options,
        given_queue: Option<HostQueueUrl>,
    ) -> Result<Self, InvalidOption> {
        let shared = Arc::new(Shared::new(sqs, options, given_queue)?);
        Ok(Self { shared })
    }

    /// A request to a queue, real or virtual: set its options, then `.await` it.
    ///
    /// The URL is a text or one of the types of [`protocol`](crate::protocol); the body a text, `Json`, or whatever
    /// is [`IntoBody`]. What is wrong with either is told when the request is awaited, before any call.
    pub fn request(&self, queue_url: impl AsRef<str>, body: impl IntoBody) -> RequestBuilder {
        RequestBuilder::new(self.clone(), Request::new(queue_url, body))
    }

    /// Sends a request that was made before. [`request`](Self::request) is shorter.
    ///
    /// # Errors
    ///
    /// As [`RequestBuilder`] says.
    ///
    /// # Cancel safety
    ///
    /// As [`RequestBuilder`] says.
    pub fn send(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Reply, RequestError>> + Send + use<> {
        exchange(Arc::clone(&self.shared), request)
    }

    /// Makes the reply queue now, and waits until it can be used, so that no request has to. With one that exists, it does
    /// nothing.
    ///
    /// # Errors
    ///
    /// As of a request with the default time-out that gets no further; [`queue`](RequestError::queue) is `None`.
    ///
    /// # Cancel safety
    ///
    /// The host is made all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use sqs_requester::Requester;
    /// # let local = local_sqs::LocalSqs::start();
    /// let requester = Requester::new(&local.client());
    /// assert_eq!(local.calls().total(), 0);
    /// requester.ready().await?;
    /// assert_eq!(local.calls().of("CreateQueue"), 1);
    /// # requester.shutdown(std::time::Duration::from_secs(1)).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready(&self) -> Result<(), RequestError> {
        let timeout = self.shared.options.timeout;
        let deadline = self.shared.now()? + timeout;
        match self.shared.reply_queue.usable(deadline).await? {
            Some(_) => Ok(()),
            None => Err(RequestError::timeout(timeout, Delivery::NotSent)),
        }
    }

    /// Ends it: refuses new requests with [`Closed`](crate::RequestErrorKind::Closed), lets pending ones end, and ends those that
    /// have not when the time is nearly up, with `Closed`, too. Then it deletes the reply queue that it made. Takes `within`
    /// at the longest; with nothing pending, about as long as the deletion.
    ///
    /// A second call does what the first left undone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; no new requests are taken, and the reply queue may be left behind.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use sqs_requester::{RequestErrorKind, Requester};
    ///
    /// # let local = local_sqs::LocalSqs::start();
    /// # let queue_url = local.create_queue("nobody-serves-it").await?;
    /// let requester = Requester::new(&local.client());
    /// let pending = tokio::spawn(requester.request(&queue_url, "hello").send());
    /// # while requester.pending() == 0 { tokio::task::yield_now().await; }
    ///
    /// let report = requester.shutdown(Duration::from_secs(5)).await;
    /// assert_eq!((report.pending, report.left_behind), (1, None));
    /// assert_eq!(pending.await?.unwrap_err().kind(), RequestErrorKind::Closed);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn shutdown(&self, within: Duration) -> ShutdownReport {
        self.shared.shutdown(within).await
    }

    /// Requests that were begun and have not ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.slots.taken()
    }

    /// The queue that replies go to now: the one that was given, or the one that was made, if there is one yet.
    #[must_use]
    pub fn reply_queue(&self) -> Option<HostQueueUrl> {
        self.shared.reply_queue.url()
    }

    /// All queues that replies may come to now, in order of name: the one that was given, or the one in use and those that
    /// it has replaced and on which requests are still pending.
    #[must_use]
    pub fn reply_queues(&self) -> Vec<HostQueueUrl> {
        self.shared.reply_queue.all()
    }

    /// All counters, and the API calls by action.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.queues.stats()
    }
}

impl Service<Request> for Requester {
    type Response = Reply;
    type Error = RequestError;
    type Future = BoxFuture<'static, Result<Reply, RequestError>>;

    /// Ready until the shutdown, and an error of kind [`Closed`](crate::RequestErrorKind::Closed) after.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RequestError>> {
        Poll::Ready(if self.shared.slots.is_closed() {
            Err(RequestError::closed(Delivery::NotSent))
        } else {
            Ok(())
        })
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl fmt::Debug for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester")
            .field("pending", &self.pending())
            .field("reply_queue", &self.shared.reply_queue)
            .finish_non_exhaustive()
    }
}
