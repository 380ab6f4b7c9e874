//! The state that the driver and all jobs of one served queue share.

use sqs_rpc_protocol::{HostKey, HostQueueUrl, RequestId, VirtualQueueName};
use sqs_rpc_transport::{Counter, Outbox, Sqs};

use super::after_handler::HandlerEnd;
use super::claims::Claims;
use super::held_keys::Held;
use super::redrive::Redrive;
use super::waiting::Slots;
use crate::Reply;
use crate::handler::BoxedHandler;
use crate::options::Options;
use crate::reply::sender::{NotSent, ReplySender, Sent};
use crate::store::guarded::StoreCalls;
use crate::store::{Fingerprint, ReplyKey};

/// Shared by the driver and all jobs of one served queue.
#[derive(Debug)]
pub(super) struct ServeContext {
    pub(super) sqs: Sqs,
    pub(super) options: Options,
    pub(super) queue: HostQueueUrl,
    pub(super) handler: BoxedHandler,
    pub(super) handling: Handling,
    pub(super) slots: Slots,
    pub(super) store: StoreCalls,
    /// The keys in the store that the handlers hold.
    pub(super) held: Held,
    pub(super) sending: Sending,
    pub(super) outbox: Outbox,
    pub(super) sender: ReplySender,
    pub(super) redrive: Redrive,
}

/// The replies that are being sent, by return address and request id.
pub(super) type Sending =
    Claims<(HostKey, Option<VirtualQueueName>, RequestId), Result<Sent, NotSent>>;

/// The requests that are being handled, from all queues that one responder serves.
pub(crate) type Handling = Claims<(ReplyKey, Fingerprint), (HandlerEnd, Reply)>;

impl ServeContext {
    pub(super) fn count(&self, counter: Counter) {
        self.sqs.counters().count(counter);
    }

    /// Counts, and returns whether to log this occurrence: the 1st, 2nd, 4th, 8th and so on, so that many bad messages
    /// do not flood the log.
    pub(super) fn count_and_tell(&self, counter: Counter) -> bool {
        self.count(counter);
        self.sqs.counters().of(counter).is_power_of_two()
    }
}
