//! The wait after a receive that came back partly full, so that the next receive comes back full.
//!
//! Owns: the observed time between two arrivals. Does not own: when polls start.
//!
//! **Invariants:** no wait is longer than the limit; where messages arrive one by one there is no wait.

use std::time::Duration;

use crate::Moment;

/// The minimum time over which the time between arrivals is measured: several receives, at rates where the pace
/// matters.
const WINDOW: Duration = Duration::from_millis(20);
/// Timers have this precision, so shorter waits are omitted.
const SHORTEST: Duration = Duration::from_millis(1);

/// Measures arrivals. A receive that finds messages returns at once, however few they are. So under load each receive
/// returns the messages that arrived during the previous round trip, and costs as much as a full receive.
#[derive(Debug)]
pub(super) struct Pace {
    /// The maximum wait. Zero means no wait at all.
    longest: Duration,
    /// The start of the current measurement, and the number of messages since.
    since: Moment,
    arrived: u32,
    /// The mean time between two messages, from the last measurement.
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

    /// A receive of `size` has returned `got` messages. Returns the wait before the next receive.
    pub(super) fn received(&mut self, got: usize, size: usize, now: Moment) -> Option<Duration> {
        self.arrived = self
            .arrived
            .saturating_add(u32::try_from(got).unwrap_or(u32::MAX));
        let measured = now.since(self.since);
        if measured >= WINDOW && self.arrived > 0 {
            self.spacing = Some(measured / self.arrived);
            (self.since, self.arrived) = (now, 0);
        }
        // A single message means that messages arrive more slowly than receives return, so there is no wait at low
        // load.
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

    /// Receives of `got` messages every `micros` microseconds. Returns the last wait in microseconds.
    fn settled(pace: &mut Pace, got: usize, micros: u64) -> Option<u128> {
        let waits = (1..=100).map(|n| pace.received(got, 10, at(n * micros)));
        waits.last().flatten().map(|wait| wait.as_micros())
    }

    #[test]
    fn the_wait_lets_the_missing_messages_arrive() {
        // Five messages each 2 ms: one in 400 us. Five are missing.
        assert_eq!(settled(&mut Pace::new(LONGEST), 5, 2_000), Some(2_000));
    }

    #[test]
    fn no_wait_is_longer_than_the_limit() {
        assert_eq!(settled(&mut Pace::new(LONGEST), 4, 6_000), Some(5_000));
    }

    #[test]
    fn there_is_no_wait_for_single_or_slow_messages() {
        assert_eq!(settled(&mut Pace::new(LONGEST), 1, 1_000), None);
        assert_eq!(
            settled(&mut Pace::new(LONGEST), 2, 12_000),
            None,
            "6 ms apart"
        );
    }

    #[test]
    fn no_wait_follows_a_full_or_an_empty_receive() {
        let mut pace = Pace::new(LONGEST);
        settled(&mut pace, 5, 2_000);
        assert_eq!(pace.received(10, 10, at(201_000)), None);
        assert_eq!(pace.received(0, 10, at(202_000)), None);
    }

    #[test]
    fn a_burst_after_a_rest_is_not_delayed() {
        let mut pace = Pace::new(LONGEST);
        assert!(settled(&mut pace, 5, 2_000).is_some());
        assert_eq!(pace.received(3, 10, at(10_000_000)), None);
    }

    #[test]
    fn a_limit_of_zero_means_no_wait() {
        assert_eq!(settled(&mut Pace::new(Duration::ZERO), 5, 2_000), None);
    }
}
