//! Setting up a requester.

use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::TraceContext;
use sqs_rpc_transport::{BatchOptions, Prefer, Sqs, UserCode};

use crate::options::Options;

/// Sets up a [`Requester`](crate::Requester). Made by [`Requester::builder`](crate::Requester::builder).
///
/// Every option has a default that suits most services.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use sqs_requester::Requester;
///
/// # let local = local_sqs::LocalSqs::start();
/// # let sqs = local.client();
/// let requester = Requester::builder(sqs)
///     .timeout(Duration::from_secs(10))
///     .prefix("login-frontend-")
///     .tag("team", "identity")
///     .build()?;
/// # Ok::<(), sqs_requester::InvalidOption>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RequesterBuilder {
    pub(crate) sqs: Sqs,
    pub(crate) options: Options,
}

impl RequesterBuilder {
    pub(crate) fn new(sqs: Sqs) -> Self {
        Self {
            sqs,
            options: Options::default(),
        }
    }

    /// How long a request waits for its reply, unless the request has a [timeout](crate::Request::timeout) of its own.
    /// Default 30 s; 1 ms to 12 h. If the timeout is too short, requests fail although their reply was on its way. If
    /// it is too long, callers wait needlessly when nobody serves the queue.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// The maximum number of pending requests. Default 100,000; 1 to 1,000,000. A request beyond the maximum fails at
    /// once with [`Overloaded`](crate::RequestErrorKind::Overloaded). A pending request costs a slot in a table, and no
    /// task.
    pub fn max_pending(mut self, requests: usize) -> Self {
        self.options.max_pending = requests;
        self
    }

    /// The maximum number of concurrent polls for replies. Default 8; 1 to 1,000. The requester makes no poll while no
    /// request is pending, a single poll at a time while replies arrive slowly, and more polls only under load.
    pub fn max_polls(mut self, polls: usize) -> Self {
        self.options.max_polls = polls;
        self
    }

