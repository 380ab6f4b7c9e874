//! All counters of the framework.
//!
//! Owns: the list of all counters, including those of the requester and the responder, so that one snapshot shows
//! both sides of a request. Does not own: when an event is counted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! actions {
    ($($name:ident),* $(,)?) => {
        /// An action of the SQS API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Action {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                $name,
            )*
        }

        impl Action {
            /// All actions that the framework can call.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The action's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

actions! {
    CreateQueue, DeleteQueue, ListQueues, GetQueueAttributes, ListQueueTags, TagQueue,
    SendMessage, SendMessageBatch, ReceiveMessage, DeleteMessage, DeleteMessageBatch,
    ChangeMessageVisibility, ChangeMessageVisibilityBatch,
}

impl Action {
    /// The permission that an IAM policy must allow for the action, such as `sqs:SendMessage`. A batch action needs
    /// the permission of its single form.
    #[must_use]
    pub const fn permission(self) -> &'static str {
        match self {
            Self::CreateQueue => "sqs:CreateQueue",
            Self::DeleteQueue => "sqs:DeleteQueue",
            Self::ListQueues => "sqs:ListQueues",
            Self::GetQueueAttributes => "sqs:GetQueueAttributes",
            Self::ListQueueTags => "sqs:ListQueueTags",
            Self::TagQueue => "sqs:TagQueue",
            Self::SendMessage | Self::SendMessageBatch => "sqs:SendMessage",
            Self::ReceiveMessage => "sqs:ReceiveMessage",
            Self::DeleteMessage | Self::DeleteMessageBatch => "sqs:DeleteMessage",
            Self::ChangeMessageVisibility | Self::ChangeMessageVisibilityBatch => {
                "sqs:ChangeMessageVisibility"
            }
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $variant:ident $field:ident),* $(,)?) => {
        /// An event that is counted.
        ///
        /// Events of messages are counted for each delivery: an unreadable request that SQS delivers three times
        /// before it moves the request to the dead-letter queue counts three times.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Counter {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Counter {
            /// All counters.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The counter's name: its field in [`Stats`], and, after `sqs_rpc.`, its name in the `metrics` facade.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($field)),* }
            }
        }

        /// All counters at one moment. Made by [`Counters::snapshot`].
        ///
        /// Events of messages are counted for each delivery, see [`Counter`].
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            /// Calls of the SQS API, by action.
            pub calls: Calls,
            /// Calls that were denied, by action: an IAM policy lacks the [permission](crate::Fault::right), or
            /// the credentials are not valid.
            pub denied: Calls,
            $($(#[doc = $doc])+ pub $field: u64,)*
        }

        impl Counters {
            /// Reads all counters. The snapshot is not atomic: counters that change during the read may differ by one
            /// event.
            #[must_use]
            pub fn snapshot(&self) -> Stats {
                Stats {
                    calls: self.calls(),
                    denied: Calls::read(&self.0.denied),
                    $($field: self.0.events[Counter::$variant as usize].load(Ordering::Relaxed),)*
                }
            }
        }
    };
}

