//! How long things take.

use std::time::Duration;

/// A duration, or how likely each is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Latency {
    /// No time at all.
    #[default]
    None,
    /// Always the same.
    Fixed(Duration),
    /// Log-normal: half are shorter than `median`, one in a hundred is longer than `p99`.
    Spread {
        /// Half are shorter.
        median: Duration,
        /// One in a hundred is longer; not less than the median.
        p99: Duration,
    },
}

impl Latency {
    /// A call of the real SQS from within its region: 6 ms at the median, 30 ms for one in a hundred.
    pub const fn aws_call() -> Self {
        Self::Spread {
            median: Duration::from_millis(6),
            p99: Duration::from_millis(30),
        }
    }

    /// From a send until the message can be received in the real SQS: 10 ms at the median, 80 ms for one in a hundred.
    pub const fn aws_delivery() -> Self {
        Self::Spread {
            median: Duration::from_millis(10),
            p99: Duration::from_millis(80),
        }
    }
}
