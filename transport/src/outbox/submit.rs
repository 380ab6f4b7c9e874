//! Adds an entry to its lane, and waits for the answer.
//!
//! Owns: the checks of an entry, the wait for room, and the creation of a lane by its first entry.

use std::sync::{Arc, Weak};
use std::time::Duration;

use dashmap::Entry as Slot;
use sqs_rpc_protocol::HostQueueUrl;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::coalescer::{Pace, Ticket};
use super::entry::{OutboxEntry, closed};
use super::kind::Kind;
use super::lane::Lane;
use super::lanes::Lanes;
use super::table::{Place, Shelf};
use super::worker::Worker;
use crate::{Backoff, Delivery, Fault};

/// The waits between the attempts of an entry that SQS reports as failed temporarily.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// An entry that fits into no batch.
#[derive(Debug, thiserror::Error)]
#[error("the entry has {size} bytes, but a batch takes at most {most}")]
struct TooLarge {
    size: usize,
    most: usize,
}

impl<K: Kind> Lanes<K> {
    /// Queues an entry and waits for its answer.
    pub(super) async fn submit(
        self: &Arc<Self>,
        queue: &HostQueueUrl,
        input: K::Input,
    ) -> Result<K::Output, Fault> {
        let size = self.check(&input)?;
        let lane = self.lane(queue)?;
        let permit = Arc::clone(&lane.room)
            .acquire_owned()
            .await
            .expect("the room is never closed");
        let linger = self.linger(&input, queue, self.context.options.linger);
        let (entry, answer) = self.entry(input, size, permit).attended();
        let pace = Pace::Urgent(linger);
        let ticket = self
            .enter(queue, &lane, entry, pace)
            .ok_or_else(|| closed::<K>(Delivery::NotSent))?;
        let mut caller = Caller {
            lane: &lane,
            ticket,
            answer,
        };
        (&mut caller.answer)
            .await
            .unwrap_or_else(|_| Err(closed::<K>(Delivery::Unknown)))
    }

    /// Queues an entry without waiting for its answer.
    pub(super) fn submit_later(self: &Arc<Self>, queue: &HostQueueUrl, input: K::Input) {
        if self.try_submit_later(queue, input).is_none()
            && let Some(counter) = K::FAILED
        {
            self.context.sqs.counters().count(counter);
        }
    }

    fn try_submit_later(self: &Arc<Self>, queue: &HostQueueUrl, input: K::Input) -> Option<()> {
        let size = self.check(&input).ok()?;
        let lane = self.lane(queue).ok()?;
        let permit = Arc::clone(&lane.room).try_acquire_owned().ok()?;
        let linger = self.linger(&input, queue, self.context.options.delete_linger);
        let entry = self.entry(input, size, permit);
        // An entry that is refused here has counted itself in its `Drop`.
        let _ = self.enter(queue, &lane, entry, Pace::Relaxed(linger));
        Some(())
    }

    /// Puts an entry into its lane, where it waits for earlier operations on its message.
    fn enter(
        &self,
        queue: &HostQueueUrl,
        lane: &Arc<Lane<K>>,
        entry: OutboxEntry<K>,
        pace: Pace,
    ) -> Option<Ticket> {
        let Some((handle, what)) = K::word(&entry.input, entry.is_attended()) else {
            return lane.push(&self.context, entry, pace, true).ok();
        };
        let message = (self.key(queue), Arc::from(handle));
        // An entry that is refused or not needed any more is dropped outside of the table's lock.
        let (mut waits, mut refused) = (Some(entry), None);
        let entered = self.context.words.ask(&message, what, |hold, free| {
            let mut entry = waits.take()?;
            entry.holds(hold);
            match lane.push(&self.context, entry, pace, free) {
                Ok(ticket) => {
                    let shelf: Weak<dyn Shelf> = Arc::<Lane<K>>::downgrade(lane);
                    Some(Place { shelf, ticket })
                }
                Err(entry) => {
                    refused = Some(entry);
                    None
                }
            }
        });
        drop(refused);
        waits.into_iter().for_each(OutboxEntry::forget);
        entered
    }

    fn check(&self, input: &K::Input) -> Result<usize, Fault> {
        let (size, most) = (K::size(input), self.context.options.bytes());
        if size > most {
            return Err(Fault::too_large(K::ACTION, TooLarge { size, most }));
        }
        Ok(size)
    }

    fn linger(&self, input: &K::Input, queue: &HostQueueUrl, usual: Duration) -> Duration {
        if K::lingers(input, queue) {
            usual
        } else {
            Duration::ZERO
        }
    }

    fn entry(&self, input: K::Input, size: usize, permit: OwnedSemaphorePermit) -> OutboxEntry<K> {
        let backoff = Backoff::new(FIRST_BACKOFF, LONGEST_BACKOFF);
        OutboxEntry::unattended(
            input,
            size,
            backoff,
            self.context.sqs.counters().clone(),
            permit,
        )
    }

    fn lane(self: &Arc<Self>, queue: &HostQueueUrl) -> Result<Arc<Lane<K>>, Fault> {
        if self.context.closing.is_cancelled() {
            return Err(closed::<K>(Delivery::NotSent));
        }
        let key = self.key(queue);
        if let Some(lane) = self.lanes.get(&key) {
            return Ok(Arc::clone(&lane));
        }
        let lane = match self.lanes.entry(key) {
            Slot::Occupied(slot) => return Ok(Arc::clone(slot.get())),
            Slot::Vacant(slot) => {
                Arc::clone(&slot.insert(Arc::new(Lane::new(&self.context.options, queue))))
            }
        };
        // Outside of the map's lock: on a runtime that has ended, the worker is dropped here and removes its lane.
        let worker = Worker::new(
            queue.clone(),
            Arc::clone(&lane),
            Arc::downgrade(self),
            Arc::clone(&self.context),
        );
        self.context.tasks.spawn(worker.run());
        Ok(lane)
    }
}

