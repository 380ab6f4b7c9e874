//! Virtual queues on a host: many names share one stream of messages.
//!
//! Owns: which messages are received, who gets them, and what happens to messages without a receiver. Does not own:
//! creating and deleting hosts, and the content of messages. [`routing`] decides, [`driver`] executes.
//!
//! **Invariant:** a host is polled only while a receiver, request or handler waits on it, and a poll in flight is not
//! aborted before the shutdown.

mod address;
mod attributes;
mod create;
mod defaults;
mod driver;
mod error;
mod find_queue;
mod for_all;
mod for_each;
mod handle_one;
mod health;
mod host;
mod hosts;
mod hub;
mod keep_hidden;
mod message;
mod options;
mod pending;
mod process;
mod queue;
mod queues;
#[cfg(test)]
mod races;
mod receive;
mod returned_parts;
mod routing;
mod tags;

pub use create::CreateQueue;
pub use error::{PendingError, QueueError};
pub use for_all::HandlerLimits;
pub use host::{ExpectError, Host};
pub use message::{InvalidMessage, OutgoingMessage};
pub use options::{OrphanHook, VirtualQueuesBuilder};
pub use pending::PendingReply;
pub use queue::VirtualQueue;
pub use queues::{ShutdownReport, VirtualQueues};
pub use receive::Receive;
pub use tags::TagsError;
