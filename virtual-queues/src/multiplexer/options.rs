//! The options of the multiplexer.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_protocol::limits::{MAX_POLL_WAIT, MAX_VISIBILITY};
use sqs_rpc_transport::{BatchOptions, InvalidOption, PollOptions, Prefer, Sqs, UserCode};

use super::routing::Limits;

/// A wait of 0 would not be a long poll.
const POLL_WAIT: RangeInclusive<Duration> = Duration::from_secs(1)..=MAX_POLL_WAIT;
const VISIBILITY: RangeInclusive<Duration> = Duration::from_secs(1)..=MAX_VISIBILITY;

/// The default of [`VirtualQueuesBuilder::orphan_age`]: the duration of a deployment in which one process replaces
/// another.
const ORPHAN_AGE: Duration = Duration::from_secs(15 * 60);

/// A function that is called with every orphan before it is deleted: the name to which it was sent, if it has one,
/// and the message.
pub type OrphanHook = dyn Fn(Option<&VirtualQueueName>, &Message) + Send + Sync;

/// Builds [`VirtualQueues`](super::VirtualQueues). Created by
/// [`VirtualQueues::builder`](super::VirtualQueues::builder).
#[must_use]
pub struct VirtualQueuesBuilder {
    pub(super) sqs: Sqs,
    pub(super) options: Options,
    pub(super) batches: BatchOptions,
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) polls: PollOptions,
    /// Whole seconds.
    pub(super) poll_wait: Duration,
    /// Whether polls in flight are ended when their host ends.
    pub(super) end_idle_polls: bool,
    /// Whole seconds, the only unit in SQS.
    pub(super) visibility: Duration,
    pub(super) limits: Limits,
    /// Whether sends to a standard host have the virtual queue's name as their group.
    pub(super) fair_queues: bool,
    /// A message for a virtual queue that does not exist in this process is an orphan when it is older than this.
    pub(super) orphan_age: Duration,
    /// The hook, with its name for the log.
    pub(super) orphan_hook: Option<(UserCode, Arc<OrphanHook>)>,
}

impl VirtualQueuesBuilder {
    pub(super) fn new(sqs: Sqs) -> Self {
        let limits = Limits {
            names: 1_000_000,
            queue_messages: 1_000,
            host_messages: 10_000,
            host_bytes: 64 * 1024 * 1024,
        };
        let options = Options {
            polls: PollOptions::default(),
            poll_wait: *POLL_WAIT.end(),
            end_idle_polls: true,
            visibility: Duration::from_secs(30),
            limits,
            fair_queues: false,
            orphan_age: ORPHAN_AGE,
            orphan_hook: None,
        };
        Self {
            sqs,
            options,
            batches: BatchOptions::default(),
        }
    }

    /// How long SQS hides a received message. Default 30 s; 1 s to 12 h, in whole seconds (rounded down). A buffered
    /// message leaves its buffer shortly before this time ends, and is redelivered. If the time is too short,
    /// receivers may not get a message in time. If it is too long, messages of a killed process are redelivered late.
    pub fn visibility(mut self, visibility: Duration) -> Self {
        self.options.visibility = visibility;
        self
    }

    /// The maximum number of receives in flight on one host. Default 8; at least 1.
    pub fn max_polls(mut self, polls: usize) -> Self {
        self.options.polls.max_polls = polls;
        self
    }

    /// How long a poll of a host waits for messages. Default and maximum 20 s; at least 1 s, in whole seconds
    /// (rounded up). A shorter wait is for networks that cut connections that are idle for less than 20 s. Each poll
    /// is a call, so at low load a wait of 5 s makes four times as many calls.
    ///
    /// A poll whose connection was cut ends with the connection's error. If there is none (the network drops packets
    /// silently), the poll ends when there is no answer 5 s after its wait. TCP keep-alive detects the loss earlier.
    /// It is a setting of the HTTP client, and is off by default: `tcp_keepalive` of
    /// `aws_smithy_http_client::pool::Builder`, with which the client for [`VirtualQueues`](super::VirtualQueues) can
    /// be built. Messages in a lost answer stay invisible until their [`visibility`](Self::visibility) timeout ends,
    /// and are delayed by this time.
    pub fn poll_wait(mut self, wait: Duration) -> Self {
        self.options.poll_wait = wait;
        self
    }

    /// Whether a shutdown ends polls in flight once no message has been received for a second. Default: yes, so that
    /// the shutdown of a process without traffic takes one second and not the rest of a poll's
    /// [wait](Self::poll_wait).
    ///
    /// The disadvantage: SQS may have put messages into the answer at that moment. These are not lost, but stay
    /// invisible until their [`visibility`](Self::visibility) timeout ends. If that is too long for the processes
    /// that take over the host's messages, use `false`: then a shutdown waits for every poll.
    pub fn end_idle_polls(mut self, end: bool) -> Self {
        self.options.end_idle_polls = end;
        self
    }

    /// The maximum number of messages in flight.
    #[cfg(test)]
    pub(super) fn max_in_flight(mut self, messages: usize) -> Self {
        self.options.polls.max_in_flight = messages;
        self
    }

