//! The table of names.

use indexmap::IndexMap;
use sqs_rpc_protocol::VirtualQueueName;

use crate::hashing::{Keyed, keyed};

/// A table with a place for each virtual queue of a host.
///
/// Its entries lie side by side in a vector; the hash table beside it has only their numbers. So with a million queues the
/// hash table is some 20 MB instead of 120, and to make a queue and delete it again is about as fast as with ten (`benches/scale.rs`).
///
/// Nothing depends on its order.
pub(super) type ByName<T> = IndexMap<VirtualQueueName, T, Keyed>;

/// An empty table.
pub(super) fn by_name<T>() -> ByName<T> {
    IndexMap::with_hasher(keyed())
}
