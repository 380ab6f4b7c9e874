//! The words about all messages, shared by the lanes of deletes and of changes.
//!
//! **Invariant:** the lock is taken before that of a lane, never under it, and no entry is dropped under it: an entry's drop
//! ends its word.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::coalescer::Ticket;
use super::words::{Id, Message, What, Words};

/// Where entries wait.
pub(super) trait Shelf: Send + Sync {
    /// Lets an entry go.
    fn unblock(&self, ticket: Ticket);

    /// Takes out an entry that waits. What is returned gives it its answer.
    fn take(&self, ticket: Ticket) -> Option<Box<dyn FnOnce() + Send>>;
}

#[derive(Clone)]
pub(super) struct Place {
    pub(super) shelf: Weak<dyn Shelf>,
    pub(super) ticket: Ticket,
}

pub(super) struct Table(Mutex<Words<Place>>);

/// A word that has not ended. Its drop ends it.
pub(super) struct Hold {
    table: Arc<Table>,
    message: Message,
    id: Id,
}

impl Table {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Words::new())))
    }

    /// Adds a word. `enter` puts its entry on a shelf, blocked unless it is told `true`, and may decline. `None` if it did, or
    /// was not asked because the message is being deleted.
    pub(super) fn ask(
        self: &Arc<Self>,
        message: &Message,
        what: What,
        enter: impl FnOnce(Hold, bool) -> Option<Place>,
    ) -> Option<Ticket> {
        let mut gave_way = Vec::new();
        let withdraw = |place: &Place| {
            let taken = place
                .shelf
                .upgrade()
                .and_then(|shelf| shelf.take(place.ticket));
            let was_there = taken.is_some();
            gave_way.extend(taken);
            was_there
        };
        let asked = self.lock().ask(message, what, withdraw, |id, free| {
            let (table, message) = (Arc::clone(self), message.clone());
            let place = enter(Hold { table, message, id }, free)?;
            Some((place.ticket, place))
        });
        asked.freed.iter().for_each(Place::unblock);
        gave_way.into_iter().for_each(|answer| answer());
        asked.entered
    }

    fn lock(&self) -> MutexGuard<'_, Words<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn unblock(&self) {
        if let Some(shelf) = self.shelf.upgrade() {
            shelf.unblock(self.ticket);
        }
    }
}

impl Hold {
    /// Whether a newer word makes this one needless.
    pub(super) fn is_overtaken(&self) -> bool {
        self.table.lock().is_overtaken(&self.message, self.id)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let freed = self.table.lock().end(&self.message, self.id);
        freed.iter().for_each(Place::unblock);
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It has receipt handles.
        f.debug_struct("Table").finish_non_exhaustive()
    }
}