/// A caller that waits for its answer. Its drop withdraws the entry.
struct Caller<'a, K: Kind> {
    lane: &'a Lane<K>,
    ticket: Ticket,
    answer: oneshot::Receiver<Result<K::Output, Fault>>,
}

impl<K: Kind> Drop for Caller<'_, K> {
    fn drop(&mut self) {
        if self.answer.is_terminated() {
            return;
        }
        // The receiver is closed first, so that an entry that comes back from a call right now is seen to be
        // unwanted.
        self.answer.close();
        self.lane.withdraw(self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use futures::FutureExt;
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;

    use super::super::coalescer::Next;
    use super::super::context::OutboxContext;
    use super::super::delete::Delete;
    use super::super::options::BatchOptions;
    use super::super::table::Table;
    use super::*;
    use crate::{Clock, Sqs, SqsApi, Tasks};

    #[derive(Debug)]
    struct Nothing;
    impl SqsApi for Nothing {}

    fn lanes() -> Arc<Lanes<Delete>> {
        let clock = Clock::tokio(SystemTime::UNIX_EPOCH);
        let tasks = Tasks::on_current_runtime().unwrap();
        Lanes::new(Arc::new(OutboxContext {
            sqs: Sqs::builder(Nothing).clock(clock).build(),
            closing: CancellationToken::new(),
            given_up: CancellationToken::new(),
            workers: TaskTracker::new(),
            words: Table::new(),
            options: BatchOptions::default(),
            tasks,
        }))
    }

    fn queue() -> HostQueueUrl {
        "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
            .parse()
            .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn entries_that_start_or_fill_a_batch_wake_the_worker() {
        let lanes = lanes();
        let lane = Lane::new(&lanes.context.options, &queue());
        let (next, _) = lane.next(&lanes.context);
        assert!(matches!(next, Next::Wait(None)));
        let wakes: Vec<_> = (0..20)
            .map(|_| {
                let permit = Arc::clone(&lane.room).try_acquire_owned().unwrap();
                let entry = lanes.entry("receipt".to_owned(), 7, permit);
                let pace = Pace::Relaxed(Duration::from_millis(50));
                lane.push(&lanes.context, entry, pace, true).ok().unwrap();
                lane.changed.notified().now_or_never().is_some()
            })
            .collect();
        let woken_by: Vec<_> = (1..).zip(wakes).filter(|(_, woken)| *woken).collect();
        assert_eq!(
            woken_by,
            [(1, true), (10, true)],
            "by the first entry of a batch, and by the entry that fills it"
        );
        while let (Next::Call(_), _) = lane.next(&lanes.context) {}
        lane.returned(Vec::new());
        let permit = Arc::clone(&lane.room).try_acquire_owned().unwrap();
        let entry = lanes.entry("receipt".to_owned(), 7, permit);
        let pace = Pace::Relaxed(Duration::from_millis(50));
        lane.push(&lanes.context, entry, pace, true).ok().unwrap();
        assert!(
            lane.changed.notified().now_or_never().is_some(),
            "by the first entry of the next batch"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_is_removed_only_when_no_caller_uses_it() {
        let (lanes, queue) = (lanes(), queue());
        let workers = Arc::new(Lane::new(&lanes.context.options, &queue));
        lanes.lanes.insert(lanes.key(&queue), Arc::clone(&workers));

        let callers = lanes.lane(&queue).unwrap();
        assert!(
            !lanes.forget_idle(&queue, &workers),
            "a caller is about to push"
        );
        let permit = Arc::clone(&callers.room).try_acquire_owned().unwrap();
        let entry = lanes.entry("receipt".to_owned(), 7, permit);
        let ticket = callers
            .push(&lanes.context, entry, Pace::Relaxed(Duration::ZERO), true)
            .ok()
            .unwrap();
        drop(callers);
        assert!(!lanes.forget_idle(&queue, &workers), "an entry waits");
        workers.withdraw(ticket);
        assert!(lanes.forget_idle(&queue, &workers));
        assert!(lanes.lanes.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn all_spellings_of_a_queue_share_a_lane() {
        let lanes = lanes();
        let lane = lanes.lane(&queue()).unwrap();
        for other in [
            "https://eu-west-1.queue.amazonaws.com/123456789012/orders",
            "https://vpce-1-2.sqs.eu-west-1.vpce.amazonaws.com/123456789012/orders",
        ] {
            let other = lanes.lane(&other.parse().unwrap()).unwrap();
            assert!(Arc::ptr_eq(&lane, &other));
        }
    }

    #[test]
    fn a_lane_whose_worker_ended_is_removed_and_refuses_entries() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let lanes = runtime.block_on(async { lanes() });
        drop(runtime);
        let dead = lanes.lane(&queue()).unwrap();
        assert!(lanes.lanes.is_empty());
        let permit = Arc::clone(&dead.room).try_acquire_owned().unwrap();
        let entry = lanes.entry("receipt".to_owned(), 7, permit);
        assert!(
            dead.push(&lanes.context, entry, Pace::Relaxed(Duration::ZERO), true)
                .is_err()
        );
    }
}
