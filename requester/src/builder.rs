//! Setting up a requester.

use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::{HostQueueUrl, TraceContext};
use sqs_virtual_queues::sqs::{BatchOptions, Prefer, Sqs, UserCode};

use crate::options::Options;
use crate::{InvalidOption, Requester};

/// Sets up a [`Requester`]. Made by [`Requester::builder`].
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
    sqs: Sqs,
    options: Options,
}

impl RequesterBuilder {
    pub(crate) fn new(sqs: Sqs) -> Self {
        Self {
            sqs,
            options: Options::default(),
        }
    }

    /// How long a request waits for its reply where it does not say itself. Default 30 s; 1 ms to 12 h. Too short, and a
    /// request is given up whose reply was on its way; too long, and its caller learns late that nobody serves the queue.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// The most requests that are pending at a time. Default 100,000; 1 to 1,000,000. One more ends at once with
    /// [`Overloaded`](crate::RequestErrorKind::Overloaded). Each costs a slot in a table, and no task.
    pub fn max_pending(mut self, requests: usize) -> Self {
        self.options.max_pending = requests;
        self
    }

    /// The most receives that are out at a time for replies. Default 8; 1 to 1,000. There is one while replies come
    /// slowly, none while no request is pending, and more only under load.
    pub fn max_polls(mut self, polls: usize) -> Self {
        self.options.max_polls = polls;
        self
    }

    /// How long a poll waits for replies. Default, and the most, 20 s; 1 s at the least, in whole seconds (rounded up). A
    /// shorter wait is for networks that cut connections which are idle for less than 20 s. Polls are made only while a
    /// request is pending; where replies come slowly, 5 s cost four times as many calls.
    ///
    /// A poll whose connection was cut is noticed by the error of the connection; if there is none (the network swallows
    /// what is sent), when there is no answer 5 s after the wait is over. Until then no reply arrives, unless there is
    /// another poll. TCP keep-alive notices it earlier. It is a setting of the HTTP client, and is off by default:
    /// `tcp_keepalive` of `aws_smithy_http_client::pool::Builder`, with which the client that is given to
    /// [`Requester::builder`](crate::Requester::builder) is made. A reply that SQS had put into a lost answer comes again
    /// when its [`visibility`](Self::visibility) ends: 5 s later by default.
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

    /// Whether a shutdown ends polls that are out, once no reply has come for a second. Default: yes, so that the shutdown of a
    /// requester without traffic takes a second and not the rest of a poll's [wait](Self::poll_wait). On a queue that several
    /// requesters share, a reply to another one may be in the answer in that instant: it is late by the
    /// [`visibility`](Self::visibility). With `false`, a shutdown waits for every poll.
    pub fn end_idle_polls(mut self, end: bool) -> Self {
        self.options.end_idle_polls = end;
        self
    }

    /// For how long SQS hides a reply that it handed out. Default 5 s; 1 s to 12 h, in whole seconds. A reply that is
    /// lost with a broken connection comes again after this: longer than the usual time-out, and it comes too late;
    /// shorter than the way to this process, and replies come twice.
    pub fn visibility(mut self, visibility: Duration) -> Self {
        self.options.visibility = visibility;
        self
    }

    /// What matters more, latency or cost: [`Prefer`] says what each does. Default [`Prefer::Balance`]. It replaces what
    /// [`batches`](Self::batches) has set.
    pub fn prefer(mut self, prefer: Prefer) -> Self {
        self.options.prefer = prefer;
        self.options.batches = BatchOptions::preferring(prefer);
        self
    }

    /// How sends and deletes are put together into batches.
    pub fn batches(mut self, batches: BatchOptions) -> Self {
        self.options.batches = batches;
        self
    }

    /// Uses a queue that exists for the replies, and makes and deletes none. Default: one is made on the first request.
    ///
    /// The queue must be this process's alone. Two that are given the same one see each other's replies: those
    /// are put back, counted and reported, and come late.
    pub fn reply_queue(mut self, url: impl AsRef<str>) -> Self {
        self.options.given_queue = Some(url.as_ref().to_owned());
        self
    }

