//! One lane: the entries of one queue and one kind of call.
//!
//! Owns: the room, and the lock around the [`Coalescer`]. Does not own: the admission of entries, see
//! [`submit`](super::submit), and the calls, see [`worker`](super::worker).
//!
//! **Invariant:** the lock is held for bookkeeping only: no call, no await and no answer to a caller happens under
//! the lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqs_rpc_protocol::HostQueueUrl;
use tokio::sync::{Notify, Semaphore};

use super::coalescer::{Again, Coalescer, Next, Pace, Ticket};
use super::context::OutboxContext;
use super::entry::OutboxEntry;
use super::kind::Kind;
use super::options::BatchOptions;
use super::table::Shelf;
use crate::Moment;

/// One queue's entries of one kind.
pub(super) struct Lane<K: Kind> {
    state: Mutex<State<K>>,
    /// Wakes the worker.
    pub(super) changed: Notify,
    /// One permit for each unanswered entry. Never closed: a caller that waits for room when the lane is closed gets
    /// a permit as soon as the entries before it are answered, and is refused then.
    pub(super) room: Arc<Semaphore>,
}

struct State<K: Kind> {
    coalescer: Coalescer<OutboxEntry<K>>,
    /// When the worker will look again by itself. `None`: not before it is woken.
    looks_at: Option<Moment>,
    /// Set when the worker has ended.
    closed: bool,
}

impl<K: Kind> Lane<K> {
    pub(super) fn new(options: &BatchOptions, queue: &HostQueueUrl) -> Self {
        let coalescer = Coalescer::new(options.limits(K::is_ordered(queue)));
        Self {
            state: Mutex::new(State {
                coalescer,
                looks_at: None,
                closed: false,
            }),
            changed: Notify::new(),
            room: Arc::new(Semaphore::new(options.room())),
        }
    }

    /// Queues an entry, blocked if it is not `free` to be sent. Returns the entry if the lane is closed.
    pub(super) fn push(
        &self,
        context: &OutboxContext,
        entry: OutboxEntry<K>,
        pace: Pace,
        free: bool,
    ) -> Result<Ticket, Box<OutboxEntry<K>>> {
        let (now, size) = (context.sqs.clock().now(), entry.size);
        let mut state = self.lock();
        if state.closed || context.closing.is_cancelled() {
            return Err(Box::new(entry));
        }
        let ticket = state.coalescer.push(entry, size, pace, now);
        if !free {
            state.coalescer.block(ticket);
        }
        let wake = state.brings_forward();
        drop(state);
        if wake {
            self.changed.notify_one();
        }
        Ok(ticket)
    }

    /// Returns what the worker must do now, and whether no entry is waiting.
    pub(super) fn next(&self, context: &OutboxContext) -> (Next<OutboxEntry<K>>, bool) {
        let now = context.sqs.clock().now();
        let mut state = self.lock();
        let next = state.coalescer.next(now);
        if let Next::Wait(at) = &next {
            state.looks_at = *at;
        }
        (next, state.coalescer.is_empty())
    }

    /// Notes the end of a call, with the entries that must be retried.
    pub(super) fn returned(&self, again: Vec<(Ticket, OutboxEntry<K>, Again)>) {
        let (overtaken, again): (Vec<_>, Vec<_>) = again
            .into_iter()
            .partition(|(_, entry, _)| entry.is_overtaken());
        let mut unwanted = Vec::new();
        let mut state = self.lock();
        for (ticket, entry, again) in again {
            if entry.is_wanted() {
                let size = entry.size;
                state.coalescer.put_back(ticket, entry, size, again);
            } else {
                unwanted.push(entry);
            }
        }
        state.coalescer.returned();
        drop(state);
        unwanted.into_iter().for_each(OutboxEntry::forget);
        overtaken
            .into_iter()
            .for_each(|(_, entry, _)| entry.give_way());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().coalescer.is_empty()
    }

    /// Ends lingering permanently.
    pub(super) fn flush(&self) {
        self.lock().coalescer.flush();
    }

    /// Refuses entries from now on, and drops the waiting entries.
    pub(super) fn close(&self) {
        let left: Vec<_> = {
            let mut state = self.lock();
            state.closed = true;
            state.coalescer.drain().collect()
        };
        drop(left);
    }

    pub(super) fn withdraw(&self, ticket: Ticket) {
        let withdrawn = self.lock().coalescer.withdraw(ticket);
        if let Some(entry) = withdrawn {
            entry.forget();
            // The remaining entries may have another due time.
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Kind> Shelf for Lane<K> {
    fn unblock(&self, ticket: Ticket) {
        self.lock().coalescer.unblock(ticket);
        self.changed.notify_one();
    }

    fn take(&self, ticket: Ticket) -> Option<Box<dyn FnOnce() + Send>> {
        let entry = self.lock().coalescer.withdraw(ticket)?;
        self.changed.notify_one();
        Some(Box::new(|| entry.give_way()))
    }
}

impl<K: Kind> State<K> {
    /// Whether the worker must look earlier than planned. Most entries join a batch that is already waiting.
    fn brings_forward(&mut self) -> bool {
        let look_at = self.coalescer.next_look();
        let earlier = look_at.is_some_and(|at| self.looks_at.is_none_or(|known| at < known));
        if earlier {
            self.looks_at = look_at;
        }
        earlier
    }
}

impl<K: Kind> std::fmt::Debug for Lane<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Entries hold bodies and receipt handles.
        f.debug_struct("Lane")
            .field("room", &self.room.available_permits())
            .finish_non_exhaustive()
    }
}
