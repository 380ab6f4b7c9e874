//! What can be set.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::VirtualQueueName;

use super::queues::VirtualQueues;
use super::routing::Limits;
use crate::InvalidOption;
use crate::sqs::{BatchOptions, PollOptions, Prefer, Sqs, UserCode};

/// SQS's own bounds; 0 would be no long poll.
const POLL_WAIT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(20);
/// What SQS takes.
const VISIBILITY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(43_200);

/// The default of [`VirtualQueuesBuilder::orphan_age`]: as long as a deployment takes in which one process replaces another.
const ORPHAN_AGE: Duration = Duration::from_secs(15 * 60);

/// Is called with every orphan before it is deleted: the name that it was sent to, if it names one, and the message.
pub type OrphanHook = dyn Fn(Option<&VirtualQueueName>, &Message) + Send + Sync;

/// Sets up [`VirtualQueues`]. Made by [`VirtualQueues::builder`].
#[must_use]
pub struct VirtualQueuesBuilder {
    sqs: Sqs,
    options: Options,
    batches: BatchOptions,
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) polls: PollOptions,
    /// Whole seconds.
    pub(super) poll_wait: Duration,
    /// Whether polls that are out are ended when their host is.
    pub(super) end_idle_polls: bool,
    /// Whole seconds: SQS has no other unit.
    pub(super) visibility: Duration,
    pub(super) limits: Limits,
    /// Whether sends to a standard host carry the virtual queue's name as their group.
    pub(super) fair_queues: bool,
    /// A message for a virtual queue that does not exist here is an orphan when it is older.
    pub(super) orphan_age: Duration,
    /// With what the log calls it.
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
    /// message is dropped from its buffer shortly before that, and comes again; too short a time means that nobody
    /// gets it in time, too long a one that a message taken by a killed process comes again late.
    pub fn visibility(mut self, visibility: Duration) -> Self {
        self.options.visibility = visibility;
        self
    }

    /// The most receives that are out on one host. Default 8; at least 1.
    pub fn max_polls(mut self, polls: usize) -> Self {
        self.options.polls.max_polls = polls;
        self
    }

    /// How long a poll of a host waits for messages. Default, and the most, 20 s; 1 s at the least, in whole seconds (rounded
    /// up). A shorter wait is for networks that cut connections which are idle for less than 20 s; each poll is a call, so 5 s
    /// cost four times as many where little comes.
    ///
    /// A poll whose connection was cut is noticed by the error of the connection; if there is none (the network swallows
    /// what is sent), when there is no answer 5 s after the wait is over. TCP keep-alive notices it earlier. It is a setting
    /// of the HTTP client, and is off by default: `tcp_keepalive` of `aws_smithy_http_client::pool::Builder`, with which the
    /// client that is given to [`VirtualQueues`] is made. Messages that SQS had put into a lost answer stay hidden until
    /// their [`visibility`](Self::visibility) ends, and are late by that.
    pub fn poll_wait(mut self, wait: Duration) -> Self {
        self.options.poll_wait = wait;
        self
    }

    /// Whether a shutdown ends polls that are out, once no message has come for a second. Default: yes, so that the shutdown of a
    /// process without traffic takes a second and not the rest of a poll's [wait](Self::poll_wait).
    ///
    /// The price: SQS may have put messages into the answer in that instant. They are not lost, but stay hidden until
    /// their [`visibility`](Self::visibility) ends. Where that is too long for those who take over the host's messages, set it to
    /// `false`: then a shutdown waits for every poll.
    pub fn end_idle_polls(mut self, end: bool) -> Self {
        self.options.end_idle_polls = end;
        self
    }

    /// The most messages in flight.
    #[cfg(test)]
    pub(super) fn max_in_flight(mut self, messages: usize) -> Self {
        self.options.polls.max_in_flight = messages;
        self
    }

    /// The most virtual queues and pending requests of one host. Default 1,000,000; beyond, creating one fails.
    pub fn max_names(mut self, names: usize) -> Self {
        self.options.limits.names = names;
        self
    }

    /// The most messages in one virtual queue's buffer. Default 1,000; at least 1. What comes beyond is put back
    /// with a visibility timeout that grows from 2 s to 5 min.
    pub fn queue_capacity(mut self, messages: usize) -> Self {
        self.options.limits.queue_messages = messages;
        self
    }

    /// The most messages and bytes in all buffers of one host. Default 10,000 and 64 MiB; at least 1 each. Beyond,
    /// only those who wait get messages. What comes for others is put back; after a poll that brought nothing else and was not
    /// full there is a pause of up to a second.
    pub fn host_capacity(mut self, messages: usize, bytes: usize) -> Self {
        self.options.limits.host_messages = messages;
        self.options.limits.host_bytes = bytes;
        self
    }

    /// Whether each virtual queue is a tenant of its host, if that is a standard queue. Default: no. With it, every message
    /// to a virtual queue that has no group of its own carries the queue's name as its `MessageGroupId`, so that SQS's fair
    /// queues keep one busy virtual queue from delaying the others. On a FIFO host each is a group in any case.
    pub fn fair_queues(mut self, fair: bool) -> Self {
        self.options.fair_queues = fair;
        self
    }

    /// How old a message is, by SQS's time since it was sent, when it becomes an orphan because its virtual queue does not exist in
    /// this process. Default 15 minutes. An orphan is deleted.
    ///
    /// A younger one may belong to another process that uses the same host, or to a virtual queue that this process has not made
    /// yet. It is put back: hidden for 2 s, 4 s, 8 s, 16 s and then 30 s, each time shortened by up to a half by chance, and counted
    /// as [`Stats::unclaimed`](crate::Stats::unclaimed). While SQS's time is not known, every message is young.
    ///
    /// At once, whatever its age, a message is an orphan if it names no virtual queue, if its virtual queue was deleted or has
    /// expired in this process (the last 4,096 of a host are remembered), or if the process made the host for itself, as a
    /// requester does. With 0, all are, as in the Java client.
    pub fn orphan_age(mut self, age: Duration) -> Self {
        self.options.orphan_age = age;
        self
    }

    /// Is called with every orphan before it is deleted. Default: none. It runs within the driver: it must be quick.
    ///
    /// If it panics, the panic is logged with the name of the hook and counted as [`Stats::panics`](crate::Stats::panics).
    /// The orphan is deleted all the same, and the host goes on.
    pub fn on_orphan<H>(mut self, hook: H) -> Self
    where
        H: Fn(Option<&VirtualQueueName>, &Message) + Send + Sync + 'static,
    {
        self.options.orphan_hook = Some((UserCode::of::<H>("the orphan hook"), Arc::new(hook)));
        self
    }

    /// What matters more, latency or cost: [`Prefer`] says what each does. Default [`Prefer::Balance`]. It replaces what
    /// [`batches`](Self::batches) has set. Temporary queues on these hosts have it from here.
    pub fn prefer(mut self, prefer: Prefer) -> Self {
        self.batches = BatchOptions::preferring(prefer);
        self.options.polls.pace = PollOptions::preferring(prefer).pace;
        self
    }

    /// How sends and deletes are put together into batches.
    pub fn batches(mut self, batches: BatchOptions) -> Self {
        self.batches = batches;
        self
    }

    /// Puts it together. Makes no call and needs no runtime yet.
    ///
    /// # Errors
    /// [`InvalidOption`] names the option that is out of its range.
    pub fn build(mut self) -> Result<VirtualQueues, InvalidOption> {
        let limits = &self.options.limits;
        let at_least_one = [
            ("max_polls", self.options.polls.max_polls),
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
        InvalidOption::unless_within("visibility", &self.options.visibility, &VISIBILITY)?;
        InvalidOption::unless_within("poll_wait", &self.options.poll_wait, &POLL_WAIT)?;
        let wait = self.options.poll_wait.as_secs_f64().ceil();
        self.options.poll_wait = Duration::from_secs_f64(wait);
        self.options.visibility = Duration::from_secs(self.options.visibility.as_secs());
        Ok(VirtualQueues::new(self.sqs, self.options, self.batches))
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
