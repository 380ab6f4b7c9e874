//! One entry of a batch, and the caller that waits for its answer.
//!
//! **Invariant:** an entry is answered exactly once. An entry that is dropped unanswered (the runtime ended, the call
//! panicked, the shutdown gave up) answers [`FaultKind::Closed`] in its `Drop`, so no caller waits forever.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::kind::Kind;
use super::table::Hold;
use crate::stats::Counters;
use crate::{Backoff, Delivery, Fault, FaultKind};

pub(super) struct OutboxEntry<K: Kind> {
    pub(super) input: K::Input,
    pub(super) size: usize,
    /// Counts how often the entry failed in an answered batch.
    pub(super) backoff: Backoff,
    /// Whether the entry is or was in a call that may have had an effect.
    out: bool,
    /// `None` once answered.
    answer: Option<Answer<K>>,
    counters: Counters,
    /// The entry's operation on a message, which ends when the entry is dropped.
    hold: Option<Hold>,
    /// The entry's permit of the lane's room.
    _permit: OwnedSemaphorePermit,
}

enum Answer<K: Kind> {
    Caller(oneshot::Sender<Result<K::Output, Fault>>),
    Nobody,
}

impl<K: Kind> OutboxEntry<K> {
    /// An entry without a waiting caller.
    pub(super) const fn unattended(
        input: K::Input,
        size: usize,
        backoff: Backoff,
        counters: Counters,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            input,
            size,
            backoff,
            out: false,
            answer: Some(Answer::Nobody),
            counters,
            hold: None,
            _permit: permit,
        }
    }

    /// Gives the entry a caller, and returns the receiver on which the caller waits.
    pub(super) fn attended(mut self) -> (Self, oneshot::Receiver<Result<K::Output, Fault>>) {
        let (sender, receiver) = oneshot::channel();
        self.answer = Some(Answer::Caller(sender));
        (self, receiver)
    }

    /// Whether the entry has a caller, even one that has left.
    pub(super) const fn is_attended(&self) -> bool {
        matches!(self.answer, Some(Answer::Caller(_)))
    }

    /// Registers the entry as an operation on its message.
    pub(super) fn holds(&mut self, hold: Hold) {
        self.hold = Some(hold);
    }

    /// Whether a newer operation on its message replaces the entry.
    pub(super) fn is_overtaken(&self) -> bool {
        self.hold.as_ref().is_some_and(Hold::is_overtaken)
    }

    /// Drops the entry because a newer operation on its message replaces it.
    pub(super) fn give_way(self) {
        match K::given_way() {
            Some(output) => self.answer(Ok(output)),
            None => self.forget(),
        }
    }

    /// Notes that the entry is in a call.
    pub(super) const fn goes_out(&mut self) {
        self.out = true;
    }

    /// Notes that the call had no effect for the entry.
    pub(super) const fn came_back(&mut self) {
        self.out = false;
    }

    /// Whether the entry is still needed: its caller still waits, or it never had a caller.
    pub(super) fn is_wanted(&self) -> bool {
        match &self.answer {
            Some(Answer::Caller(caller)) => !caller.is_closed(),
            Some(Answer::Nobody) => true,
            None => false,
        }
    }

    /// Gives the entry its final answer.
    pub(super) fn answer(mut self, result: Result<K::Output, Fault>) {
        self.settle(result);
    }

    /// Drops the entry because its caller has left.
    pub(super) fn forget(mut self) {
        self.answer = None;
    }

    fn settle(&mut self, result: Result<K::Output, Fault>) {
        let Some(answer) = self.answer.take() else {
            return;
        };
        if let (Err(_), Some(counter)) = (&result, K::FAILED) {
            self.counters.count(counter);
        }
        if let Answer::Caller(caller) = answer {
            // The send fails only if the caller has left.
            drop(caller.send(result));
        }
    }
}

impl<K: Kind> Drop for OutboxEntry<K> {
    fn drop(&mut self) {
        let delivery = if self.out {
            Delivery::Unknown
        } else {
            Delivery::NotSent
        };
        self.settle(Err(closed::<K>(delivery)));
    }
}

/// The fault of an entry that arrived after the shutdown, or was given up.
pub(super) fn closed<K: Kind>(delivery: Delivery) -> Fault {
    Fault::local(K::ACTION, FaultKind::Closed, delivery, ShutDown)
}

/// The outbox has shut down, or its runtime has ended.
#[derive(Debug, thiserror::Error)]
#[error("the outbox has shut down")]
struct ShutDown;
