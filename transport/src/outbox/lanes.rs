//! The lanes of one kind of call: one lane per queue, created by its first entry, removed when idle.

use std::sync::Arc;

use dashmap::DashMap;
use sqs_rpc_protocol::{HostKey, HostQueueUrl};

use super::context::OutboxContext;
use super::kind::Kind;
use super::lane::Lane;

/// All lanes of one kind.
#[derive(Debug)]
pub(super) struct Lanes<K: Kind> {
    pub(super) lanes: DashMap<HostKey, Arc<Lane<K>>>,
    pub(super) context: Arc<OutboxContext>,
}

impl<K: Kind> Lanes<K> {
    pub(super) fn new(context: Arc<OutboxContext>) -> Arc<Self> {
        Arc::new(Self {
            lanes: DashMap::new(),
            context,
        })
    }

    /// The number of entries that are not answered yet.
    pub(super) fn unanswered(&self) -> usize {
        let room = self.context.options.room();
        self.lanes
            .iter()
            .map(|lane| room.saturating_sub(lane.room.available_permits()))
            .sum()
    }

    /// Waits until all entries of a queue's lane are answered: until all of its room is free.
    pub(super) async fn settled(&self, queue: &HostQueueUrl) {
        let lane = self.lanes.get(&self.key(queue));
        let Some(room) = lane.map(|lane| Arc::clone(&lane.room)) else {
            return;
        };
        let all = u32::try_from(self.context.options.room()).unwrap_or(u32::MAX);
        drop(room.acquire_many(all).await);
    }

    /// Removes a lane if it has nothing to do, and returns whether it did. No caller can obtain the lane meanwhile,
    /// because lanes are handed out under the lock that `remove_if` takes.
    pub(super) fn forget_idle(&self, queue: &HostQueueUrl, lane: &Arc<Lane<K>>) -> bool {
        // One reference of the map and one of the worker.
        let unused = |found: &Arc<Lane<K>>| {
            Arc::ptr_eq(found, lane) && Arc::strong_count(found) == 2 && found.is_empty()
        };
        self.lanes
            .remove_if(&self.key(queue), |_, found| unused(found))
            .is_some()
    }

    /// Removes a lane whose worker has ended.
    pub(super) fn forget(&self, queue: &HostQueueUrl, lane: &Arc<Lane<K>>) {
        self.lanes
            .remove_if(&self.key(queue), |_, found| Arc::ptr_eq(found, lane));
    }

    /// The key of a queue, which is the same for all spellings of its URL.
    pub(super) fn key(&self, queue: &HostQueueUrl) -> HostKey {
        self.context.sqs.host_key(queue)
    }
}
