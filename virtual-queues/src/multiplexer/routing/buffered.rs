//! A message that SQS hides for this host: in a buffer, being extended, or handed out.

use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::{Moment, mutant};

/// SQS hides a message for 12 h after its receive at the longest, extensions included. A minute less, because the answer of the
/// poll was on its way for a while.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60 - 60);

/// The visibility timeout is divided into so many steps, and extensions are made at the ends of steps. Messages of different
/// queues then share calls.
const STEPS: u32 = 12;

/// An extension that is to be made of a buffered message.
#[derive(Debug)]
pub(crate) struct Extension {
    pub(crate) queue: VirtualQueueName,
    /// The message's number in its host, see [`Buffered::number`].
    pub(super) number: u64,
    pub(crate) receipt_handle: String,
    /// For how long the message is hidden from the call on.
    pub(crate) visibility: Duration,
}

/// When a message is extended that SQS hides until `visible_until` at least: a third of the timeout earlier.
pub(super) fn extend_at(visible_until: Moment, visibility: Duration) -> Moment {
    let at = (visible_until - visibility / 3).since_start();
    let step = (visibility / STEPS).as_nanos().max(1);
    // Nanoseconds of a `u64` are 584 years.
    let early = u64::try_from(at.as_nanos() % step).unwrap_or(0);
    Moment::from_start(at - Duration::from_nanos(early))
}

/// A message that SQS keeps invisible for us.
#[derive(Debug)]
pub(super) struct Buffered {
    pub(super) message: Message,
    pub(super) bytes: usize,
    /// Given once in a host's life, in the order of arrival. A message of a FIFO host that comes again may have the number that it had.
    pub(super) number: u64,
    /// Its message group, on a FIFO host.
    pub(super) group: GroupKey,
    /// When the poll brought it.
    pub(super) received: Moment,
    /// When SQS shows it to others again, at the earliest.
    pub(super) visible_until: Moment,
    /// When SQS shows it to others again, if the call that hid it took no time.
    pub(super) hidden_until: Moment,
    /// When it is extended next. `None` while an extension is under way, after one that failed, and 12 h after the receive.
    pub(super) extend_at: Option<Moment>,
    /// Whether an extension is under way.
    pub(super) extending: bool,
}

/// A message that has left its buffer.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) message: Message,
    /// When SQS shows it to others again, at the earliest.
    pub(crate) visible_until: Moment,
    /// When SQS shows it to others again, if the call that hid it took no time.
    pub(crate) hidden_until: Moment,
    /// An extension of it is under way, so it may be hidden for longer.
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

/// What has become of a message that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// SQS hides it until then.
    HiddenUntil(Moment),
    Deleted,
    /// It was made visible again: SQS delivers it again.
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

    /// The extension that is due now, if one is. It is under way from then on.
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
        let left = (self.received + LONGEST).since(now);
        // SQS takes whole seconds, and the outbox rounds up.
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
