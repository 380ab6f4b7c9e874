//! The graceful shutdown of serving.
//!
//! Owns: its points in time, when polls are ended early, and which messages are given back. Invariant: nothing is
//! awaited after the drain time.

use std::time::Duration;

use sqs_rpc_transport::{Counter, Moment};

use super::drain::{Drain, Drained};
use super::driver::Driver;

/// The maximum part of the drain time that is reserved for giving messages back.
const FOR_GIVING_BACK: Duration = Duration::from_secs(1);

/// In a shutdown, polls are ended when none of them has received anything for this long. SQS answers a poll at once if
/// it has a message, so only a message that arrives in the instant of the end can be lost on its way. An idle responder
/// has to stop within 2 s.
const QUIET: Duration = Duration::from_secs(1);

impl Driver {
    pub(super) fn start_drain(&mut self, within: Duration) {
        let end = self.context.sqs.clock().now() + within;
        let work_until = end - FOR_GIVING_BACK.min(within / 5);
        self.drain = Some(Drain {
            work_until,
            end,
            drained: Drained::default(),
        });
        let (in_hand, polls) = (self.hand.len(), self.polls.out());
        tracing::info!(queue = %self.context.queue, in_hand, polls, "shutting down");
    }

    /// Whether nothing is left to wait for, or the time is up.
    pub(super) fn is_drained(&self) -> bool {
        let Some(drain) = &self.drain else {
            return false;
        };
        let idle = self.polls.out() == 0 && self.hand.is_empty() && self.jobs.is_empty();
        idle || self.context.sqs.clock().now() >= drain.work_until
    }

    /// When to end the polls in flight, if no message comes until then. `None` while other work is left.
    pub(super) fn idle_polls_end(&self) -> Option<Moment> {
        let ends = self.drain.is_some()
            && self.context.options.end_idle_polls
            && !self.poll.end.is_cancelled()
            && self.polls.out() > 0
            && self.hand.is_empty()
            && self.jobs.is_empty();
        ends.then(|| self.quiet_since + QUIET)
    }

    pub(super) fn end_idle_polls(&self) {
        let now = self.context.sqs.clock().now();
        if self.idle_polls_end().is_some_and(|at| at <= now) {
            tracing::debug!(queue = %self.context.queue, polls = self.polls.out(), "idle polls are ended");
            self.poll.end.cancel();
        }
    }

    /// Gives the remaining messages back, and frees their keys in the store.
    pub(super) async fn finish(mut self) -> Drained {
        // From here on polls give back the messages that they receive. Messages in the channel are given back here.
        self.polled.close();
        let now = self.context.sqs.clock().now();
        while let Ok(polled) = self.polled.try_recv() {
            let messages = polled.result.unwrap_or_default();
            self.polls
                .returned(polled.size, polled.started, messages.len(), now, now);
            let receipts = messages
                .into_iter()
                .filter_map(|message| message.receipt_handle);
            receipts.for_each(|receipt| self.give_back(receipt));
        }
        // Jobs that have ended are settled before the others are aborted.
        while let Some(ended) = self.jobs.try_join_next_with_id() {
            self.job_ended(ended);
        }
        let abandoned = self.handling.count();
        let held = self.context.held.take();
        self.jobs.abort_all();
        for out in self.hand.give_back() {
            self.give_back(out.receipt);
        }
        let polls_abandoned = self.polls.out();
        let Some(Drain { end, drained, .. }) = self.drain.take() else {
            return Drained::default();
        };
        // Keys are freed at the same time. A quick store frees them before others receive the messages.
        let context = &self.context;
        let (calls_unanswered, ()) =
            tokio::join!(context.outbox.shutdown(end), context.abandon(&held, end));
        let drained = Drained {
            abandoned,
            polls_abandoned,
            calls_unanswered,
            ..drained
        };
        tracing::info!(queue = %self.context.queue, ?drained, "shut down");
        drained
    }

    /// Makes a message visible again in SQS, if there is time for a call.
    fn give_back(&mut self, receipt: String) {
        let Some(drain) = &mut self.drain else {
            return;
        };
        if self.context.sqs.clock().now() >= drain.end {
            drain.drained.left += 1;
            return;
        }
        drain.drained.released += 1;
        self.context.count(Counter::Released);
        self.context
            .outbox
            .change_visibility_later(&self.context.queue, receipt, Duration::ZERO);
    }
}
