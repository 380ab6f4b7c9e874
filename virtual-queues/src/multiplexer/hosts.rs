//! The table of the hosts that this process uses.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use sqs_rpc_protocol::HostKey;
use sqs_rpc_transport::{hashing::Keyed, hashing::keyed, mutant};

use super::hub::Hub;

/// Every host in use, once. Cheap to clone; clones share the table.
///
/// **Invariant:** a host from this table can be used: a host is removed for lack of use only when nobody else holds
/// it.
#[derive(Clone)]
pub(super) struct Hosts(Arc<DashMap<HostKey, Arc<Hub>, Keyed>>);

impl Hosts {
    pub(super) fn new() -> Self {
        Self(Arc::new(DashMap::with_hasher(keyed())))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key: &HostKey) -> Option<Arc<Hub>> {
        self.0.get(key).map(|host| Arc::clone(&host))
    }

    /// The host, and whether `open` has opened it now because it was not in the table or had been deleted.
    pub(super) fn get_or_open(
        &self,
        key: HostKey,
        open: impl FnOnce() -> Arc<Hub>,
    ) -> (Arc<Hub>, bool) {
        if let Some(host) = self.0.get(&key)
            && !host.is_lost()
        {
            return (Arc::clone(&host), false);
        }
        if mutant!("lookup-by-name")
            && let Some(any) = self.0.iter().next()
        {
            return (Arc::clone(&any), false);
        }
        let entry = self.0.entry(key);
        if let Entry::Occupied(entry) = &entry
            && !entry.get().is_lost()
        {
            return (Arc::clone(entry.get()), false);
        }
        // The owner of a deleted host may have created it again, or this is the first use of a wrong URL.
        let host = open();
        entry.insert(Arc::clone(&host));
        (host, true)
    }

    /// All hosts in the order of their keys, not of the hash map.
    pub(super) fn in_order(&self) -> Vec<Arc<Hub>> {
        let mut hosts: Vec<_> = self.0.iter().map(|host| Arc::clone(host.value())).collect();
        hosts.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        hosts
    }

    /// Removes this host, unless another host has taken its place.
    pub(super) fn forget(&self, shared: &Hub) {
        self.0
            .remove_if(&shared.key, |_, known| std::ptr::eq(&**known, shared));
    }

    /// Removes this host if nothing uses it, and returns whether it did. For the host's driver, which holds one
    /// reference.
    pub(super) fn forget_unused(&self, shared: &Hub) -> bool {
        // The table entry is locked, so no caller can obtain the host meanwhile.
        let unused = |known: &Arc<Hub>| std::ptr::eq(&**known, shared) && Hub::is_unused(known);
        self.0
            .remove_if(&shared.key, |_, known| unused(known))
            .is_some()
    }
}
