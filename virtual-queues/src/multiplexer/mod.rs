//! Virtual queues on a host: many names, one stream of messages.
//!
//! Owns: which messages are fetched, who gets them, and what becomes of those nobody waits for. Does not own: how
//! a host comes into being or goes, nor what a message means. [`routing`] decides, [`host`] does it.
//!
//! **Invariant:** a host is polled only while somebody waits on it, and a poll that is out is never aborted before the
//! shutdown.

mod address;
mod attributes;
mod batch;
mod defaults;
mod driver;
mod error;
mod extensions;
mod for_all;
mod for_each;
mod handling;
mod health;
mod host;
mod hosts;
#[cfg(feature = "hot-paths")]
pub(crate) mod hot_paths;
mod lookup;
mod message;
mod options;
mod pending;
mod queue;
mod queues;
#[cfg(test)]
mod races;
mod receive;
mod routing;
mod selection;
mod tags;

pub use error::{PendingError, QueueError};
pub use for_all::HandlerLimits;
pub use host::{ExpectError, Host};
pub use message::{InvalidMessage, OutgoingMessage};
pub use options::{OrphanHook, VirtualQueuesBuilder};
pub use pending::PendingReply;
pub use queue::VirtualQueue;
pub use queues::{CreateQueue, ShutdownReport, VirtualQueues};
pub use receive::Receive;
pub use tags::TagError;
