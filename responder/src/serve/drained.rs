//! What a graceful shutdown did.

/// How a graceful shutdown went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Requests that were in hand or came in after the signal, and were finished.
    pub finished: usize,
    /// Requests whose handlers were cut off at the end of the drain time. They are among `released`: they are delivered
    /// again, and handled again.
    pub abandoned: usize,
    /// Requests given back to SQS: those of `abandoned`, those whose handler had not started, and those whose reply
    /// could not be sent in time.
    pub released: usize,
    /// Polls that were still out. They give back what they bring, if the runtime still runs then; otherwise SQS delivers
    /// it again when its visibility timeout ends.
    pub polls_abandoned: usize,
    /// Deletes, replies and changes of visibility that SQS had not answered in time.
    pub calls_unanswered: usize,
}

impl Drained {
    /// Whether everything was finished in time.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.abandoned == 0
            && self.released == 0
            && self.polls_abandoned == 0
            && self.calls_unanswered == 0
    }
}
