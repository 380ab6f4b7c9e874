//! Keeps buffered messages invisible until a receiver takes them.
//!
//! A message that becomes visible would be redelivered, because its host is polled for other queues, and each receive
//! counts for the host's redrive policy. So a message is extended while it is in its buffer.

use sqs_rpc_transport::Moment;

use super::buffered::{Buffered, Extension, extend_at};
use super::router::Router;

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
