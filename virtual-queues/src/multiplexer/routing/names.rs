//! The table of names.

use indexmap::IndexMap;
use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::{hashing::Keyed, hashing::keyed};

/// A table with an entry for each virtual queue of a host.
///
/// The entries are stored in a vector; the hash table contains only their indices. So with a million queues the hash
/// table has about 20 MB instead of 120 MB, and creating and deleting a queue is about as fast as with ten queues
/// (`benches/scale.rs`).
///
/// Nothing depends on the table's order.
pub(super) type ByName<T> = IndexMap<VirtualQueueName, T, Keyed>;

/// An empty table.
pub(super) fn by_name<T>() -> ByName<T> {
    IndexMap::with_hasher(keyed())
}