counters! {
    /// Calls that ended with an error.
    FailedCalls failed_calls,
    /// Messages that polls of hosts returned.
    MessagesReceived messages_received,
    /// Messages whose MD5 does not match their body. They are treated as not received.
    Corrupted corrupted,
    /// Messages on a host whose virtual queue does not exist (any more), or that name no virtual queue.
    Orphans orphans,
    /// Replies to a request that is not waiting any more: its future was dropped, or its deadline had passed.
    LateReplies late_replies,
    /// Replies to a request that already had a reply.
    DuplicateReplies duplicate_replies,
    /// Replies to requests of another process, put back: both processes were given the same host.
    ForeignReplies foreign_replies,
    /// Messages put back because their virtual queue does not exist in this process, but may exist in another
    /// process.
    Unclaimed unclaimed,
    /// Messages put back because their virtual queue's buffer was full.
    PutBack put_back,
    /// Buffered messages dropped because their visibility timeout was about to end. On a FIFO host also messages made
    /// visible again because an earlier message of their group was not redelivered. SQS redelivers all of them.
    BufferExpired buffer_expired,
    /// Virtual queues deleted because they were not used for their retention period.
    QueuesExpired queues_expired,
    /// Hosts that were deleted while they were in use.
    HostsLost hosts_lost,
    /// Temporary hosts created.
    HostsMade hosts_made,
    /// Temporary hosts given up because their lease could not be renewed in time.
    HostsGivenUp hosts_given_up,
    /// Temporary hosts deleted because they were not used for their idle time.
    HostsIdle hosts_idle,
    /// Dead hosts of other processes that this process deleted.
    HostsSwept hosts_swept,
    /// Lease renewals that failed or had no answer in time.
    RenewalsFailed renewals_failed,
    /// Number of times that the retention of leases grew because tagging was throttled.
    RetentionGrown retention_grown,
    /// Polls that ended with an error or had no answer in time.
    PollsFailed polls_failed,
    /// Changes of a visibility timeout that failed: the message keeps its current timeout.
    ChangesFailed changes_failed,
    /// Deletes that SQS refused for one message: the message is redelivered.
    DeletesFailed deletes_failed,
    /// Batch entries that SQS's answer listed neither as successful nor as failed.
    EntriesUnanswered entries_unanswered,
    /// Requests that SQS confirmed, or that were answered, while their caller waited.
    RequestsSent requests_sent,
    /// Replies that were matched with their request.
    RepliesReceived replies_received,
    /// Requests that ended at their deadline with no reply and no other error.
    TimedOut timed_out,
    /// Requests whose future was dropped before it ended.
    Cancelled cancelled,
    /// Replies whose header is unreadable.
    RepliesUnreadable replies_unreadable,
    /// Requests that a responder received.
    RequestsReceived requests_received,
    /// Requests given to a handler.
    Handled handled,
    /// Requests dropped without being handled because their deadline had passed.
    Expired expired,
    /// Redelivered requests that were still being handled, or were answered from the reply store.
    DuplicateRequests duplicate_requests,
    /// Requests without a return address, handled and not answered.
    OneWay one_way,
    /// Requests that cannot be decoded. They are deleted if an error reply reached their requester, and otherwise
    /// left for the dead-letter queue.
    Undecodable undecodable,
    /// Requests whose return address is refused: left for the dead-letter queue.
    AddressesRefused addresses_refused,
    /// Panics of the user's code that were caught: handlers, hooks, and destructors of their values.
    Panics panics,
    /// Handlers that were dropped because their time limit had passed.
    HandlersExpired handlers_expired,
    /// Handlers that returned an error.
    HandlerErrors handler_errors,
    /// Replies sent.
    RepliesSent replies_sent,
    /// Replies that could not be sent, or that SQS does not accept: the requester received `internal` instead.
    RepliesUnsendable replies_unsendable,
    /// Replies over the size limit: the requester received an error reply instead.
    RepliesTooLarge replies_too_large,
    /// Extensions of the visibility timeout of messages that were still being handled.
    VisibilityExtended visibility_extended,
    /// Messages that SQS was asked to make visible again at shutdown, because they were not finished.
    Released released,
    /// Replies that were not sent, because their deadline had passed when the handler ended.
    RepliesTooLate replies_too_late,
    /// Calls of the reply store that failed, panicked, had no answer in time, or were not made because the previous
    /// call had no answer.
    ReplyStoreFailed reply_store_failed,
    /// Requests refused because their idempotency key was used for another request.
    KeysReused keys_reused,
    /// Requests given back to SQS because the reply store could not be asked, or because too many requests already
    /// waited for the outcome of another handler.
    DuplicatesPutBack duplicates_put_back,
    /// Replies that the reply store did not keep, because the request's lease had ended and another process handled
    /// it.
    RepliesSuperseded replies_superseded,
}

impl Stats {
    /// API calls made after `earlier` was taken, by action.
    #[must_use]
    pub fn calls_since(&self, earlier: &Self) -> Calls {
        let mut counts = self.calls.0;
        for (now, before) in counts.iter_mut().zip(earlier.calls.0) {
            *now = now.saturating_sub(before);
        }
        Calls(counts)
    }
}

/// Numbers of API calls by action. A call counts once, however often the SDK tried it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls([u64; Action::ALL.len()]);

impl Calls {
    /// Calls of one action.
    #[must_use]
    pub const fn of(&self, action: Action) -> u64 {
        self.0[action as usize]
    }

    fn read(cells: &ByAction) -> Self {
        Self(cells.each_ref().map(|cell| cell.load(Ordering::Relaxed)))
    }

