//! Counts the messages in flight: received and not yet settled.
//!
//! Owns: the count, by the ends of the visibility timeouts. Does not own: the identity of the messages.
//!
//! **Invariant:** the count is not too low. The count does not know which message was settled and removes the oldest.
//! If a younger message was settled, the count stays too high until the younger message's timeout would have ended.
//! Messages that users extend or settle are known by their receipt handles from then on: an extended message counts
//! until its new end, and a message that is settled twice counts once.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::Moment;

#[derive(Debug, Default)]
pub(super) struct InFlight {
    by_end: VecDeque<(Moment, usize)>,
    /// Messages that are known by a digest of their receipt handle. Removed by [`expire`](Self::expire).
    known: HashMap<u64, Known>,
    /// When each known message is forgotten.
    known_until: BTreeSet<(Moment, u64)>,
    total: usize,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    until: Moment,
    /// Whether the message is part of the total.
    counts: bool,
}

/// The maximum number of known messages. Beyond this number, a message that is settled twice counts twice.
const MOST_KNOWN: usize = 100_000;

/// How long a settled message is known.
const REPEATED: Duration = Duration::from_secs(60);

impl InFlight {
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// `n` messages were received. They are invisible to other receivers until `visible_until`.
    pub(super) fn received(&mut self, n: usize, visible_until: Moment) {
        if n == 0 {
            return;
        }
        self.total += n;
        match self.by_end.back_mut() {
            // Polls may return slightly out of order. One second more or less does not matter for a quota.
            Some((end, count)) if visible_until.since(*end) < Duration::from_secs(1) => *count += n,
            _ => self.by_end.push_back((visible_until, n)),
        }
    }

    /// A message stays invisible until `until`.
    pub(super) fn extended(&mut self, receipt_handle: &str, until: Moment) {
        let key = key(receipt_handle);
        let counts = match self.known.get(&key) {
            Some(known) if !known.counts => return,
            Some(_) => true,
            None if self.known.len() >= MOST_KNOWN => return,
            None => self.take(1) == 1,
        };
        if counts {
            self.total += usize::from(!self.known.contains_key(&key));
            self.know(key, Known { until, counts });
        }
    }

    /// A message was deleted or put back, possibly not for the first time.
    pub(super) fn settled_by_handle(&mut self, receipt_handle: &str, now: Moment) {
        let key = key(receipt_handle);
        match self.known.get(&key) {
            Some(known) if !known.counts => return,
            Some(_) => self.total = self.total.saturating_sub(1),
            None => {
                self.take(1);
            }
        }
        if self.known.len() < MOST_KNOWN || self.known.contains_key(&key) {
            let (until, counts) = (now + REPEATED, false);
            self.know(key, Known { until, counts });
        }
    }

    fn know(&mut self, key: u64, new: Known) {
        if let Some(old) = self.known.insert(key, new) {
            self.known_until.remove(&(old.until, key));
        }
        self.known_until.insert((new.until, key));
    }

    /// `n` messages were deleted or put back.
    pub(super) fn settled(&mut self, n: usize) {
        self.take(n);
    }

    /// Removes `n` of the messages that are not known, the oldest first. Returns how many were removed.
    fn take(&mut self, mut n: usize) -> usize {
        let wanted = n;
        while n > 0 {
            let Some((_, count)) = self.by_end.front_mut() else {
                break;
            };
            let taken = n.min(*count);
            *count -= taken;
            self.total -= taken;
            n -= taken;
            if *count == 0 {
                self.by_end.pop_front();
            }
        }
        wanted - n
    }

    /// Removes the messages that are visible again.
    pub(super) fn expire(&mut self, now: Moment) {
        while let Some(&(until, key)) = self.known_until.first()
            && until <= now
        {
            self.known_until.pop_first();
            let known = self.known.remove(&key);
            let counted = known.is_some_and(|known| known.counts);
            self.total = self.total.saturating_sub(usize::from(counted));
        }
        while let Some((end, count)) = self.by_end.front() {
            if now < *end {
                return;
            }
            self.total -= count;
            self.by_end.pop_front();
        }
    }

    /// When the next messages become visible again.
    pub(super) fn next_expiry(&self) -> Option<Moment> {
        let by_end = self.by_end.front().map(|(end, _)| *end);
        let known = self.known_until.first().map(|(until, _)| *until);
        by_end.into_iter().chain(known).min()
    }
}

/// A digest that is the same in every process, so that no decision depends on a random seed.
fn key(receipt_handle: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    receipt_handle.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::from_start(Duration::from_secs(secs))
    }

    #[test]
    fn a_message_settled_twice_counts_once() {
        let mut in_flight = InFlight::default();
        in_flight.received(3, at(30));
        for _ in 0..3 {
            in_flight.settled_by_handle("a", at(1));
        }
        assert_eq!(in_flight.total(), 2);
        in_flight.settled_by_handle("b", at(1));
        in_flight.settled(1);
        assert_eq!(in_flight.total(), 0);
        in_flight.expire(at(61));
        assert!(in_flight.known.is_empty() && in_flight.known_until.is_empty());
    }

    #[test]
    fn an_extended_message_counts_until_its_new_end() {
        let mut in_flight = InFlight::default();
        in_flight.received(2, at(30));
        in_flight.extended("a", at(600));
        in_flight.extended("a", at(900));
        assert_eq!(in_flight.total(), 2);
        in_flight.expire(at(600));
        assert_eq!(
            (in_flight.total(), in_flight.next_expiry()),
            (1, Some(at(900)))
        );
        in_flight.settled_by_handle("a", at(700));
        in_flight.settled_by_handle("a", at(700));
        in_flight.extended("a", at(800));
        assert_eq!(in_flight.total(), 0);
        // A message that was never received here.
        in_flight.extended("b", at(900));
        assert_eq!(in_flight.total(), 0);
    }
}
