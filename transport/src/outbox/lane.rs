//! The lanes of one kind of call: one lane per queue, created by its first entry, removed when idle.
//!
//! Owns: admission, room, and the lock around the [`Coalescer`]. Does not own: the calls, see
//! [`worker`](super::worker).
//!
//! **Invariant:** the lock is held for bookkeeping only: no call, no await and no answer to a caller happens under
//! the lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use dashmap::{DashMap, Entry as Slot};
use sqs_rpc_protocol::{HostKey, HostQueueUrl};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::coalescer::{Again, Coalescer, Next, Pace, Ticket};
use super::entry::{Entry, closed};
use super::kind::Kind;
use super::options::BatchOptions;
use super::table::{Place, Shelf, Table};
use super::worker::Worker;
use crate::{Backoff, Delivery, Fault, Moment, Sqs, Tasks};

/// The state that all lanes of an outbox share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) sqs: Sqs,
    pub(super) tasks: Tasks,
    pub(super) options: BatchOptions,
    /// Cancelled when new entries are refused: by the shutdown, by the drop of the last outbox, or with the tasks.
    pub(super) closing: CancellationToken,
    /// Cancelled at the end of the time for the shutdown.
    pub(super) given_up: CancellationToken,
    /// Counts the workers.
    pub(super) workers: TaskTracker,
    /// The operations on messages.
    pub(super) words: Arc<Table>,
}

/// All lanes of one kind.
#[derive(Debug)]
pub(super) struct Lanes<K: Kind> {
    lanes: DashMap<HostKey, Arc<Lane<K>>>,
    context: Arc<Context>,
}

/// One queue's entries of one kind.
pub(super) struct Lane<K: Kind> {
    state: Mutex<State<K>>,
    /// Wakes the worker.
    pub(super) changed: Notify,
    /// One permit for each unanswered entry. Never closed: a caller that waits for room when the lane is closed gets
    /// a permit as soon as the entries before it are answered, and is refused then.
    room: Arc<Semaphore>,
}

struct State<K: Kind> {
    coalescer: Coalescer<Entry<K>>,
    /// When the worker will look by itself, as it was told last. `None`: not before it is woken.
    looks_at: Option<Moment>,
    /// Set when the worker has ended.
    closed: bool,
}