    /// Calls of all actions.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut called = Action::ALL
            .iter()
            .filter(|action| self.of(**action) > 0)
            .peekable();
        if called.peek().is_none() {
            return f.write_str("no calls");
        }
        while let Some(action) = called.next() {
            write!(f, "{} {action}", self.of(*action))?;
            if called.peek().is_some() {
                f.write_str(", ")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calls({self})")
    }
}

/// The counters themselves. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Cells>);

#[derive(Debug)]
struct Cells {
    events: [AtomicU64; Counter::ALL.len()],
    calls: ByAction,
    denied: ByAction,
}

/// A number for each action.
type ByAction = [AtomicU64; Action::ALL.len()];

impl Default for Cells {
    fn default() -> Self {
        Self {
            events: [const { AtomicU64::new(0) }; _],
            calls: [const { AtomicU64::new(0) }; _],
            denied: [const { AtomicU64::new(0) }; _],
        }
    }
}

impl Counters {
    /// Counts one event.
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts `n` events.
    pub fn add(&self, counter: Counter, n: u64) {
        self.0.events[counter as usize].fetch_add(n, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        metrics::counter!(format!("sqs_rpc.{}", counter.name())).increment(n);
    }

    /// The value of one counter.
    #[must_use]
    pub fn of(&self, counter: Counter) -> u64 {
        self.0.events[counter as usize].load(Ordering::Relaxed)
    }

    /// API calls so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        Calls::read(&self.0.calls)
    }

    pub(crate) fn call(&self, action: Action) {
        self.0.calls[action as usize].fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        metrics::counter!("sqs_rpc.calls", "action" => action.name()).increment(1);
    }

    pub(crate) fn denied(&self, action: Action) {
        self.0.denied[action as usize].fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        metrics::counter!("sqs_rpc.denied", "action" => action.name()).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_shows_the_counts() {
        let counters = Counters::default();
        counters.count(Counter::Orphans);
        counters.clone().add(Counter::Orphans, 2);
        counters.call(Action::SendMessage);
        let before = counters.snapshot();
        counters.call(Action::SendMessage);
        counters.call(Action::ReceiveMessage);
        counters.denied(Action::ReceiveMessage);
        let after = counters.snapshot();
        assert_eq!(
            (before.orphans, before.calls.of(Action::SendMessage)),
            (3, 1)
        );
        assert_eq!(
            after.calls_since(&before).to_string(),
            "1 SendMessage, 1 ReceiveMessage"
        );
        assert_eq!(after.denied.to_string(), "1 ReceiveMessage");
        assert_eq!(Stats::default().calls.to_string(), "no calls");
    }

    #[cfg(feature = "metrics")]
    mod facade {
        use std::sync::{Arc, Mutex};

        use metrics::{
            Counter as Handle, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder,
            SharedString, Unit,
        };

        use super::*;

        /// Records the counts, with their labels.
        #[derive(Default)]
        struct Kept(Arc<Mutex<Vec<(String, u64)>>>);

        struct Cell(String, Arc<Mutex<Vec<(String, u64)>>>);

        impl CounterFn for Cell {
            fn increment(&self, n: u64) {
                self.1.lock().unwrap().push((self.0.clone(), n));
            }

            fn absolute(&self, _: u64) {}
        }

        impl Recorder for Kept {
            fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
            fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
            fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

            fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Handle {
                let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
                let name = format!("{} {}", key.name(), labels.join(","));
                Handle::from_arc(Arc::new(Cell(name.trim().to_owned(), Arc::clone(&self.0))))
            }

            fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
                Gauge::noop()
            }

            fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
                Histogram::noop()
            }
        }

        #[test]
        fn counts_also_reach_the_metrics_facade() {
            let kept = Kept::default();
            metrics::with_local_recorder(&kept, || {
                let counters = Counters::default();
                counters.add(Counter::LateReplies, 2);
                counters.call(Action::SendMessageBatch);
                counters.denied(Action::TagQueue);
            });
            let expected = [
                ("sqs_rpc.late_replies", 2),
                ("sqs_rpc.calls SendMessageBatch", 1),
                ("sqs_rpc.denied TagQueue", 1),
            ];
            assert_eq!(
                *kept.0.lock().unwrap(),
                expected.map(|(name, n)| (name.to_owned(), n))
            );
        }
    }
}
