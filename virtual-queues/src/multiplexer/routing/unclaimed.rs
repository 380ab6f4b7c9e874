//! Decides what happens to a message that nothing in this process waits for.
//!
//! A reply of this process is a duplicate or late. Any other message may belong to another process that reads the
//! same host, so it is put back until it is old.

use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{CorrelationId, VirtualQueueName};
use sqs_rpc_transport::mutant;

use super::decisions::{Arrival, Routed};
use super::message_info::{is_older_than, put_back_for};
use super::router::Router;

/// A foreign reply older than this is deleted, because its request no longer waits.
const FOREIGN_LIFE: Duration = Duration::from_secs(15 * 60);

/// The maximum time for which a message is put back whose virtual queue may belong to another process. That process
/// receives the message in every other attempt at best.
const LONGEST_UNCLAIMED: Duration = Duration::from_secs(30);

impl<S> Router<S> {
    /// A message whose name is neither a pending request nor a virtual queue. `id`: the name as a correlation id.
    pub(super) fn unexpected(
        &self,
        name: VirtualQueueName,
        id: Option<CorrelationId>,
        message: Box<Message>,
        arrival: Arrival,
    ) -> Routed<S> {
        match id {
            Some(id) if id.is_from(self.options.process) => {
                if self.replies.was_answered(id) {
                    Routed::Duplicate(message)
                } else {
                    Routed::Late(message)
                }
            }
            Some(_) if is_older_than(&message, FOREIGN_LIFE, arrival.server_now) => {
                Routed::Late(message)
            }
            Some(_) => Routed::Foreign(put_back_for(&message), message),
            None => self.unclaimed(Some(name), message, arrival),
        }
    }

    /// A message for an unknown virtual queue, or without a queue's name. Another program may read this host, too.
    pub(super) fn unclaimed(
        &self,
        name: Option<VirtualQueueName>,
        message: Box<Message>,
        arrival: Arrival,
    ) -> Routed<S> {
        if self.closed {
            return Routed::GiveBack(message);
        }
        let age = self.options.orphan_age;
        let orphan = age.is_zero()
            || name
                .as_ref()
                .is_some_and(|name| self.deleted.contains(name))
            || is_older_than(&message, age, arrival.server_now);
        if orphan || mutant!("unclaimed-is-deleted") {
            return Routed::Orphan(name, message);
        }
        let after = put_back_for(&message).min(LONGEST_UNCLAIMED);
        Routed::Unclaimed(after, message)
    }
}

#[cfg(test)]
#[path = "unclaimed_tests.rs"]
mod tests;
