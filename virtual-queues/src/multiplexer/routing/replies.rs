//! The pending requests of one host: which replies are awaited, and until when.
//!
//! Owns: the slot and the deadline of each pending request. Does not own: the demand for polls, and what the end of a
//! wait means for the caller.
//!
//! **Invariant:** each pending request has exactly one deadline.

use indexmap::IndexMap;
use sqs_rpc_protocol::CorrelationId;
use sqs_rpc_transport::Moment;
use sqs_rpc_transport::hashing::{Keyed, keyed};

use super::deadlines::{Deadlines, Key};
use super::recent_names::RecentNames;
use super::shrink::release_memory;

/// `S` is the destination of a reply: the driver's one-shot sender, or a number in a test.
#[derive(Debug)]
pub(super) struct Replies<S> {
    /// Nothing depends on the order of this table.
    pending: IndexMap<CorrelationId, Pending<S>, Keyed>,
    deadlines: Deadlines<CorrelationId>,
    /// Answered requests, which distinguish a second reply from a late reply.
    answered: RecentNames,
}

#[derive(Debug)]
struct Pending<S> {
    sink: S,
    deadline: Key,
}

impl<S> Replies<S> {
    pub(super) fn new() -> Self {
        Self {
            pending: IndexMap::with_hasher(keyed()),
            deadlines: Deadlines::new(),
            answered: RecentNames::new(),
        }
    }

    /// The number of pending requests.
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn is_pending(&self, id: CorrelationId) -> bool {
        self.pending.contains_key(&id)
    }

    /// Whether a request was answered recently.
    pub(super) fn was_answered(&self, id: CorrelationId) -> bool {
        self.answered.contains(&id)
    }

    /// Waits for the reply to `id` until `deadline`. The request must not be pending yet.
    pub(super) fn expect(&mut self, id: CorrelationId, deadline: Moment, sink: S) {
        let deadline = self.deadlines.add(deadline, id);
        self.pending.insert(id, Pending { sink, deadline });
    }

    /// The reply to `id` has arrived. `None` if the request is not pending.
    pub(super) fn answer(&mut self, id: CorrelationId) -> Option<S> {
        let pending = self.remove(id)?;
        self.answered.remember(&id);
        Some(pending.sink)
    }

    /// Stops waiting for the reply to `id`. Returns whether the request was pending.
    pub(super) fn forget(&mut self, id: CorrelationId) -> bool {
        self.remove(id).is_some()
    }

    /// Removes and returns a request whose deadline has passed at `now`.
    pub(super) fn next_timed_out(&mut self, now: Moment) -> Option<S> {
        let id = self.deadlines.pop(now)?;
        let pending = self.pending.swap_remove(&id)?;
        release_memory(&mut self.pending);
        Some(pending.sink)
    }

    /// The earliest deadline.
    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.next()
    }

    /// Removes and returns all pending requests, in the order of their deadlines.
    pub(super) fn take_all(&mut self) -> Vec<S> {
        self.deadlines = Deadlines::new();
        let pending = std::mem::replace(&mut self.pending, IndexMap::with_hasher(keyed()));
        let mut pending: Vec<_> = pending.into_values().collect();
        pending.sort_unstable_by_key(|pending| pending.deadline);
        pending.into_iter().map(|pending| pending.sink).collect()
    }

    fn remove(&mut self, id: CorrelationId) -> Option<Pending<S>> {
        let pending = self.pending.swap_remove(&id)?;
        self.deadlines.remove(pending.deadline);
        release_memory(&mut self.pending);
        Some(pending)
    }

    /// The number of deadlines, and the capacity of the table.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.deadlines.len(), self.pending.capacity())
    }
}
