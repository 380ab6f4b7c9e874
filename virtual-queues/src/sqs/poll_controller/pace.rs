//! How long to wait after a receive that came back part full, so that the next one comes back full.
//!
//! Owns: the observed distance between two arrivals. Does not own: when polls start.
//!
//! **Invariants:** no wait is longer than the bound; where messages come one by one there is none.

use std::time::Duration;

use crate::sqs::Moment;

/// The distance between arrivals is measured over so long at the least: several receives, at the rates where it matters.
const WINDOW: Duration = Duration::from_millis(20);
/// A timer is not more precise than this, so a shorter wait is none.
const SHORTEST: Duration = Duration::from_millis(1);

/// Measures arrivals. A receive that finds messages returns at once, however few they are: under load each of them
/// brings what came during the round trip before it, and costs as much as a full one.
#[derive(Debug)]
pub(super) struct Pace {
    /// The longest wait; zero: none at all.
    longest: Duration,
    /// Begin of the measurement that is under way, and what has come since.
    since: Moment,
    arrived: u32,
    /// The mean time from one message to the next, from the last measurement.
    spacing: Option<Duration>,
}

impl Pace {
    pub(super) const fn new(longest: Duration) -> Self {
        Self {
            longest,
            since: Moment::from_start(Duration::ZERO),
            arrived: 0,
            spacing: None,
        }
    }

    /// A receive of `size` has brought `got`. Returns how long to wait before the next.
    pub(super) fn received(&mut self, got: usize, size: usize, now: Moment) -> Option<Duration> {
        self.arrived = self
            .arrived
            .saturating_add(u32::try_from(got).unwrap_or(u32::MAX));
        let measured = now.since(self.since);
        if measured >= WINDOW && self.arrived > 0 {
            self.spacing = Some(measured / self.arrived);
            (self.since, self.arrived) = (now, 0);
        }
        // One alone: they come more slowly than receives go. Idle or nearly so, nobody is kept waiting.
        if got < 2 || got >= size {
            return None;
        }
        let missing = u32::try_from(size - got).unwrap_or(u32::MAX);
        let spacing = self.spacing.filter(|spacing| *spacing <= self.longest)?;
        let wait = spacing.saturating_mul(missing).min(self.longest);
        (wait >= SHORTEST).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(5);

    fn at(micros: u64) -> Moment {
        Moment::from_start(Duration::from_micros(micros))
    }

    /// Receives of `got` messages each `micros`; the last wait, in microseconds.
    fn settled(pace: &mut Pace, got: usize, micros: u64) -> Option<u128> {
        let waits = (1..=100).map(|n| pace.received(got, 10, at(n * micros)));
        waits.last().flatten().map(|wait| wait.as_micros())
    }

    #[test]
    fn it_waits_for_the_missing_ones_to_come() {
        // 5 each 2 ms: one in 400 us. Five are missing.
        assert_eq!(settled(&mut Pace::new(LONGEST), 5, 2_000), Some(2_000));
    }

    #[test]
    fn no_wait_is_longer_than_the_bound() {
        assert_eq!(settled(&mut Pace::new(LONGEST), 4, 6_000), Some(5_000));
    }

    #[test]
    fn nobody_waits_where_messages_come_one_by_one_or_not_within_the_bound() {
        assert_eq!(settled(&mut Pace::new(LONGEST), 1, 1_000), None);
        assert_eq!(
            settled(&mut Pace::new(LONGEST), 2, 12_000),
            None,
            "6 ms apart"
        );
    }

    #[test]
    fn a_full_receive_and_one_that_brought_nothing_are_followed_at_once() {
        let mut pace = Pace::new(LONGEST);
        settled(&mut pace, 5, 2_000);
        assert_eq!(pace.received(10, 10, at(201_000)), None);
        assert_eq!(pace.received(0, 10, at(202_000)), None);
    }

    #[test]
    fn a_burst_after_a_rest_is_not_held_back_by_the_rate_of_old() {
        let mut pace = Pace::new(LONGEST);
        assert!(settled(&mut pace, 5, 2_000).is_some());
        assert_eq!(pace.received(3, 10, at(10_000_000)), None);
    }

    #[test]
    fn a_bound_of_zero_means_no_wait() {
        assert_eq!(settled(&mut Pace::new(Duration::ZERO), 5, 2_000), None);
    }
}
