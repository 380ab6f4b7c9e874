//! One host in use: its routing table, its polls, and the access to both for its driver and its users.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{HostKey, HostQueueUrl, ProcessPrefix, VirtualQueueName, VirtualQueueUrl};
use sqs_rpc_transport::{Moment, Outbox, PollController, Sqs};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::defaults::HostDefaults;
use super::error::{PendingError, QueueError};
use super::health::Health;
use super::options::Options;
use super::routing::{Fate, Router, RouterOptions, Taken};

/// The state that the driver of a host and its users share.
pub(super) struct Hub {
    /// The identity of the queue, for all spellings of its URL.
    pub(super) key: HostKey,
    /// The URL as its first user spelled it. Calls use this URL.
    pub(super) url: HostQueueUrl,
    pub(super) sqs: Sqs,
    pub(super) outbox: Outbox,
    pub(super) options: Options,
    state: Mutex<State>,
    /// Wakes the driver: a receiver waits, or something is due earlier than the driver knows.
    pub(super) changed: Notify,
    /// Cancelled when the queue is deleted, or is about to be deleted. A message in a poll is useless then, so the driver
    /// ends at once, together with its polls.
    pub(super) retired: CancellationToken,
    /// The defaults of receives that set none, read from the host once, by the first receive that needs them.
    pub(super) defaults: HostDefaults,
}

pub(super) struct State {
    pub(super) router: Router<ReplySink>,
    pub(super) polls: PollController,
    pub(super) health: Health,
    /// Why the host cannot be used any more; later callers get the same answer.
    pub(super) ended: Option<PendingError>,
}

const SECOND: Duration = Duration::from_secs(1);

/// The result of a pending request.
pub(super) type Outcome = Result<Box<Message>, PendingError>;

pub(super) type ReplySink = oneshot::Sender<Outcome>;

impl Hub {
    /// A host without its driver. `made_at` is when this process created the queue, if it did.
    pub(super) fn new(
        url: HostQueueUrl,
        process: ProcessPrefix,
        made_at: Option<Moment>,
        sqs: &Sqs,
        outbox: &Outbox,
        options: &Options,
    ) -> Arc<Self> {
        let router = Router::new(RouterOptions {
            process,
            limits: options.limits.clone(),
            visibility: options.visibility,
            in_order: url.is_fifo(),
            // No other process has virtual queues on a host that this process created for itself.
            orphan_age: match made_at {
                Some(_) => Duration::ZERO,
                None => options.orphan_age,
            },
        });
        let polls = PollController::new(options.polls.clone());
        Arc::new(Self {
            key: sqs.host_key(&url),
            url,
            sqs: sqs.clone(),
            outbox: outbox.clone(),
            options: options.clone(),
            state: Mutex::new(State {
                router,
                polls,
                health: Health::new(made_at),
                ended: None,
            }),
            changed: Notify::new(),
            retired: CancellationToken::new(),
            defaults: HostDefaults::default(),
        })
    }

    /// For reading, and for changes that need not wake the driver.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        #[cfg(test)]
        super::races::may_be_preempted();
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the host was deleted. The caller holds the host's entry in the table of hosts, so no thread that needs
    /// the entry can run before the lock is taken.
    pub(super) fn is_lost(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(state.ended, Some(PendingError::HostLost))
    }

    /// Whether the host is held only by the table, the driver and the handler of all virtual queues, and has no
    /// queues or requests. The caller holds the host's entry in the table of hosts, so no other caller can obtain it
    /// meanwhile.
    pub(super) fn is_unused(this: &Arc<Self>) -> bool {
        let state = this.state.lock().unwrap_or_else(PoisonError::into_inner);
        let holders = 2 + usize::from(state.router.is_handled());
        state.router.is_empty() && Arc::strong_count(this) == holders
    }

