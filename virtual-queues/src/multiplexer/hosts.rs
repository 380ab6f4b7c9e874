//! The table of the hosts that this process uses.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use sqs_rpc_protocol::HostKey;

use super::host::Shared;
use crate::hashing::{Keyed, keyed};
use crate::mutant;

/// Every host in use, once. Cheap to clone; clones share the table.
///
/// **Invariant:** whoever has a host from here can use it: one that is forgotten for want of use is held by nobody else.
#[derive(Clone)]
pub(super) struct Hosts(Arc<DashMap<HostKey, Arc<Shared>, Keyed>>);

impl Hosts {
    pub(super) fn new() -> Self {
        Self(Arc::new(DashMap::with_hasher(keyed())))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key: &HostKey) -> Option<Arc<Shared>> {
        self.0.get(key).map(|host| Arc::clone(&host))
    }

    /// The host, and whether `open` has opened it now: it was not here, or it had vanished.
    pub(super) fn get_or_open(
        &self,
        key: HostKey,
        open: impl FnOnce() -> Arc<Shared>,
    ) -> (Arc<Shared>, bool) {
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
        // A host that vanished may have been made again by its owner, or this is the first look at a wrong URL.
        let host = open();
        entry.insert(Arc::clone(&host));
        (host, true)
    }

    /// In the order of their keys, not of the hash map.
    pub(super) fn in_order(&self) -> Vec<Arc<Shared>> {
        let mut hosts: Vec<_> = self.0.iter().map(|host| Arc::clone(host.value())).collect();
        hosts.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        hosts
    }

    /// Forgets this host, unless another one has taken its place.
    pub(super) fn forget(&self, shared: &Shared) {
        self.0
            .remove_if(&shared.key, |_, known| std::ptr::eq(&**known, shared));
    }

    /// Forgets this host if nothing uses it. Says whether it did. For its driver, which holds it once.
    pub(super) fn forget_unused(&self, shared: &Shared) -> bool {
        // Nobody takes it out of the table meanwhile: its entry is locked.
        let unused =
            |known: &Arc<Shared>| std::ptr::eq(&**known, shared) && Shared::is_unused(known);
        self.0
            .remove_if(&shared.key, |_, known| unused(known))
            .is_some()
    }
}
