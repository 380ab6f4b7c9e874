//! The task of one lane: starts calls and waits for whatever comes next.

use std::sync::{Arc, Weak};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sqs_rpc_protocol::HostQueueUrl;
use tokio::sync::oneshot;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::call::{Call, Returned};
use super::coalescer::Next;
use super::kind::Kind;
use super::lane::{Context, Lane, Lanes};
use crate::sqs::{Alarm, Moment};

/// Each call is a task of its own, so one that hangs holds up neither the worker nor the other calls. When the worker
/// ends, in order or because its runtime did, the lane is closed and all that waited in it is answered.
pub(super) struct Worker<K: Kind> {
    queue: HostQueueUrl,
    lane: Arc<Lane<K>>,
    /// Weak: the drop of the last outbox ends the workers.
    lanes: Weak<Lanes<K>>,
    context: Arc<Context>,
    /// The calls that are out. One that ends without a word (it panicked, or its runtime ended) has returned, too.
    out: FuturesUnordered<oneshot::Receiver<Returned<K>>>,
    _alive: TaskTrackerToken,
}

impl<K: Kind> Worker<K> {
    pub(super) fn new(
        queue: HostQueueUrl,
        lane: Arc<Lane<K>>,
        lanes: Weak<Lanes<K>>,
        context: Arc<Context>,
    ) -> Self {
        let alive = context.workers.token();
        Self {
            queue,
            lane,
            lanes,
            context,
            out: FuturesUnordered::new(),
            _alive: alive,
        }
    }

    pub(super) async fn run(mut self) {
        let context = Arc::clone(&self.context);
        let mut alarm = Alarm::new(context.sqs.clock().clone());
        let mut flushing = false;
        loop {
            // Lets all tasks that are ready run first: what they push shares the batch.
            tokio::task::yield_now().await;
            let (wake, nothing_waits) = self.start_calls();
            let idle = nothing_waits && self.out.is_empty();
            if idle && context.closing.is_cancelled() {
                return;
            }
            let idle_until = idle.then(|| context.sqs.clock().now() + context.options.idle);
            tokio::select! {
                biased;
                () = context.given_up.cancelled() => return,
                Some(returned) = self.out.next() => self.lane.returned(returned.unwrap_or_default()),
                () = self.lane.changed.notified() => {}
                () = context.closing.cancelled(), if !flushing => {
                    flushing = true;
                    self.lane.flush();
                }
                () = alarm.until(wake.or(idle_until)) => {
                    if idle && self.forget_idle() {
                        return;
                    }
                }
            }
        }
    }

    /// Starts all calls that are due. Says when to look again, and whether nothing waits.
    fn start_calls(&self) -> (Option<Moment>, bool) {
        loop {
            match self.lane.next(&self.context) {
                (Next::Wait(wake), nothing_waits) => return (wake, nothing_waits),
                (Next::Call(batch), _) => {
                    let (done, returned) = oneshot::channel();
                    let call =
                        Call::new(Arc::clone(&self.context), self.queue.clone(), batch, done);
                    self.context.tasks.spawn(call.run());
                    self.out.push(returned);
                }
            }
        }
    }

    fn forget_idle(&self) -> bool {
        self.lanes
            .upgrade()
            .is_none_or(|lanes| lanes.forget_idle(&self.queue, &self.lane))
    }
}

impl<K: Kind> Drop for Worker<K> {
    fn drop(&mut self) {
        self.lane.close();
        if let Some(lanes) = self.lanes.upgrade() {
            lanes.forget(&self.queue, &self.lane);
        }
    }
}