    /// Changes the state, and wakes the driver if the change requires it.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let before = (state.router.demand() > 0, state.router.next_alarm());
        let (full, empty) = (state.polls.is_full(), state.router.is_empty());
        let result = change(&mut state);
        let after = (state.router.demand() > 0, state.router.next_alarm());
        let earlier = after
            .1
            .is_some_and(|at| before.1.is_none_or(|known| at < known));
        let room = full && !state.polls.is_full() && after.0;
        let emptied = !empty && state.router.is_empty();
        let wake =
            (after.0 && !before.0) || earlier || room || emptied || state.router.wants_short_poll();
        drop(state);
        if wake {
            self.changed.notify_one();
        }
        result
    }

    /// Gives a received message the visibility timeout that its receiver requested. Without a request it gets at
    /// least half of the poll's visibility timeout. The call is made in the background. If it fails, the message
    /// stays invisible for its remaining time.
    ///
    /// Returns until when the message is invisible.
    pub(super) fn give_time(&self, taken: &Taken, wanted: Option<Duration>, now: Moment) -> Moment {
        let usual = self.options.visibility;
        let change = match wanted {
            // SQS counts in whole seconds. No call is needed if the poll gave the same timeout.
            Some(wanted) => {
                let (wanted_until, until) = (now + wanted, taken.hidden_until);
                let apart = wanted_until.since(until).max(until.since(wanted_until));
                taken.extending || apart > SECOND
            }
            None => taken.visible_until.since(now) < usual / 2,
        };
        let Some(handle) = taken.message.receipt_handle().filter(|_| change) else {
            return taken.hidden_until;
        };
        let visibility = wanted.unwrap_or(usual);
        let until = now + visibility;
        // Noted before the call, so that the count of messages in flight is not too low.
        self.lock().polls.extended(handle, until);
        self.outbox
            .change_visibility_later(&self.url, handle.to_owned(), visibility);
        until
    }

    /// Notes what happened to a message that was received from a virtual queue.
    pub(super) fn note_in_hand(&self, queue: &VirtualQueueName, receipt_handle: &str, fate: Fate) {
        let now = self.sqs.clock().now();
        let note = |state: &mut State| state.router.note_in_hand(queue, receipt_handle, fate, now);
        // On a FIFO host this may free the next message of the group, or set when it is due.
        let next = if self.url.is_fifo() {
            self.update(note)
        } else {
            note(&mut self.lock())
        };
        if let Some(next) = next {
            next.wake();
        }
    }

    /// Ends the host for all its users. The first reason is kept. Messages in its buffers go back to SQS.
    pub(super) fn end(&self, why: PendingError) {
        let (why, messages) = self.close(why);
        // A deleted host cannot take its messages back.
        if !matches!(why, PendingError::HostLost) {
            for handle in messages.iter().filter_map(Message::receipt_handle) {
                self.outbox
                    .change_visibility_later(&self.url, handle.to_owned(), Duration::ZERO);
            }
        }
    }

    /// Ends a host that was or will be deleted. Polls in flight are dropped. The first reason is kept.
    pub(super) fn retire(&self, why: PendingError) {
        // The reason is set first, because the driver's own end would set another reason.
        drop(self.close(why));
        self.retired.cancel();
    }

    /// Ends the host for all its users. The first reason is kept. Returns the reason and the messages in the buffers.
    fn close(&self, why: PendingError) -> (PendingError, Vec<Message>) {
        let (left, why) = {
            let mut state = self.lock();
            let why = state.ended.get_or_insert(why).clone();
            (state.router.close(), why)
        };
        self.changed.notify_one();
        for sink in left.pending {
            // A request that was dropped meanwhile needs no answer.
            let _ = sink.send(Err(why.clone()));
        }
        left.wakers.into_iter().for_each(Waker::wake);
        (why, left.messages)
    }

    /// The error of an operation on a virtual queue that does not exist in the table.
    pub(super) fn not_there(&self, url: &VirtualQueueUrl) -> QueueError {
        match self.lock().ended {
            Some(PendingError::Closed) => QueueError::Closed,
            _ => QueueError::DoesNotExist(url.clone()),
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