    /// What the name of the reply queue begins with. Default `sqs-rpc-`; 1 to 28 letters, digits, `-` and `_`. A
    /// random UUID and a number follow. Permissions can be given by it: `arn:aws:sqs:*:*:sqs-rpc-*`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.host.prefix = Some(prefix.into());
        self
    }

    /// Adds a tag to the reply queue. Default: one that says which crate made it. 40 at the most; keys of 1 to 128
    /// and values of 0 to 256 letters, digits, spaces and `_.:/=+-@`.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.host.tags.push((key.into(), value.into()));
        self
    }

    /// Encrypts the reply queue with this KMS key: an id, alias or ARN. Default: with SQS's own key, which costs
    /// nothing. The responder then needs the rights to use the key.
    pub fn kms_key(mut self, key: impl Into<String>) -> Self {
        self.options.host.kms_key = Some(key.into());
        self
    }

    /// The queue policy of the reply queue, as JSON: who else may send to it. Default: none, so that only identities
    /// of the own account with the right may.
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.options.host.policy = Some(policy.into());
        self
    }

    /// How long the reply queue outlives the last renewal of its lease. Default 5 minutes; 1 minute to 12 hours, in
    /// whole seconds. See [`TemporaryQueuesBuilder::lease_retention`](sqs_virtual_queues::TemporaryQueuesBuilder::lease_retention).
    pub fn lease_retention(mut self, retention: Duration) -> Self {
        self.options.host.lease_retention = Some(retention);
        self
    }

    /// How often to look after the reply queues of other processes, which may have died. Default 5 minutes; 1
    /// minute to 12 hours.
    pub fn watch_period(mut self, period: Duration) -> Self {
        self.options.host.watch_period = Some(period);
        self
    }

    /// Whether to look after the reply queues of other processes at all. Default: yes.
    pub fn watch(mut self, watch: bool) -> Self {
        self.options.host.watch = watch;
        self
    }

    /// For how long the reply queue is kept while no request is pending. Default 15 minutes; 1 minute to 7 days. The
    /// next request makes another one, and waits for it; until then nothing is called at all.
    pub fn idle_time(mut self, time: Duration) -> Self {
        self.options.host.idle_time = Some(time);
        self
    }

    /// How long SQS keeps a reply that nobody fetches. Default 5 minutes; 1 minute to 14 days, in whole seconds. A
    /// pending request's reply is fetched at once, so this is for replies that nobody waits for any more.
    pub fn reply_retention(mut self, retention: Duration) -> Self {
        self.options.host.retention = retention;
        self
    }

    /// How long to wait before a new reply queue is used. Default 1 s, as SQS asks for; 0 to 60 s. The first
    /// request waits it out, unless [`Requester::ready`] did before. With less, first replies may get lost.
    pub fn new_host_wait(mut self, wait: Duration) -> Self {
        self.options.host.new_host_wait = Some(wait);
        self
    }

    /// Is asked for the trace context of each request that has none of its own. Default: none. It is called where the
    /// request is awaited, [sent](crate::RequestBuilder::send) or called, in its caller's context; it must be quick.
    /// If it panics, the panic is logged and counted as [`Stats::panics`](sqs_virtual_queues::Stats::panics), and the
    /// request goes without a trace context.
    pub fn propagate<P>(mut self, current: P) -> Self
    where
        P: Fn() -> Option<TraceContext> + Send + Sync + 'static,
    {
        let code = UserCode::of::<P>("the propagation hook");
        self.options.propagate = Some((code, Arc::new(current)));
        self
    }

    /// Makes the requester. Makes no call, starts no task, and needs no runtime yet.
    ///
    /// # Errors
    ///
    /// [`InvalidOption`] names the first option that is not allowed, its value, and what is.
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
