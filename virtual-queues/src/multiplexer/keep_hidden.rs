//! The calls that keep buffered messages invisible.
//!
//! Owns: extensions that are waiting or in progress. Does not own: which message is extended when.
//!
//! **Invariant:** no call begins for a message that has left its buffer.

use std::collections::VecDeque;

use futures::future::{self, BoxFuture};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use sqs_rpc_transport::Moment;

use super::hub::Hub;
use super::routing::Extension;

/// The maximum number of messages of one host whose extension is in progress: ten batches. Further extensions wait
/// here and not in the outbox, so that changes by users do not wait behind them.
const MOST_OUT: usize = 100;

/// The extensions of one host.
pub(super) struct Extensions<'a> {
    shared: &'a Hub,
    /// At most as many as the host's buffers may contain messages.
    waiting: VecDeque<Extension>,
    out: FuturesUnordered<BoxFuture<'a, (Extension, Option<Moment>)>>,
}

impl<'a> Extensions<'a> {
    pub(super) fn new(shared: &'a Hub) -> Self {
        Self {
            shared,
            waiting: VecDeque::new(),
            out: FuturesUnordered::new(),
        }
    }

    /// Adds extensions that are due. Beyond the maximum, a message leaves its buffer when its visibility timeout
    /// ends.
    pub(super) fn add(&mut self, due: Vec<Extension>) {
        let room = self.shared.options.limits.host_messages;
        let room = room.saturating_sub(self.waiting.len());
        self.waiting.extend(due.into_iter().take(room));
    }

    /// Begins calls up to the maximum.
    pub(super) fn start(&mut self) {
        while self.out.len() < MOST_OUT
            && let Some(extension) = self.waiting.pop_front()
        {
            // SQS counts the timeout from when it receives the call, which is later.
            let until = self.shared.sqs.clock().now() + extension.visibility;
            {
                let mut state = self.shared.lock();
                if !state.router.is_to_be_extended(&extension) {
                    continue;
                }
                // Noted before the call, so that the count of messages in flight is not too low.
                state.polls.extended(&extension.receipt_handle, until);
            }
            let shared = self.shared;
            let call = async move {
                let handle = extension.receipt_handle.clone();
                let outbox = &shared.outbox;
                let changed = outbox.change_visibility(&shared.url, handle, extension.visibility);
                let until = changed.await.is_ok().then_some(until);
                (extension, until)
            };
            self.out.push(call.boxed());
        }
    }

    /// Completes when a call has ended, and notes its result. Never completes if no call is in progress.
    pub(super) async fn next(&mut self) {
        match self.out.next().await {
            Some((extension, until)) => self.shared.lock().router.extended(&extension, until),
            None => future::pending().await,
        }
    }
}
