//! Latencies.

use std::time::Duration;

/// A fixed duration, or a distribution of durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Latency {
    /// No latency.
    #[default]
    None,
    /// Always the same duration.
    Fixed(Duration),
    /// Log-normal: half of the durations are shorter than `median`, one in a hundred is longer than `p99`.
    Spread {
        /// Half of the durations are shorter.
        median: Duration,
        /// One duration in a hundred is longer. Not less than the median.
        p99: Duration,
    },
}

impl Latency {
    /// A call to the real SQS from within its region: 6 ms at the median, 30 ms at the 99th percentile.
    pub const fn aws_call() -> Self {
        Self::Spread {
            median: Duration::from_millis(6),
            p99: Duration::from_millis(30),
        }
    }

    /// From a send until the message can be received in the real SQS: 10 ms at the median, 80 ms at the 99th percentile.
    pub const fn aws_delivery() -> Self {
        Self::Spread {
            median: Duration::from_millis(10),
            p99: Duration::from_millis(80),
        }
    }
}
