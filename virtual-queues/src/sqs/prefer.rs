//! The one setting that chooses between latency and cost.
//!
//! Owns: what each choice means for batches and polls. Does not own: these options' own bounds, and who applies them.

use std::time::Duration;

use super::{BatchOptions, PollOptions};

/// What matters more where a call can be saved by waiting for company.
///
/// None of it delays anything while little happens: a send with no call out, and a receive after one that brought a single
/// message or none, go at once. Latency at one request at a time (P3) is the same for all three.
///
/// | | [`Latency`](Self::Latency) | [`Balance`](Self::Balance) | [`Cost`](Self::Cost) |
/// |---|---|---|---|
/// | a send waits for company, while calls are out | 0 | 5 ms | 25 ms |
/// | a receive waits after one that came back part full | 0 | 5 ms | 25 ms |
/// | a delete, which nobody waits for, waits | 50 ms | 50 ms | 250 ms |
/// | calls a request, 256 callers (P1) | 0.675 | 0.655 | 0.651 |
/// | calls a request, 32 callers | 1.087 | 0.929 | 0.938 |
/// | p50 of one caller (P3; plain SDK calls 40 ms) | 41 ms | 41 ms | 41 ms |
/// | calls a request, half load | 1.151 | 0.737 | 0.715 |
/// | p99 at half load, of that without batches (P4) | 1.01 | 0.98 | 1.09 |
///
/// Measured in the model of Amazon's latencies: `sqs-rpc bench rpc --prefer cost --concurrency 1,32,256 --payload 1024` and
/// `sqs-rpc bench rpc --rate 1000 --prefer cost`.
///
/// # Examples
/// ```
/// use sqs_virtual_queues::VirtualQueues;
/// use sqs_virtual_queues::sqs::{BatchOptions, Prefer};
///
/// # let local = local_sqs::LocalSqs::start();
/// let queues = VirtualQueues::builder(local.client()).prefer(Prefer::Cost).build()?;
/// assert!(BatchOptions::preferring(Prefer::Cost).linger > BatchOptions::default().linger);
/// # Ok::<(), sqs_virtual_queues::InvalidOption>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Prefer {
    /// Nothing that somebody waits for is held back.
    Latency,
    /// A few milliseconds, under load only, for batches that are nearly full. The default.
    #[default]
    Balance,
    /// Some ten milliseconds under load, for the fewest calls.
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
    /// The defaults with the waits that `prefer` stands for.
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
    /// The defaults with the wait that `prefer` stands for.
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
    fn the_more_cost_matters_the_longer_are_the_waits() {
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