    /// The maximum number of virtual queues and pending requests of one host. Default 1,000,000; creating more fails.
    pub fn max_names(mut self, names: usize) -> Self {
        self.options.limits.names = names;
        self
    }

    /// The maximum number of messages in one virtual queue's buffer. Default 1,000; at least 1. Further messages are
    /// put back with a visibility timeout that grows from 2 s to 5 min.
    pub fn queue_capacity(mut self, messages: usize) -> Self {
        self.options.limits.queue_messages = messages;
        self
    }

    /// The maximum number of messages and bytes in all buffers of one host. Default 10,000 and 64 MiB; at least 1
    /// each. At this limit only waiting receivers get messages. Messages for other queues are put back. After a poll
    /// that was not full and returned only such messages, there is a pause of up to 0.3 s.
    pub fn host_capacity(mut self, messages: usize, bytes: usize) -> Self {
        self.options.limits.host_messages = messages;
        self.options.limits.host_bytes = bytes;
        self
    }

    /// Whether each virtual queue is a tenant of its host, if the host is a standard queue. Default: no. If yes,
    /// every message to a virtual queue that has no group of its own carries the queue's name as its
    /// `MessageGroupId`, so that SQS's fair queues keep one busy virtual queue from delaying the others. On a FIFO
    /// host each virtual queue is always a group.
    pub fn fair_queues(mut self, fair: bool) -> Self {
        self.options.fair_queues = fair;
        self
    }

    /// The age from which a message is an orphan because its virtual queue does not exist in this process. The age is
    /// measured by SQS's time since the message was sent. Default 15 minutes. Orphans are deleted.
    ///
    /// A younger message may belong to another process that uses the same host, or to a virtual queue that this
    /// process has not created yet. It is put back: hidden for 2 s, 4 s, 8 s, 16 s and then 30 s, each time shortened
    /// by a random amount of up to a half, and counted as [`Stats::unclaimed`](crate::Stats::unclaimed). While SQS's
    /// time is not known, every message counts as young.
    ///
    /// Some messages are orphans immediately, whatever their age: a message that names no virtual queue, a message
    /// whose virtual queue was deleted or has expired in this process (the last 4,096 per host are remembered), and
    /// all unknown messages on a host that the process created for itself, as a requester does. With an age of 0, all
    /// are orphans immediately, as in the Java client.
    pub fn orphan_age(mut self, age: Duration) -> Self {
        self.options.orphan_age = age;
        self
    }

    /// Calls `hook` with every orphan before the orphan is deleted. Default: none. The hook runs in the driver, so it
    /// must be fast.
    ///
    /// If the hook panics, the panic is logged with the hook's name and counted as
    /// [`Stats::panics`](crate::Stats::panics). The orphan is deleted nevertheless, and the host continues.
    pub fn on_orphan<H>(mut self, hook: H) -> Self
    where
        H: Fn(Option<&VirtualQueueName>, &Message) + Send + Sync + 'static,
    {
        self.options.orphan_hook = Some((UserCode::of::<H>("the orphan hook"), Arc::new(hook)));
        self
    }

    /// Chooses between latency and cost; [`Prefer`] describes the choices. Default [`Prefer::Balance`]. Replaces the
    /// options of an earlier [`batches`](Self::batches). Applies to temporary queues on these hosts, too.
    pub fn prefer(mut self, prefer: Prefer) -> Self {
        self.batches = BatchOptions::preferring(prefer);
        self.options.polls.pace = PollOptions::preferring(prefer).pace;
        self
    }

    /// How sends and deletes are batched.
    pub fn batches(mut self, batches: BatchOptions) -> Self {
        self.batches = batches;
        self
    }
}

impl Options {
    /// The options, with times in whole seconds. Refuses options that are out of range.
    pub(super) fn checked(mut self) -> Result<Self, InvalidOption> {
        let limits = &self.limits;
        let at_least_one = [
            ("max_polls", self.polls.max_polls),
            ("max_names", limits.names),
            ("queue_capacity", limits.queue_messages),
            ("host_capacity in messages", limits.host_messages),
            ("host_capacity in bytes", limits.host_bytes),
        ];
        for (option, value) in at_least_one {
            if value == 0 {
                return Err(InvalidOption::new(option, 0, "1 and more"));
            }
        }
        InvalidOption::unless_within("visibility", &self.visibility, &VISIBILITY)?;
        InvalidOption::unless_within("poll_wait", &self.poll_wait, &POLL_WAIT)?;
        let wait = self.poll_wait.as_secs_f64().ceil();
        self.poll_wait = Duration::from_secs_f64(wait);
        self.visibility = Duration::from_secs(self.visibility.as_secs());
        Ok(self)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("polls", &self.polls)
            .field("visibility", &self.visibility)
            .field("limits", &self.limits)
            .field("fair_queues", &self.fair_queues)
            .field("orphan_age", &self.orphan_age)
            .field("orphan_hook", &self.orphan_hook.is_some())
            .finish()
    }
}

impl fmt::Debug for VirtualQueuesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualQueuesBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