    /// How long a poll waits for replies. Default 20 s; 1 s to 20 s, in whole seconds (rounded up). Set a shorter wait if
    /// your network cuts connections that are idle for less than 20 s. Polls are made only while a request is pending.
    /// Where replies come slowly, a wait of 5 s costs four times as many calls as one of 20 s.
    ///
    /// If a connection is cut, the poll on it ends with the connection's error. If the network drops packets silently,
    /// there is no such error, and the poll ends when there is no answer 5 s after its wait. Until then no reply
    /// arrives, unless another poll is in flight. TCP keep-alive detects a cut connection earlier. It is off by
    /// default; turn it on with `tcp_keepalive` of `aws_smithy_http_client::pool::Builder`, when you make the HTTP
    /// client of the SDK client. SQS redelivers a reply of a lost answer when its [`visibility`](Self::visibility)
    /// ends: 5 s later by default.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sqs_requester::Requester;
    ///
    /// # let local = local_sqs::LocalSqs::start();
    /// # let client = local.client();
    /// let requester = Requester::builder(client.clone()).poll_wait(Duration::from_secs(5)).build()?;
    /// # drop(requester);
    /// let refused = Requester::builder(client).poll_wait(Duration::from_secs(21)).build();
    /// assert_eq!(refused.unwrap_err().to_string(), "poll_wait is 21s: 1s to 20s is allowed");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_wait(mut self, wait: Duration) -> Self {
        self.options.poll_wait = wait;
        self
    }

    /// Whether a shutdown ends polls in flight once no reply has come for a second. Default `true`: the shutdown of a
    /// requester without traffic takes a second and not the rest of a poll's [wait](Self::poll_wait). If several
    /// requesters share a reply queue, the answer of an ended poll may hold another requester's reply, which is then
    /// late by the [`visibility`](Self::visibility). With `false`, a shutdown waits for every poll.
    pub fn end_idle_polls(mut self, end: bool) -> Self {
        self.options.end_idle_polls = end;
        self
    }

    /// How long SQS hides a reply after a receive: the visibility timeout. Default 5 s; 1 s to 12 h, in whole seconds.
    /// SQS redelivers a reply that was lost with a broken connection after this time. If it is longer than the usual
    /// request's timeout, such a reply comes too late. If it is shorter than an answer's way to this process, replies
    /// come twice.
    pub fn visibility(mut self, visibility: Duration) -> Self {
        self.options.visibility = visibility;
        self
    }

    /// Whether latency or cost matters more; see [`Prefer`]. Default [`Prefer::Balance`]. This replaces the options that
    /// [`batches`](Self::batches) has set.
    pub fn prefer(mut self, prefer: Prefer) -> Self {
        self.options.prefer = prefer;
        self.options.batches = BatchOptions::preferring(prefer);
        self
    }

    /// How sends and deletes are put together into batches. Default: [`BatchOptions::default`].
    pub fn batches(mut self, batches: BatchOptions) -> Self {
        self.options.batches = batches;
        self
    }

    /// Receives replies on this existing queue. The requester then makes no queue, and does not delete this one.
    /// Default: the requester makes a reply queue on the first request.
    ///
    /// No other process may receive from the queue. Two processes on one reply queue receive each other's replies: they
    /// put these back, count and report them, and such replies are late.
    pub fn reply_queue(mut self, url: impl AsRef<str>) -> Self {
        self.options.given_queue = Some(url.as_ref().to_owned());
        self
    }

    /// What the name of the reply queue begins with. Default `sqs-rpc-`; 1 to 28 letters, digits, `-` and `_`. A
    /// random UUID and a number follow. An IAM policy can name the prefix: `arn:aws:sqs:*:*:sqs-rpc-*`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.host.prefix = Some(prefix.into());
        self
    }

    /// Adds a tag to the reply queue, in addition to the tags of its lease and the tag `SqsRpcMadeBy`. Default: none. At
    /// most 40 tags; keys of 1 to 128 and values of 0 to 256 letters, digits, spaces and `_.:/=+-@`.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.host.tags.push((key.into(), value.into()));
        self
    }

    /// Encrypts the reply queue with this KMS key: an id, alias or ARN. The responder then needs permission to use the
    /// key. Default: encryption with SQS's own key, which costs nothing.
    pub fn kms_key(mut self, key: impl Into<String>) -> Self {
        self.options.host.kms_key = Some(key.into());
        self
    }

    /// The queue policy of the reply queue, as JSON: it can allow other accounts to send to the queue. Default: none,
    /// so that only identities of the queue's own account whose IAM policy permits it may send.
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.options.host.policy = Some(policy.into());
        self
    }

    /// How long the reply queue outlives the last renewal of its lease. Default 5 minutes; 1 minute to 12 hours, in
    /// whole seconds. See [`TemporaryQueuesBuilder::lease_retention`](sqs_temporary_queues::TemporaryQueuesBuilder::lease_retention).
    pub fn lease_retention(mut self, retention: Duration) -> Self {
        self.options.host.lease_retention = Some(retention);
        self
    }

    /// How often to check the reply queues of other processes, and to delete those whose process has died. Default 5
    /// minutes; 1 minute to 12 hours.
    pub fn watch_period(mut self, period: Duration) -> Self {
        self.options.host.watch_period = Some(period);
        self
    }

    /// Whether to check the reply queues of other processes at all. Default `true`.
    pub fn watch(mut self, watch: bool) -> Self {
        self.options.host.watch = watch;
        self
    }

    /// How long the reply queue is kept while no request is pending. Default 15 minutes; 1 minute to 7 days. After that
    /// time the requester deletes the queue, and makes no call until the next request, which makes a new queue and waits
    /// until that can be used.
    pub fn idle_time(mut self, time: Duration) -> Self {
        self.options.host.idle_time = Some(time);
        self
    }

    /// How long SQS keeps a reply that is not received. Default 5 minutes; 1 minute to 14 days, in whole seconds. The
    /// requester receives replies at once while a request is pending, so this matters only for late replies.
    pub fn reply_retention(mut self, retention: Duration) -> Self {
        self.options.host.retention = retention;
        self
    }

    /// How long to wait before a new reply queue is used. Default 1 s, as SQS asks for; 0 to 60 s. The first request
    /// waits for this time, unless [`Requester::ready`](crate::Requester::ready) did so before. With a shorter wait, the
    /// first replies may get lost.
    pub fn new_host_wait(mut self, wait: Duration) -> Self {
        self.options.host.new_host_wait = Some(wait);
        self
    }

    /// A hook that returns the trace context of each request that has none of its own. Default: no hook. The hook runs
    /// where the request is awaited, [sent](crate::RequestBuilder::send) or called as a service, in its caller's
    /// context; it must be quick. If it panics, the panic is logged and counted as
    /// [`Stats::panics`](sqs_rpc_transport::Stats::panics), and the request is sent without a trace context.
    pub fn propagate<P>(mut self, current: P) -> Self
    where
        P: Fn() -> Option<TraceContext> + Send + Sync + 'static,
    {
        let code = UserCode::of::<P>("the propagation hook");
        self.options.propagate = Some((code, Arc::new(current)));
        self
    }
}
