//! A graceful shutdown in progress, and [`Drained`], its report.

use sqs_rpc_transport::Moment;

/// A shutdown in progress.
#[derive(Debug)]
pub(super) struct Drain {
    /// Until when to wait for handlers and polls.
    pub(super) work_until: Moment,
    /// Until when to wait for SQS's answers.
    pub(super) end: Moment,
    pub(super) drained: Drained,
}

/// What a graceful shutdown finished, and what it gave back or abandoned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// The number of requests that were in hand or arrived after the signal, and were finished.
    pub finished: usize,
    /// The number of requests whose handlers were dropped at the end of the drain time. They count in `released` or
    /// `left`, too, because they are redelivered, and handled again.
    pub abandoned: usize,
    /// The number of requests that SQS was asked to make visible at once: those in `abandoned`, those whose handler had
    /// not started, and those whose reply could not be sent in time. If SQS did not answer the call, they count in
    /// `calls_unanswered`, too.
    pub released: usize,
    /// The number of such requests for which no time was left to ask SQS: they are visible when their visibility
    /// timeouts end.
    pub left: usize,
    /// The number of polls that were still in flight. If the runtime still runs, they give back the messages that they
    /// receive. Otherwise SQS redelivers these when their visibility timeouts end.
    pub polls_abandoned: usize,
    /// The number of deletes, replies and changes of visibility that SQS did not answer in time.
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
