//! The keys in the reply store that the handlers of one queue hold.
//!
//! Invariant: the place of a lost job is kept until it is abandoned in the store.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::store::Holder;
use crate::store::guarded::{Place, StoreCalls};

/// The keys in the store that this queue's handlers hold.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    held: BTreeMap<Holder, Place>,
    /// The places of lost jobs, until they are abandoned in the store.
    lost: Vec<Place>,
}

/// Holds a place in the store until this value is dropped.
#[derive(Debug)]
pub(super) struct Holding<'a> {
    held: &'a Held,
    store: &'a StoreCalls,
    place: &'a Place,
    /// Whether the place was completed or abandoned in the store.
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

    /// Takes all places out, held and lost.
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
        // The handler's future is already dropped. If serving was dropped, nothing else abandons the place.
        if !self.is_told {
            self.store.abandon_now(self.place);
        }
        self.held.with(|places| {
            // If a shutdown has taken the place, the shutdown abandons it.
            if let Some(place) = places.held.remove(&self.place.holder)
                && !self.is_told
            {
                places.lost.push(place);
            }
        });
    }
}
