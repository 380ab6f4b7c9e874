//! Gives a table's memory back.

use std::hash::Hash;

use indexmap::IndexMap;
use sqs_rpc_transport::hashing::Keyed;

/// Frees a table's memory after a burst. Shrinking moves the remaining entries and blocks all callers meanwhile, so it
/// is done only when few entries remain.
pub(super) fn release_memory<K: Hash + Eq, V>(table: &mut IndexMap<K, V, Keyed>) {
    let (len, capacity) = (table.len(), table.capacity());
    if capacity > 1024 && len < capacity / 32 {
        table.shrink_to(len * 2);
    }
}
