//! Many logical queues on one Amazon SQS queue.
//!
//! A *host queue* is a real SQS queue. A *virtual queue* is a name on it: its messages carry the name in an
//! attribute, and this crate routes them. Creating one costs no API call, and its URL is `<host queue URL>#<name>`.
//!
//! - [`VirtualQueues`] is where to begin: it makes [`VirtualQueue`]s and, for request-reply, waits for single
//!   replies ([`Host::expect_reply`]).
//! - With the feature `drop-in`, `VirtualQueues::client` is a stock SDK client that also takes virtual queue URLs.
//! - [`sqs_rpc_transport`] is the seam to Amazon SQS: the calls, SQS's time, errors, and all counters ([`Stats`]).

#[cfg(feature = "drop-in")]
mod drop_in;
mod multiplexer;

#[cfg(feature = "drop-in")]
#[doc(hidden)]
pub use drop_in::{MakeQueue, NotMade, WantedQueue};
pub use multiplexer::{
    CreateQueue, ExpectError, HandlerLimits, Host, InvalidMessage, OrphanHook, OutgoingMessage,
    PendingError, PendingReply, QueueError, Receive, ShutdownReport, TagsError, VirtualQueue,
    VirtualQueues, VirtualQueuesBuilder,
};
pub use sqs_rpc_transport::{InvalidOption, Stats};
