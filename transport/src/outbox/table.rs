//! The operations ("words") on all messages, shared by the lanes of deletes and of changes.
//!
//! **Invariant:** the table's lock is taken before the lock of a lane, never under it, and no entry is dropped under
//! the table's lock, because an entry's drop ends its word.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::coalescer::Ticket;
use super::words::{Id, Message, What, Words};

/// A lane, in which entries wait.
pub(super) trait Shelf: Send + Sync {
    /// Allows an entry to be sent.
    fn unblock(&self, ticket: Ticket);

    /// Removes a waiting entry. The returned function answers the entry.
    fn take(&self, ticket: Ticket) -> Option<Box<dyn FnOnce() + Send>>;
}

#[derive(Clone)]
pub(super) struct Place {
    pub(super) shelf: Weak<dyn Shelf>,
    pub(super) ticket: Ticket,
}

pub(super) struct Table(Mutex<Words<Place>>);

/// A word that has not ended. Dropping the hold ends the word.
pub(super) struct Hold {
    table: Arc<Table>,
    message: Message,
    id: Id,
}

impl Table {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Words::new())))
    }

    /// Adds a word. `enter` puts the word's entry on a shelf, blocked unless it is given `true`, and may decline.
    /// Returns `None` if it declined, or was not called because the message is being deleted.
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
    /// Whether a newer word replaces this word.
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
