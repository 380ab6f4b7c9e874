//! [`Requester`]: the handle.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{Delivery, Sqs, Stats};
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
/// A requester makes no call before its first request. That request makes the *reply queue*, and waits until the queue
/// can be used (a second); [`ready`](Self::ready) does the same beforehand. After that a request costs about a send, a
/// share of a receive and a share of a delete. While no request is pending, the requester does not poll; some calls an
/// hour renew the queue's lease and check the leases of other processes. After the idle time it deletes the queue, and
/// makes no call at all.
///
/// End a requester with [`shutdown`](Self::shutdown), which deletes the reply queue. If the process is killed, another
/// process with the same prefix deletes the queue some minutes later.
///
/// A requester's tasks run on the Tokio runtime of its first use. That runtime needs a timer (`enable_all`) and has to be
/// driven all the time: a current-thread runtime runs only while a thread is in its `block_on`. While it is not driven,
/// no reply comes, and a request that is made on another runtime ends half a second after its deadline.
///
/// A requester is a [`tower_service::Service`] of [`Request`], too. The service is ready until the shutdown; a request
/// beyond [`max_pending`](RequesterBuilder::max_pending) fails in its future, not in `poll_ready`.
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
    /// Makes a requester with the default options, from an SDK client (or a reference to one) or an [`Sqs`].
    pub fn new(sqs: impl Into<Sqs>) -> Self {
        Self::from_parts(sqs.into(), Options::default(), None).expect("the defaults are allowed")
    }

    /// Sets up a requester with options, from an SDK client (or a reference to one) or an [`Sqs`]. All users of one
    /// [`Sqs`] and its clones share their counters.
    pub fn builder(sqs: impl Into<Sqs>) -> RequesterBuilder {
        RequesterBuilder::new(sqs.into())
    }

    fn from_parts(
        sqs: Sqs,
        options: Options,
        given_queue: Option<HostQueueUrl>,
    ) -> Result<Self, InvalidOption> {
        let shared = Arc::new(Shared::new(sqs, options, given_queue)?);
        Ok(Self { shared })
    }

    /// Prepares a request to a queue, real or virtual: set its options, then `.await` it.
    ///
    /// The URL is a string or one of the types of [`protocol`](crate::protocol). The body is a string, `Json`, or any
    /// other [`IntoBody`]. If either is not valid, the request fails when it is awaited, before any call.
    pub fn request(&self, queue_url: impl AsRef<str>, body: impl IntoBody) -> RequestBuilder {
        self.prepare(Request::new(queue_url, body))
    }

    /// Combines an existing request with this requester.
    pub(crate) fn prepare(&self, request: Request) -> RequestBuilder {
        RequestBuilder::new(Arc::clone(&self.shared), request)
    }

    /// Sends a [`Request`] and waits for its reply. [`request`](Self::request) is shorter.
    ///
    /// # Errors
    ///
    /// The same as those of [`RequestBuilder`].
    ///
    /// # Cancel safety
    ///
    /// The same as that of [`RequestBuilder`]: dropping the future gives the request up, which may have been sent.
    pub fn send(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Reply, RequestError>> + Send + use<> {
        exchange(Arc::clone(&self.shared), request)
    }

    /// Makes the reply queue now, and waits until the queue can be used, so that the first request does not have to. If
    /// there is a reply queue already, this does nothing.
    ///
    /// # Errors
    ///
    /// The errors of a request with the builder's timeout that cannot get a reply queue: its
    /// [`delivery`](RequestError::delivery) is [`NotSent`](Delivery::NotSent), its [`queue`](RequestError::queue) is
    /// `None`. See [`RequestErrorKind`](crate::RequestErrorKind) for what to do; a later request tries again by itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the making of the queue: the next caller uses it.
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

    /// Shuts the requester down within this time. New requests fail with [`Closed`](crate::RequestErrorKind::Closed).
    /// Pending requests may still end; shortly before the time is up, the rest of them fail with `Closed`, too. Then
    /// the requester deletes the reply queue that it made. Without pending requests this takes about as long as the
    /// deletion.
    ///
    /// A second call does what the first has not done.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the requester stays closed for new requests, but the reply queue may be left behind.
    /// Call it again to go on.
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

    /// The number of pending requests: begun and not yet ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.slots.taken()
    }

    /// The current reply queue: the given queue, or the queue that the requester made. `None` if it has made none yet.
    #[must_use]
    pub fn reply_queue(&self) -> Option<HostQueueUrl> {
        self.shared.reply_queue.url()
    }

    /// All queues on which replies may arrive now, in order of name: the given queue; or the current one, and earlier
    /// ones on which requests are still pending.
    #[must_use]
    pub fn reply_queues(&self) -> Vec<HostQueueUrl> {
        self.shared.reply_queue.all()
    }

    /// All counters, and the number of API calls by action.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.queues.stats()
    }
}

impl RequesterBuilder {
    /// Makes the requester. Makes no call, starts no task, and needs no runtime yet.
    ///
    /// # Errors
    ///
    /// [`InvalidOption`] names the first option whose value is not allowed, the value, and which values are.
    pub fn build(self) -> Result<Requester, InvalidOption> {
        self.options.check()?;
        let given = self
            .options
            .given_queue
            .as_deref()
            .map(HostQueueUrl::parse)
            .transpose();
        let given = given.map_err(|why| {
            InvalidOption::new("reply_queue", why.url(), "the URL of a real queue")
        })?;
        Requester::from_parts(self.sqs, self.options, given)
    }
}

impl Service<Request> for Requester {
    type Response = Reply;
    type Error = RequestError;
    type Future = BoxFuture<'static, Result<Reply, RequestError>>;

    /// Ready until the shutdown. After that, an error of kind [`Closed`](crate::RequestErrorKind::Closed).
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
