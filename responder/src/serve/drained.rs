//! What a graceful shutdown did.

/// How a graceful shutdown went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Requests that were in hand or came in after the signal, and were finished.
    pub finished: usize,
    /// Requests whose handlers were cut off at the end of the drain time. They are among `released` or `left`: they are delivered
    /// again, and handled again.
    pub abandoned: usize,
    /// Requests that SQS was asked to show again at once: those of `abandoned`, those whose handler had not started, and those whose
    /// reply could not be sent in time. Those whose call SQS did not answer are among `calls_unanswered`, too.
    pub released: usize,
    /// Such requests for which there was no time, since the drain time was zero or over: SQS shows them again when their visibility
    /// timeout ends.
    pub left: usize,
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
            && self.left == 0
            && self.polls_abandoned == 0
            && self.calls_unanswered == 0
    }
}
