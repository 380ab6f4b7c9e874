//! The engine's time: milliseconds since the Unix epoch, passed with every call.

use std::time::Duration;

/// An instant of the engine's time: milliseconds since the Unix epoch.
///
/// The engine never reads a clock. Its driver passes the current time; if the time goes backwards, the engine's time
/// stands still.
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

    /// This instant plus `duration`; saturates at the largest instant.
    pub const fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This instant minus `duration`; saturates at the epoch.
    pub const fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// The duration from `earlier` to this instant; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Whole milliseconds; saturates, because the longest [`Duration`] has more milliseconds than fit.
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
    fn the_longest_duration_saturates() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(now.plus(Duration::MAX).as_millis(), u64::MAX);
        assert_eq!(now.minus(Duration::MAX).as_millis(), 0);
    }
}
