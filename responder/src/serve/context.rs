//! What the driver and all jobs of one served queue share.

use sqs_rpc_protocol::{HostKey, HostQueueUrl, RequestId, VirtualQueueName};
use sqs_rpc_transport::{Counter, Outbox, Sqs};

use super::claims::Claims;
use super::held::Held;
use super::outside::Slots;
use super::redrive::Redrive;
use super::verdict::Ended;
use crate::Reply;
use crate::handler::BoxedHandler;
use crate::options::Options;
use crate::reply::sender::{NotSent, Sender, Sent};
use crate::store::calls::StoreCalls;
use crate::store::{Fingerprint, ReplyKey};

/// What the driver and all jobs of one served queue need.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) sqs: Sqs,
    pub(super) options: Options,
    pub(super) queue: HostQueueUrl,
    pub(super) handler: BoxedHandler,
    pub(super) handling: Handling,
    pub(super) slots: Slots,
    pub(super) store: StoreCalls,
    /// What its handlers hold in the store.
    pub(super) held: Held,
    pub(super) sending: Sending,
    pub(super) outbox: Outbox,
    pub(super) sender: Sender,
    pub(super) redrive: Redrive,
}

/// The replies that are being sent, by where they go and which request they answer.
pub(super) type Sending =
    Claims<(HostKey, Option<VirtualQueueName>, RequestId), Result<Sent, NotSent>>;

/// The requests that are being handled, in all queues that one responder serves.
pub(crate) type Handling = Claims<(ReplyKey, Fingerprint), (Ended, Reply)>;

impl Context {
    pub(super) fn count(&self, counter: Counter) {
        self.sqs.counters().count(counter);
    }

    /// Counts, and says whether this one is to be logged: the 1st, 2nd, 4th, 8th, .., so that a flood of bad messages
    /// is not a flood of lines.
    pub(super) fn count_and_tell(&self, counter: Counter) -> bool {
        self.count(counter);
        self.sqs.counters().of(counter).is_power_of_two()
    }
}
