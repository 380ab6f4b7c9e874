//! How long a message is hidden that is not deleted.
//!
//! Owns: the numbers. Invariant: where there is no dead-letter queue, a message that never goes away costs four
//! deliveries an hour at the most, once it has been delivered some times.

use std::time::Duration;

use sqs_virtual_queues::mutant;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How long to hide a message after its delivery of this number; `None` where SQS did not say which it was.
pub(super) fn hidden_after(receive_count: Option<u32>) -> Duration {
    if mutant!("undecodable-spins") {
        return Duration::ZERO;
    }
    let doublings = receive_count.unwrap_or(1).saturating_sub(1);
    FIRST
        .saturating_mul(2u32.saturating_pow(doublings))
        .min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_with_each_delivery_up_to_15_minutes() {
        let seconds = [1, 2, 3, 7, 8, 1000, u32::MAX].map(|n| hidden_after(Some(n)).as_secs());
        assert_eq!(seconds, [10, 20, 40, 640, 900, 900, 900]);
        assert_eq!(hidden_after(Some(0)), FIRST);
        assert_eq!(hidden_after(None), FIRST);
    }
}
