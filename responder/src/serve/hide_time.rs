//! How long a message that is not deleted is hidden.
//!
//! Owns: the numbers. Invariant: without a dead-letter queue, a message that is never deleted costs at most four
//! deliveries an hour after its first deliveries.

use std::time::Duration;

use sqs_rpc_transport::mutant;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How long to hide a message after the delivery with this number. `None` if the server does not state the number.
pub(super) fn hidden_after(receive_count: Option<u32>) -> Duration {
    if mutant!("undecodable-spins") {
        return Duration::ZERO;
    }
    doubled(FIRST, receive_count)
}

/// `first` after the first delivery, and twice as long after each further delivery, up to [`LONGEST`].
fn doubled(first: Duration, receive_count: Option<u32>) -> Duration {
    let doublings = receive_count.unwrap_or(1).saturating_sub(1);
    first
        .saturating_mul(2u32.saturating_pow(doublings))
        .min(LONGEST)
}

/// Most handlers have ended by then. SQS takes whole seconds only.
const FIRST_WITHOUT_ROOM: Duration = Duration::from_secs(1);

/// How long to hide a message whose request is being handled elsewhere, if there is no room to wait for the reply.
pub(super) fn hidden_without_room(receive_count: Option<u32>) -> Duration {
    doubled(FIRST_WITHOUT_ROOM, receive_count)
}

/// Most redrive policies move a message after at most this number of deliveries.
const USUAL_REDRIVE: u32 = 5;
const BEFORE_REDRIVE: Duration = Duration::from_secs(1);

/// How long to hide a message that will never be handled: short at first, so that the message reaches a dead-letter
/// queue soon and its FIFO group goes on. If the message is still delivered after [`USUAL_REDRIVE`] deliveries, there
/// is no dead-letter queue, or its policy allows many deliveries.
pub(super) fn hidden_for_dead_letters(receive_count: Option<u32>) -> Duration {
    match receive_count {
        Some(count) if count <= USUAL_REDRIVE && !mutant!("undecodable-spins") => BEFORE_REDRIVE,
        Some(count) => hidden_after(Some(count.saturating_sub(USUAL_REDRIVE))),
        None => hidden_after(None),
    }
}

/// How long to hide a message whose job was lost. It is visible at once, because the next delivery will mostly be
/// handled, unless its job was lost again and again.
pub(super) fn hidden_when_lost(receive_count: Option<u32>) -> Duration {
    match receive_count {
        Some(count) if count <= USUAL_REDRIVE => Duration::ZERO,
        _ => hidden_for_dead_letters(receive_count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_doubles_with_each_delivery_up_to_15_minutes() {
        let seconds = [1, 2, 3, 7, 8, 1000, u32::MAX].map(|n| hidden_after(Some(n)).as_secs());
        assert_eq!(seconds, [10, 20, 40, 640, 900, 900, 900]);
        assert_eq!(hidden_after(Some(0)), FIRST);
        assert_eq!(hidden_after(None), FIRST);
    }

    #[test]
    fn a_duplicate_without_room_waits_a_second_at_first() {
        let counts = [0, 1, 2, 3, 4, 5, 10, 11, u32::MAX];
        let seconds = counts.map(|n| hidden_without_room(Some(n)).as_secs());
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 512, 900, 900]);
        assert_eq!(hidden_without_room(None), FIRST_WITHOUT_ROOM);
    }

    #[test]
    fn a_dead_letter_waits_a_second_five_times_then_longer() {
        let counts = [1, 5, 6, 7, 12, 13, u32::MAX];
        let seconds = counts.map(|n| hidden_for_dead_letters(Some(n)).as_secs());
        assert_eq!(seconds, [1, 1, 10, 20, 640, 900, 900]);
        assert_eq!(hidden_for_dead_letters(None), FIRST);
    }

    #[test]
    fn a_lost_message_is_visible_at_once_five_times() {
        let counts = [1, 5, 6, 7, 13];
        let seconds = counts.map(|n| hidden_when_lost(Some(n)).as_secs());
        assert_eq!(seconds, [0, 0, 10, 20, 900]);
        assert_eq!(hidden_when_lost(None), FIRST);
    }
}
