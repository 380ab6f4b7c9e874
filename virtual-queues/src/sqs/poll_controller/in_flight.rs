//! How many messages are in flight: received and not yet settled.
//!
//! Owns: the count, by the ends of the visibility timeouts. Does not own: which message is which.
//!
//! **Invariant:** the count is never too low. It does not know which message was settled and takes the oldest; if a
//! younger one was, the count stays too high until that one's timeout would have ended.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sqs::Moment;

#[derive(Debug, Default)]
pub(super) struct InFlight {
    by_end: VecDeque<(Moment, usize)>,
    total: usize,
}

impl InFlight {
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// `n` messages came, invisible to others until `visible_until`.
    pub(super) fn received(&mut self, n: usize, visible_until: Moment) {
        if n == 0 {
            return;
        }
        self.total += n;
        match self.by_end.back_mut() {
            // Polls may return out of order by a moment; a second more or less does not matter to a quota.
            Some((end, count)) if visible_until.since(*end) < Duration::from_secs(1) => *count += n,
            _ => self.by_end.push_back((visible_until, n)),
        }
    }

    /// `n` messages were deleted or put back.
    pub(super) fn settled(&mut self, mut n: usize) {
        while n > 0 {
            let Some((_, count)) = self.by_end.front_mut() else {
                return;
            };
            let taken = n.min(*count);
            *count -= taken;
            self.total -= taken;
            n -= taken;
            if *count == 0 {
                self.by_end.pop_front();
            }
        }
    }

    /// Forgets those that are visible again.
    pub(super) fn expire(&mut self, now: Moment) {
        while let Some((end, count)) = self.by_end.front() {
            if now < *end {
                return;
            }
            self.total -= count;
            self.by_end.pop_front();
        }
    }

    /// When the next of them are visible again.
    pub(super) fn next_expiry(&self) -> Option<Moment> {
        self.by_end.front().map(|(end, _)| *end)
    }
}
