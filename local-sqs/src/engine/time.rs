//! The engine's time: milliseconds since the Unix epoch, handed in with every event.

use std::time::Duration;

/// An instant as the engine sees it: milliseconds since the Unix epoch.
///
/// The engine never reads a clock. Whoever drives it says what time it is, and time that goes back is treated as
/// standing still.
///
/// # Examples
///
/// ```
/// use local_sqs::engine::Timestamp;
/// use std::time::Duration;
///
/// let noon = Timestamp::from_millis(43_200_000);
/// assert_eq!(noon.plus(Duration::from_secs(1)).as_millis(), 43_201_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch, as in `SentTimestamp`.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, as in `CreatedTimestamp`.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This instant and `duration` more; saturates at the end of time.
    pub const fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This instant less `duration`; not before the epoch.
    pub const fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this is; zero if it is before it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Whole milliseconds; saturates, as the longest [`Duration`] has more of them.
const fn millis(duration: Duration) -> u64 {
    let millis = duration.as_millis();
    if millis > u64::MAX as u128 {
        u64::MAX
    } else {
        millis as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_duration_leads_to_an_end_of_time() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(now.plus(Duration::MAX).as_millis(), u64::MAX);
        assert_eq!(now.minus(Duration::MAX).as_millis(), 0);
    }
}
