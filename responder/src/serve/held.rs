//! The places in the reply store that the handlers of one queue hold.
//!
//! Invariant: a place whose job was lost is given up, or is kept until it is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::store::Holder;
use crate::store::calls::{Place, StoreCalls};

/// The places in the store that this queue's handlers hold.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    held: BTreeMap<Holder, Place>,
    /// Those of jobs that were lost, until the store is told.
    lost: Vec<Place>,
}

/// A place in the store that is held, until this is dropped.
#[derive(Debug)]
pub(super) struct Holding<'a> {
    held: &'a Held,
    store: &'a StoreCalls,
    place: &'a Place,
    /// Whether the store has been told what became of it.
    pub(super) is_told: bool,
}

impl Held {
    pub(super) fn hold<'a>(&'a self, store: &'a StoreCalls, place: &'a Place) -> Holding<'a> {
        self.with(|places| places.held.insert(place.holder, place.clone()));
        Holding {
            held: self,
            store,
            place,
            is_told: false,
        }
    }

    /// All places, which are held no longer.
    pub(super) fn take(&self) -> Vec<Place> {
        let Places { held, lost } = self.with(std::mem::take);
        held.into_values().chain(lost).collect()
    }

    pub(super) fn take_lost(&self) -> Vec<Place> {
        self.with(|places| std::mem::take(&mut places.lost))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Places) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        // The handler's future is dropped by now. Maybe nobody is left who could tell the store otherwise.
        if !self.is_told {
            self.store.abandon_now(self.place);
        }
        self.held.with(|places| {
            // Unless a shutdown has taken it, which tells the store itself.
            if let Some(place) = places.held.remove(&self.place.holder)
                && !self.is_told
            {
                places.lost.push(place);
            }
        });
    }
}
