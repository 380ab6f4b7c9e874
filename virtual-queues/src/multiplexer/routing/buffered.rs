//! A message that SQS hides for this host: in a buffer, or handed out.

use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_protocol::limits::MAX_VISIBILITY;
use sqs_rpc_transport::{Moment, mutant};

/// The part of [`MAX_VISIBILITY`] that is not used, because SQS counts from the receive, before its answer arrived here.
const MARGIN: Duration = Duration::from_secs(60);

/// The visibility timeout is divided into this number of steps, and extensions are made at the ends of steps. So
/// messages of different queues share calls.
const STEPS: u32 = 12;

/// An extension of a buffered message that is due.
#[derive(Debug)]
pub(crate) struct Extension {
    pub(crate) queue: VirtualQueueName,
    /// The message's number in its host, see [`Buffered::number`].
    pub(super) number: u64,
    pub(crate) receipt_handle: String,
    /// How long the message is hidden, counted from the call.
    pub(crate) visibility: Duration,
}

/// When a message is extended that SQS hides until `visible_until` at the earliest: a third of the timeout before.
pub(super) fn extend_at(visible_until: Moment, visibility: Duration) -> Moment {
    let at = (visible_until - visibility / 3).since_start();
    let step = (visibility / STEPS).as_nanos().max(1);
    // A `u64` of nanoseconds covers 584 years.
    let early = u64::try_from(at.as_nanos() % step).unwrap_or(0);
    Moment::from_start(at - Duration::from_nanos(early))
}

/// A buffered message, which SQS hides from other receivers.
#[derive(Debug)]
pub(super) struct Buffered {
    pub(super) message: Message,
    pub(super) bytes: usize,
    /// Unique per host, in the order of arrival. A redelivered message of a FIFO host may get its earlier number
    /// again.
    pub(super) number: u64,
    /// The message's group, on a FIFO host.
    pub(super) group: GroupKey,
    /// When the poll returned the message.
    pub(super) received: Moment,
    /// The earliest time at which SQS may show the message to other receivers again.
    pub(super) visible_until: Moment,
    /// The time at which SQS shows the message to other receivers again, if the call that hid it took no time.
    pub(super) hidden_until: Moment,
    /// The time of the next extension. `None` while an extension is in progress, after a failed extension, and 12 h
    /// after the receive.
    pub(super) extend_at: Option<Moment>,
    /// Whether an extension is in progress.
    pub(super) extending: bool,
}

/// A message that has left its buffer.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) message: Message,
    /// The earliest time at which SQS may show the message to other receivers again.
    pub(crate) visible_until: Moment,
    /// The time at which SQS shows the message to other receivers again, if the call that hid it took no time.
    pub(crate) hidden_until: Moment,
    /// Whether an extension is in progress, so that the message may stay hidden for longer.
    pub(crate) extending: bool,
}

impl From<Buffered> for Taken {
    fn from(buffered: Buffered) -> Self {
        Self {
            message: buffered.message,
            visible_until: buffered.visible_until,
            hidden_until: buffered.hidden_until,
            extending: buffered.extending,
        }
    }
}

/// What happened to a message that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// SQS hides the message until this moment.
    HiddenUntil(Moment),
    Deleted,
    /// The message was made visible again: SQS redelivers it.
    GivenBack,
}

/// A message group, by a digest of its id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupKey(pub(super) u64);

impl Buffered {
    pub(super) fn attention(&self) -> Moment {
        let extend_at = self.extend_at.unwrap_or(self.visible_until);
        extend_at.min(self.visible_until)
    }

    /// The extension that is due now, if any. It counts as in progress from then on.
    pub(super) fn extension(
        &mut self,
        queue: &VirtualQueueName,
        visibility: Duration,
        now: Moment,
    ) -> Option<Extension> {
        self.extend_at.filter(|at| *at <= now)?;
        self.extend_at = None;
        if mutant!("buffer-not-extended") {
            return None;
        }
        let left = (self.received + (MAX_VISIBILITY - MARGIN)).since(now);
        // SQS accepts whole seconds, and the outbox rounds up.
        let visibility = Duration::from_secs(visibility.min(left).as_secs());
        if now + visibility <= self.visible_until {
            return None;
        }
        let receipt_handle = self.message.receipt_handle()?.to_owned();
        self.extending = true;
        Some(Extension {
            queue: queue.clone(),
            number: self.number,
            receipt_handle,
            visibility,
        })
    }
}
