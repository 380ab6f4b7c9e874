//! How an entry gets into its lane, and how its caller waits for the answer.
//!
//! Owns: the checks of an entry, the wait for room, and the making of a lane by its first entry.

use std::sync::{Arc, Weak};
use std::time::Duration;

use dashmap::Entry as Slot;
use sqs_rpc_protocol::HostQueueUrl;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::coalescer::{Pace, Ticket};
use super::entry::{Entry, closed};
use super::kind::Kind;
use super::lane::Lane;
use super::lanes::Lanes;
use super::table::{Place, Shelf};
use super::worker::Worker;
use crate::{Backoff, Delivery, Fault};

/// Waits between the attempts of an entry that SQS answered with a temporary failure of its own.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// An entry that no batch can take.
#[derive(Debug, thiserror::Error)]
#[error("it has {size} bytes: at most {most} fit into a batch")]
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

    /// Queues an entry whose answer nobody waits for.
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
        // An entry that is refused here has counted itself by its drop.
        let _ = self.enter(queue, &lane, entry, Pace::Relaxed(linger));
        Some(())
    }

    /// Puts an entry into its lane, where it waits for what was said before about its message.
    fn enter(
        &self,
        queue: &HostQueueUrl,
        lane: &Arc<Lane<K>>,
        entry: Entry<K>,
        pace: Pace,
    ) -> Option<Ticket> {
        let Some((handle, what)) = K::word(&entry.input, entry.is_attended()) else {
            return lane.push(&self.context, entry, pace, true).ok();
        };
        let message = (self.key(queue), Arc::from(handle));
        // What is refused, or not needed any more, is dropped outside of the table's lock.
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
        waits.into_iter().for_each(Entry::forget);
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

    fn entry(&self, input: K::Input, size: usize, permit: OwnedSemaphorePermit) -> Entry<K> {
        let backoff = Backoff::new(FIRST_BACKOFF, LONGEST_BACKOFF);
        Entry::unattended(
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
        // Outside of the map's lock: on a runtime that has ended, the worker is dropped here, and forgets its lane.
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

/// A caller that waits for its answer. Its drop takes the entry out of line.
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
        // First this, so that an entry that comes back from a call right now is seen to be unwanted.
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
    use super::super::context::Context;
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
        Lanes::new(Arc::new(Context {
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
    async fn the_worker_is_woken_by_the_entries_that_give_it_something_to_do() {
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
            "a batch begins, and is full"
        );
        while let (Next::Call(_), _) = lane.next(&lanes.context) {}
        lane.returned(Vec::new());
        let permit = Arc::clone(&lane.room).try_acquire_owned().unwrap();
        let entry = lanes.entry("receipt".to_owned(), 7, permit);
        let pace = Pace::Relaxed(Duration::from_millis(50));
        lane.push(&lanes.context, entry, pace, true).ok().unwrap();
        assert!(
            lane.changed.notified().now_or_never().is_some(),
            "another begins"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_is_forgotten_only_when_nobody_can_use_it_unseen() {
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
    fn a_lane_whose_worker_has_ended_is_forgotten_and_refuses() {
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
