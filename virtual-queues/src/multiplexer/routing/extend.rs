//! Keeps buffered messages invisible until a receiver takes them.
//!
//! A message that becomes visible would be redelivered, because its host is polled for other queues, and each receive
//! counts for the host's redrive policy. So a message is extended while it is in its buffer.

use std::time::Duration;

use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::{Moment, mutant};

use super::buffer::Buffered;
use super::router::Router;

/// SQS hides a message for at most 12 h after its receive, extensions included. One minute less, because the answer
/// of the poll traveled for a while.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60 - 60);

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

impl Buffered {
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
        let left = (self.received + LONGEST).since(now);
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

impl<S> Router<S> {
    /// Whether a message is still in its buffer with the same receipt handle. A message that was handed out belongs
    /// to its receiver, who may have given it another visibility timeout.
    pub(crate) fn is_to_be_extended(&mut self, extension: &Extension) -> bool {
        self.extended_message(extension).is_some()
    }

    /// An extension ended: SQS hides the message until `until`, if the extension succeeded. Otherwise the end is
    /// unchanged.
    pub(crate) fn extended(&mut self, extension: &Extension, until: Option<Moment>) {
        let visibility = self.options.visibility;
        let Some(message) = self.extended_message(extension) else {
            return;
        };
        message.extending = false;
        if let Some(until) = until {
            (message.visible_until, message.hidden_until) = (until, until);
            message.extend_at = Some(extend_at(until, visibility));
        }
    }

    fn extended_message(&mut self, extension: &Extension) -> Option<&mut Buffered> {
        let message = self
            .queue_mut(&extension.queue)?
            .numbered(extension.number)?;
        // SQS may have redelivered the message meanwhile.
        (message.message.receipt_handle() == Some(extension.receipt_handle.as_str()))
            .then_some(message)
    }
}
