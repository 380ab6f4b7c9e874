//! The one setting that chooses between latency and cost.
//!
//! Owns: the batch and poll options of each choice. Does not own: the bounds of these options, and the code that
//! applies them.

use std::time::Duration;

use super::{BatchOptions, PollOptions};

/// Chooses between latency and cost, where waiting for more messages saves calls.
///
/// No choice delays anything at low load: a send goes at once while no other send call is in flight, and so does a
/// receive after a receive that returned at most one message. The latency of one request at a time (P3) is the same
/// for all three choices.
///
/// | | [`Latency`](Self::Latency) | [`Balance`](Self::Balance) | [`Cost`](Self::Cost) |
/// |---|---|---|---|
/// | a send waits for more messages, while calls are in flight | 0 | 5 ms | 25 ms |
/// | a receive waits after a receive that came back partly full | 0 | 5 ms | 25 ms |
/// | a delete, which has no waiting caller, waits | 50 ms | 50 ms | 250 ms |
/// | calls per request, 256 callers (P1) | 0.675 | 0.655 | 0.651 |
/// | calls per request, 32 callers | 1.087 | 0.929 | 0.938 |
/// | p50 of one caller (P3; plain SDK calls 40 ms) | 41 ms | 41 ms | 41 ms |
/// | calls per request, half load | 1.151 | 0.737 | 0.715 |
/// | p99 at half load, relative to no batching (P4) | 1.01 | 0.98 | 1.09 |
/// Measured with the model of Amazon's latencies:
/// `sqs-rpc bench rpc --prefer cost --concurrency 1,32,256 --payload 1024` and
/// `sqs-rpc bench rpc --rate 1000 --prefer cost`.
/// 1024` and `sqs-rpc bench rpc --rate 1000 --prefer cost`.
///
/// # Examples
/// ```
/// use sqs_rpc_transport::{BatchOptions, Prefer};
///
/// assert!(BatchOptions::preferring(Prefer::Cost).linger > BatchOptions::default().linger);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Prefer {
    /// Never delays an operation that somebody waits for.
    Latency,
    /// Delays operations by a few milliseconds, under load only, so that batches are nearly full. The default.
    #[default]
    Balance,
    /// Delays operations by tens of milliseconds under load, for the fewest calls.
    Cost,
}

impl Prefer {
    const fn wait(self) -> Duration {
        match self {
            Self::Latency => Duration::ZERO,
            Self::Balance => Duration::from_millis(5),
            Self::Cost => Duration::from_millis(25),
        }
    }
}

impl BatchOptions {
    /// The default options with the waits of `prefer`.
    #[must_use]
    pub fn preferring(prefer: Prefer) -> Self {
        let delete_linger = match prefer {
            Prefer::Latency | Prefer::Balance => Duration::from_millis(50),
            Prefer::Cost => Duration::from_millis(250),
        };
        Self {
            linger: prefer.wait(),
            delete_linger,
            ..Self::default()
        }
    }
}

impl PollOptions {
    /// The default options with the wait of `prefer`.
    #[must_use]
    pub fn preferring(prefer: Prefer) -> Self {
        Self {
            pace: prefer.wait(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_balance() {
        let (batches, usual) = (
            BatchOptions::preferring(Prefer::Balance),
            BatchOptions::default(),
        );
        assert_eq!(
            (batches.linger, batches.delete_linger),
            (usual.linger, usual.delete_linger)
        );
        let polls = PollOptions::preferring(Prefer::default());
        assert_eq!(polls.pace, PollOptions::default().pace);
    }

    #[test]
    fn waits_grow_with_the_preference_for_cost() {
        let waits = |prefer| {
            (
                BatchOptions::preferring(prefer).linger,
                PollOptions::preferring(prefer).pace,
            )
        };
        assert_eq!(waits(Prefer::Latency), Default::default());
        assert!(waits(Prefer::Latency) < waits(Prefer::Balance));
        assert!(waits(Prefer::Balance) < waits(Prefer::Cost));
    }
}