impl<K: Kind> Lanes<K> {
    pub(super) fn new(context: Arc<Context>) -> Arc<Self> {
        Arc::new(Self {
            lanes: DashMap::new(),
            context,
        })
    }

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
        entry: Entry<K>,
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
        waits.into_iter().for_each(Entry::forget);
        entered
    }

    /// The number of entries that are not answered yet.
    pub(super) fn unanswered(&self) -> usize {
        let room = self.context.options.room();
        self.lanes
            .iter()
            .map(|lane| room.saturating_sub(lane.room.available_permits()))
            .sum()
    }

    /// Waits until all entries of a queue's lane are answered: until all of its room is free.
    pub(super) async fn settled(&self, queue: &HostQueueUrl) {
        let lane = self.lanes.get(&self.key(queue));
        let Some(room) = lane.map(|lane| Arc::clone(&lane.room)) else {
            return;
        };
        let all = u32::try_from(self.context.options.room()).unwrap_or(u32::MAX);
        drop(room.acquire_many(all).await);
    }

    /// Removes a lane if it has nothing to do, and returns whether it did. No caller can obtain the lane meanwhile,
    /// because lanes are handed out under the lock that `remove_if` takes.
    pub(super) fn forget_idle(&self, queue: &HostQueueUrl, lane: &Arc<Lane<K>>) -> bool {
        // One reference of the map and one of the worker.
        let unused = |found: &Arc<Lane<K>>| {
            Arc::ptr_eq(found, lane)
                && Arc::strong_count(found) == 2
                && found.lock().coalescer.is_empty()
        };
        self.lanes
            .remove_if(&self.key(queue), |_, found| unused(found))
            .is_some()
    }

    /// Removes a lane whose worker has ended.
    pub(super) fn forget(&self, queue: &HostQueueUrl, lane: &Arc<Lane<K>>) {
        self.lanes
            .remove_if(&self.key(queue), |_, found| Arc::ptr_eq(found, lane));
    }

    /// The key of a queue, which is the same for all spellings of its URL.
    fn key(&self, queue: &HostQueueUrl) -> HostKey {
        self.context.sqs.host_key(queue)
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

impl<K: Kind> Lane<K> {
    fn new(options: &BatchOptions, queue: &HostQueueUrl) -> Self {
        let coalescer = Coalescer::new(options.limits(K::is_ordered(queue)));
        Self {
            state: Mutex::new(State {
                coalescer,
                looks_at: None,
                closed: false,
            }),
            changed: Notify::new(),
            room: Arc::new(Semaphore::new(options.room())),
        }
    }

    /// Queues an entry, blocked if it is not `free` to be sent. Returns the entry if the lane is closed.
    fn push(
        &self,
        context: &Context,
        entry: Entry<K>,
        pace: Pace,
        free: bool,
    ) -> Result<Ticket, Box<Entry<K>>> {
        let (now, size) = (context.sqs.clock().now(), entry.size);
        let mut state = self.lock();
        if state.closed || context.closing.is_cancelled() {
            return Err(Box::new(entry));
        }
        let ticket = state.coalescer.push(entry, size, pace, now);
        if !free {
            state.coalescer.block(ticket);
        }
        let wake = state.brings_forward();
        drop(state);
        if wake {
            self.changed.notify_one();
        }
        Ok(ticket)
    }

    /// Returns what the worker must do now, and whether no entry is waiting.
    pub(super) fn next(&self, context: &Context) -> (Next<Entry<K>>, bool) {
        let now = context.sqs.clock().now();
        let mut state = self.lock();
        let next = state.coalescer.next(now);
        if let Next::Wait(at) = &next {
            state.looks_at = *at;
        }
        (next, state.coalescer.is_empty())
    }

    /// Notes the end of a call, with the entries that must be retried.
    pub(super) fn returned(&self, again: Vec<(Ticket, Entry<K>, Again)>) {
        let (overtaken, again): (Vec<_>, Vec<_>) = again
            .into_iter()
            .partition(|(_, entry, _)| entry.is_overtaken());
        let mut unwanted = Vec::new();
        let mut state = self.lock();
        for (ticket, entry, again) in again {
            if entry.is_wanted() {
                let size = entry.size;
                state.coalescer.put_back(ticket, entry, size, again);
            } else {
                unwanted.push(entry);
            }
        }
        state.coalescer.returned();
        drop(state);
        unwanted.into_iter().for_each(Entry::forget);
        overtaken
            .into_iter()
            .for_each(|(_, entry, _)| entry.give_way());
    }

    /// Ends lingering permanently.
    pub(super) fn flush(&self) {
        self.lock().coalescer.flush();
    }

    /// Refuses entries from now on, and drops the waiting entries.
    pub(super) fn close(&self) {
        let left: Vec<_> = {
            let mut state = self.lock();
            state.closed = true;
            state.coalescer.drain().collect()
        };
        drop(left);
    }

    fn withdraw(&self, ticket: Ticket) {
        let withdrawn = self.lock().coalescer.withdraw(ticket);
        if let Some(entry) = withdrawn {
            entry.forget();
            // The remaining entries may have another due time.
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Kind> Shelf for Lane<K> {
    fn unblock(&self, ticket: Ticket) {
        self.lock().coalescer.unblock(ticket);
        self.changed.notify_one();
    }

    fn take(&self, ticket: Ticket) -> Option<Box<dyn FnOnce() + Send>> {
        let entry = self.lock().coalescer.withdraw(ticket)?;
        self.changed.notify_one();
        Some(Box::new(|| entry.give_way()))
    }
}

impl<K: Kind> State<K> {
    /// Whether the worker must look earlier than planned. Most entries join a batch that is already waiting.
    fn brings_forward(&mut self) -> bool {
        let look_at = self.coalescer.next_look();
        let earlier = look_at.is_some_and(|at| self.looks_at.is_none_or(|known| at < known));
        if earlier {
            self.looks_at = look_at;
        }
        earlier
    }
}

impl<K: Kind> std::fmt::Debug for Lane<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Entries hold bodies and receipt handles.
        f.debug_struct("Lane")
            .field("room", &self.room.available_permits())
            .finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use futures::FutureExt;

    use super::super::delete::Delete;
    use super::*;
    use crate::{Clock, SqsApi};

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
