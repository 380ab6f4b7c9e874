//! One entry on its way, and whoever waits for its answer.
//!
//! **Invariant:** an entry is answered exactly once. One that is dropped unanswered (the runtime ended, the call
//! panicked, the shutdown gave up) answers [`FaultKind::Closed`] by its drop, so no caller waits for ever.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::kind::Kind;
use super::table::Hold;
use crate::sqs::{Backoff, Delivery, Fault, FaultKind};
use crate::stats::Counters;

pub(super) struct Entry<K: Kind> {
    pub(super) input: K::Input,
    pub(super) size: usize,
    /// How often it failed in an answered batch.
    pub(super) backoff: Backoff,
    /// Whether it is or was in a call that may have had its effect.
    out: bool,
    /// `None` once answered.
    answer: Option<Answer<K>>,
    counters: Counters,
    /// Its word about a message, which ends with it.
    hold: Option<Hold>,
    /// Its part of the room of the lane.
    _permit: OwnedSemaphorePermit,
}

enum Answer<K: Kind> {
    Caller(oneshot::Sender<Result<K::Output, Fault>>),
    Nobody,
}

impl<K: Kind> Entry<K> {
    /// An entry that nobody waits for.
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

    /// Gives the entry a caller, and returns what the caller waits on.
    pub(super) fn attended(mut self) -> (Self, oneshot::Receiver<Result<K::Output, Fault>>) {
        let (sender, receiver) = oneshot::channel();
        self.answer = Some(Answer::Caller(sender));
        (self, receiver)
    }

    /// Whether somebody waits for it, or did.
    pub(super) const fn is_attended(&self) -> bool {
        matches!(self.answer, Some(Answer::Caller(_)))
    }

    /// Makes it a word about its message.
    pub(super) fn holds(&mut self, hold: Hold) {
        self.hold = Some(hold);
    }

    /// Whether a newer word about its message makes it needless.
    pub(super) fn is_overtaken(&self) -> bool {
        self.hold.as_ref().is_some_and(Hold::is_overtaken)
    }

    /// Drops it because of a newer word about its message.
    pub(super) fn give_way(self) {
        match K::given_way() {
            Some(output) => self.answer(Ok(output)),
            None => self.forget(),
        }
    }

    /// Notes that it is in a call.
    pub(super) const fn goes_out(&mut self) {
        self.out = true;
    }

    /// Notes that the call it was in had no effect on it.
    pub(super) const fn came_back(&mut self) {
        self.out = false;
    }

    /// Whether somebody waits for it, or nobody ever did.
    pub(super) fn is_wanted(&self) -> bool {
        match &self.answer {
            Some(Answer::Caller(caller)) => !caller.is_closed(),
            Some(Answer::Nobody) => true,
            None => false,
        }
    }

    /// Answers it for good.
    pub(super) fn answer(mut self, result: Result<K::Output, Fault>) {
        self.settle(result);
    }

    /// Drops it because its caller is gone.
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
            // A caller that is gone does not want it.
            drop(caller.send(result));
        }
    }
}

impl<K: Kind> Drop for Entry<K> {
    fn drop(&mut self) {
        let delivery = if self.out {
            Delivery::Unknown
        } else {
            Delivery::NotSent
        };
        self.settle(Err(closed::<K>(delivery)));
    }
}

/// The fault of an entry that came too late, or was given up.
pub(super) fn closed<K: Kind>(delivery: Delivery) -> Fault {
    Fault::local(K::ACTION, FaultKind::Closed, delivery, ShutDown)
}

/// The outbox has shut down, or the runtime it ran on has ended.
#[derive(Debug, thiserror::Error)]
#[error("the outbox has shut down")]
struct ShutDown;
