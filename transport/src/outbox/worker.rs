//! The task of one lane: starts calls and waits for the next event.

use std::sync::{Arc, Weak};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sqs_rpc_protocol::HostQueueUrl;
use tokio::sync::oneshot;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::call::{BatchCall, Returned};
use super::coalescer::Next;
use super::context::OutboxContext;
use super::kind::Kind;
use super::lane::Lane;
use super::lanes::Lanes;
use crate::{Alarm, Moment};

/// Each call has its own task, so a call that hangs holds up neither the worker nor other calls. When the worker
/// ends, in order or because its runtime ended, the lane is closed and all its waiting entries are answered.
pub(super) struct Worker<K: Kind> {
    queue: HostQueueUrl,
    lane: Arc<Lane<K>>,
    /// Weak, because the drop of the last outbox must end the workers.
    lanes: Weak<Lanes<K>>,
    context: Arc<OutboxContext>,
    /// The calls in flight. A call that ends without a result (it panicked, or its runtime ended) counts as returned,
    /// too.
    out: FuturesUnordered<oneshot::Receiver<Returned<K>>>,
    _alive: TaskTrackerToken,
}

impl<K: Kind> Worker<K> {
    pub(super) fn new(
        queue: HostQueueUrl,
        lane: Arc<Lane<K>>,
        lanes: Weak<Lanes<K>>,
        context: Arc<OutboxContext>,
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
            // Lets all ready tasks run first: their entries share the batch.
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

    /// Starts all calls that are due. Returns when to look again, and whether no entry is waiting.
    fn start_calls(&self) -> (Option<Moment>, bool) {
        loop {
            match self.lane.next(&self.context) {
                (Next::Wait(wake), nothing_waits) => return (wake, nothing_waits),
                (Next::Call(batch), _) => {
                    let (done, returned) = oneshot::channel();
                    let call =
                        BatchCall::new(Arc::clone(&self.context), self.queue.clone(), batch, done);
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
