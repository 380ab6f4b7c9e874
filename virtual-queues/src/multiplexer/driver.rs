//! The task of a host: polls while a receiver waits, hands out messages, and wakes for due timers.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageInputBuilder;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_protocol::limits::MAX_RECEIVED;
use sqs_rpc_transport::{
    Alarm, Backoff, Counter, Fault, FaultKind, Moment, Random, Recovery, Use, is_intact, mutant,
};
use tokio_util::sync::CancellationToken;

use super::error::PendingError;
use super::health::Verdict;
use super::hosts::Hosts;
use super::hub::{Hub, ReplySink};
use super::keep_hidden::Extensions;
use super::routing::{Arrival, Due, Routed, group_of, name_of, put_back_for};

/// The maximum time that the answer of a poll is assumed to have traveled.
const GRACE: Duration = Duration::from_secs(5);
/// The maximum number of due items handled in one turn. After that the loop serves other events, finished polls
/// first.
const BURST: usize = 100;
/// The maximum pause after a poll that was not full and returned only messages that were put back, with a jitter of
/// at most a fifth. So one full buffer never slows its host to less than three polls a second. SQS may leave a
/// message out of a poll that is not full, and a message that was left out twice in a row is still received within a
/// second.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// A host that was not used for this time is removed.
const FORGET_AFTER: Duration = Duration::from_secs(60);
/// During a shutdown, polls in flight are ended when no message has been received for this time.
const QUIET: Duration = Duration::from_secs(1);

/// Runs a host until it is stopped, deleted, or no longer used.
pub(super) fn drive(
    shared: Arc<Hub>,
    hosts: Hosts,
    stop: CancellationToken,
) -> impl Future<Output = ()> {
    // If the runtime ends, or has already ended, this future is dropped, and all waiters must be informed.
    let shared = CloseOnDrop(shared);
    async move {
        Driver {
            shared: &shared.0,
            hosts: &hosts,
            crowded: Backoff::new(Duration::from_millis(100), LONGEST_PAUSE),
            phase: Phase::Running,
            extensions: Extensions::new(&shared.0),
        }
        .run(&stop)
        .await;
        // A later caller begins with a new host, because the queue may have been created again by then.
        hosts.forget(&shared.0);
    }
}

/// The state of the loop. The routing table and the poll controller are in the [`Hub`], because users change them too.
struct Driver<'a> {
    shared: &'a Hub,
    /// The table that contains this host, for the time when nothing uses the host any more.
    hosts: &'a Hosts,
    /// The pause between polls while the buffers are full.
    crowded: Backoff,
    phase: Phase,
    /// The calls in flight that keep buffered messages invisible.
    extensions: Extensions<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Running,
    /// Nothing has used the host since this moment.
    Unused(Moment),
    /// The host has ended. Polls in flight end by themselves.
    Ended,
    /// The multiplexer is shutting down: the polls are ended when no message has been received for [`QUIET`] since
    /// this moment.
    Stopping(Moment),
}

/// A poll that has ended.
struct Polled {
    kind: PollKind,
    started: Moment,
    result: Result<Vec<Message>, Fault>,
}

#[derive(Clone, Copy)]
enum PollKind {
    Long(usize),
    Short,
}

impl Driver<'_> {
    async fn run(&mut self, stop: &CancellationToken) {
        let clock = self.shared.sqs.clock();
        let mut alarm = Alarm::new(clock.clone());
        let mut polls = FuturesUnordered::new();
        let mut recoveries = self.shared.sqs.recoveries();
        loop {
            let now = clock.now();
            if self.do_what_is_due(now) {
                tokio::task::yield_now().await;
            }
            self.extensions.start();
            if matches!(self.phase, Phase::Running | Phase::Unused(_)) {
                for kind in self.polls_to_start(now) {
                    polls.push(poll(self.shared, kind));
                }
            }
            if self.is_over(polls.is_empty(), now) {
                return;
            }
            let alarm_at = self.next_alarm();
            if mutant!("poll-aborted") && self.shared.lock().router.demand() == 0 {
                polls.clear();
            }
            let stopping = matches!(self.phase, Phase::Stopping(_));
            tokio::select! {
                biased;
                () = self.shared.retired.cancelled() => return,
                () = stop.cancelled(), if !stopping => {
                    self.shared.end(PendingError::Closed);
                    self.phase = Phase::Stopping(clock.now());
                }
                Some(polled) = polls.next(), if !polls.is_empty() => self.polled(polled),
                () = self.extensions.next() => {}
                () = self.shared.changed.notified() => {}
                recovery = recoveries.next() => self.recovered(recovery, clock.now()),
                () = alarm.until(alarm_at) => {}
            }
            let running = matches!(self.phase, Phase::Running | Phase::Unused(_));
            if running && self.shared.lock().ended.is_some() {
                self.phase = Phase::Ended;
            }
        }
    }

    /// SQS has recovered: polls that wait after failures need not wait to the end.
    fn recovered(&self, recovery: Recovery, now: Moment) {
        let polls = &mut self.shared.lock().polls;
        match recovery {
            Recovery::Served => polls.answered(),
            _ => polls.reopen(now),
        }
    }

    /// Whether the driver may return. Removes a host that was not used for long.
    fn is_over(&mut self, no_poll_is_out: bool, now: Moment) -> bool {
        let unused = no_poll_is_out && self.shared.lock().router.is_empty();
        match self.phase {
            Phase::Ended => return no_poll_is_out,
            Phase::Stopping(since) => {
                let quiet = self.shared.options.end_idle_polls && now.since(since) >= QUIET;
                return no_poll_is_out || quiet;
            }
            Phase::Running if unused => self.phase = Phase::Unused(now),
            Phase::Unused(since) if unused && now.since(since) >= FORGET_AFTER => {
                // Holders of a handle may use the host again, so it is checked again later.
                self.phase = Phase::Unused(now);
                return self.forget_unused();
            }
            Phase::Unused(_) if !unused => self.phase = Phase::Running,
            _ => {}
        }
        false
    }

    /// Ends the host if nothing uses it, and returns whether it did.
    fn forget_unused(&self) -> bool {
        let forgotten = self.hosts.forget_unused(self.shared);
        if forgotten {
            self.shared.end(PendingError::Closed);
        }
        forgotten
    }

    /// Returns whether more items are due.
    fn do_what_is_due(&mut self, now: Moment) -> bool {
        let counters = self.shared.sqs.counters();
        for _ in 0..BURST {
            let due = {
                let mut state = self.shared.lock();
                let due = state.router.next_due(now);
                if let Some(Due::Visible(messages) | Due::Expired(messages)) = due {
                    state.polls.settled(messages);
                }
                due
            };
            match due {
                Some(Due::TimedOut(sink)) => {
                    // If polls are denied, the waiter gets the denial instead of a timeout.
                    let denial = self.shared.lock().health.denial().cloned();
                    let why = denial.map_or(PendingError::TimedOut, PendingError::Failed);
                    drop(sink.send(Err(why)));
                }
                Some(Due::Visible(messages)) => {
                    counters.add(Counter::BufferExpired, messages as u64)
                }
                Some(Due::GiveBack(messages)) => {
                    counters.add(Counter::BufferExpired, messages.len() as u64);
                    let messages = messages.iter();
                    messages.for_each(|message| self.put_back(message, Duration::ZERO));
                }
                Some(Due::Extend(messages)) => self.extensions.add(messages),
                Some(Due::Expired(_)) => counters.count(Counter::QueuesExpired),
                None => return false,
            }
        }
        true
    }

    fn polls_to_start(&self, now: Moment) -> Vec<PollKind> {
        let mut state = self.shared.lock();
        let demand = state.router.demand();
        state.polls.set_demand(demand);
        let mut kinds: Vec<_> = std::iter::from_fn(|| state.polls.start(now))
            .map(PollKind::Long)
            .collect();
        if state.router.start_short_poll() {
            kinds.push(PollKind::Short);
        }
        kinds
    }

    fn next_alarm(&self) -> Option<Moment> {
        let state = self.shared.lock();
        let own = match self.phase {
            Phase::Running => None,
            Phase::Unused(since) => Some(since + FORGET_AFTER),
            // No further poll is started, so nothing else can be due.
            Phase::Ended => return None,
            Phase::Stopping(since) => {
                return self.shared.options.end_idle_polls.then(|| since + QUIET);
            }
        };
        let alarms = [own, state.router.next_alarm(), state.polls.next_start()];
        alarms.into_iter().flatten().min()
    }

    fn polled(&mut self, polled: Polled) {
        let now = self.shared.sqs.clock().now();
        match polled.result {
            Ok(messages) => self.received(polled.kind, messages, polled.started, now),
            Err(fault) => self.failed(polled.kind, &fault, polled.started, now),
        }
        if matches!(polled.kind, PollKind::Short) {
            let wakers = self.shared.lock().router.short_poll_done();
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    fn received(&mut self, kind: PollKind, messages: Vec<Message>, started: Moment, now: Moment) {
        let counters = self.shared.sqs.counters();
        let got = messages.len();
        counters.add(Counter::MessagesReceived, got as u64);
        let visibility = self.shared.options.visibility;
        // The answer may have traveled for a while. A message that leaves its buffer too early is only redelivered.
        let visible_until = now + visibility - (visibility / 4).min(GRACE);
        {
            let mut state = self.shared.lock();
            state.health.worked(now);
            if let PollKind::Long(size) = kind {
                state
                    .polls
                    .returned(size, started, got, now, now + visibility);
            }
        }
        if let Phase::Stopping(since) = &mut self.phase
            && got > 0
        {
            *since = now;
        }
        let arrival = Arrival {
            received: now,
            visible_until,
            server_now: self.shared.sqs.earliest_server_time(),
        };
        let (mut put_back, mut foreign, mut used) = (0, 0, Use::Nothing);
        let mut held_up = HeldUp::new(self.shared.url.is_fifo());
        for message in messages {
            if !is_intact(&message) {
                // The message stays in SQS and is redelivered, intact or damaged.
                counters.count(Counter::Corrupted);
                held_up.behind(&message, Routed::Full, put_back_for(&message));
                continue;
            }
            if let Some((put_it_back, after)) = held_up.why(&message) {
                put_back += 1;
                used = Use::New;
                self.carry_out(put_it_back(after, Box::new(message)));
                continue;
            }
            if mutant!("deleted-when-received") {
                let handle = message.receipt_handle().map(str::to_owned);
                self.delete(handle);
            }
            let routed = self.shared.lock().router.route(message, arrival);
            used = used.max(match routed {
                Routed::Again | Routed::Duplicate(_) => Use::Repeats,
                _ => Use::New,
            });
            let of_others = matches!(routed, Routed::Foreign(..) | Routed::Unclaimed(..));
            foreign += usize::from(of_others);
            put_back += usize::from(of_others || matches!(routed, Routed::Full(..)));
            match &routed {
                Routed::Full(after, message) => held_up.behind(message, Routed::Full, *after),
                Routed::Unclaimed(after, message) => {
                    held_up.behind(message, Routed::Unclaimed, *after);
                }
                _ => {}
            }
            self.carry_out(routed);
        }
        let size = match kind {
            PollKind::Long(size) => {
                self.shared.lock().polls.was_of_use(used, started);
                size
            }
            PollKind::Short => MAX_RECEIVED,
        };
        // A full poll may have left messages of other queues in SQS, and these must not wait. This is no busy loop,
        // because put-back messages stay invisible for longer each time. Messages that may belong to another process
        // always cause a pause, so that the polls of both processes do not alternate.
        let behind = got >= size && foreign == 0;
        // If all messages had to be put back, the next poll would probably return more of the same, so the polls slow
        // down.
        if got > 0 && put_back == got && behind {
            self.crowded.succeeded();
        } else if got > 0 && put_back == got {
            let mut wait = self.crowded.failed(self.shared.sqs.random());
            if mutant!("full-buffer-slows-host") {
                wait *= 40;
            }
            self.shared.lock().polls.pause(now + wait);
        } else if got > 0 {
            self.crowded.succeeded();
        }
    }

    fn carry_out(&self, routed: Routed<ReplySink>) {
        let counters = self.shared.sqs.counters();
        match routed {
            Routed::Reply(sink, message) => {
                let handle = message.receipt_handle().map(str::to_owned);
                let counter = match sink.send(Ok(message)) {
                    Ok(()) => Counter::RepliesReceived,
                    // The request was dropped after the router had found it.
                    Err(_) => Counter::LateReplies,
                };
                counters.count(counter);
                self.delete(handle);
            }
            Routed::Buffered(waker) => {
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Routed::Again => {}
            Routed::Full(after, message) => {
                counters.count(Counter::PutBack);
                self.put_back(&message, spread(after, self.shared.sqs.random()));
            }
            Routed::Foreign(after, message) => {
                counters.count(Counter::ForeignReplies);
                // Two processes were given the same host by mistake. Logged once per put-back, and the wait of the
                // message doubles each time.
                tracing::warn!(host = %self.shared.url, "a reply to another process's request was put back");
                self.put_back(&message, spread(after, self.shared.sqs.random()));
            }
            Routed::Unclaimed(after, message) => {
                counters.count(Counter::Unclaimed);
                // Logs the 1st, 2nd, 4th, 8th, .. message, because there may be many.
                if counters.of(Counter::Unclaimed).is_power_of_two() {
                    let name = name_of(&message);
                    let name = name.as_ref().map(VirtualQueueName::as_str);
                    tracing::warn!(host = %self.shared.url, name, "a message for a virtual queue that does not exist here was put back");
                }
                self.put_back(&message, spread(after, self.shared.sqs.random()));
            }
            Routed::Duplicate(message) => {
                counters.count(Counter::DuplicateReplies);
                self.delete(message.receipt_handle().map(str::to_owned));
            }
            Routed::Late(message) => {
                counters.count(Counter::LateReplies);
                if !mutant!("late-reply-left") {
                    self.delete(message.receipt_handle().map(str::to_owned));
                }
            }
            Routed::Orphan(name, message) => {
                counters.count(Counter::Orphans);
                if let Some((code, hook)) = &self.shared.options.orphan_hook {
                    // A panic is already reported. The orphan is deleted, because it would otherwise be redelivered
                    // to the same hook.
                    let _ = code.call(counters, || hook(name.as_ref(), &message));
                }
                self.delete(message.receipt_handle().map(str::to_owned));
            }
            Routed::GiveBack(message) => self.put_back(&message, Duration::ZERO),
        }
    }

    fn delete(&self, receipt_handle: Option<String>) {
        self.shared.lock().polls.settled(1);
        if let Some(handle) = receipt_handle {
            self.shared.outbox.delete_later(&self.shared.url, handle);
        }
    }

    fn put_back(&self, message: &Message, after: Duration) {
        self.shared.lock().polls.settled(1);
        if let Some(handle) = message.receipt_handle() {
            self.shared
                .outbox
                .change_visibility_later(&self.shared.url, handle.to_owned(), after);
        }
    }

    fn failed(&self, kind: PollKind, fault: &Fault, started: Moment, now: Moment) {
        let (verdict, pending, receivers) = {
            let mut state = self.shared.lock();
            // The host's user may have ended and deleted it; its polls fail as expected then.
            if state.ended.is_some() {
                return;
            }
            let verdict = state.health.failed(fault, now);
            if let PollKind::Long(size) = kind {
                let random = self.shared.sqs.random();
                state.polls.failed(size, started, now, random);
            }
            match verdict {
                Verdict::Missing(at) => state.polls.retry_at(at),
                _ if fault.kind() == FaultKind::Credentials => state.polls.retry_credentials(now),
                _ => {}
            }
            let pending = match verdict {
                Verdict::Denied => state.router.take_pending(),
                _ => Vec::new(),
            };
            let receivers = match verdict {
                Verdict::Refused | Verdict::Denied => state.router.receivers(),
                _ => Vec::new(),
            };
            (verdict, pending, receivers)
        };
        self.shared.sqs.counters().count(Counter::PollsFailed);
        match verdict {
            Verdict::Refused | Verdict::Denied => {
                tracing::warn!(host = %self.shared.url, code = fault.code(), error = %fault, "the host cannot be received from");
            }
            Verdict::Gone if mutant!("loss-untold") => {}
            Verdict::Gone => {
                self.shared.sqs.counters().count(Counter::HostsLost);
                tracing::warn!(host = %self.shared.url, "the host queue is gone");
                self.shared.end(PendingError::HostLost);
            }
            Verdict::Passing | Verdict::Missing(_) => {}
        }
        for sink in pending {
            // A request that was dropped meanwhile needs no answer.
            let _ = sink.send(Err(PendingError::Failed(fault.clone())));
        }
        receivers.into_iter().for_each(Waker::wake);
    }
}

/// Tracks the groups of a FIFO host of which one poll has returned a message that will be redelivered. The later
/// messages of such a group must be redelivered, too, or they could be handed out first. They are put back for the
/// same reason and time.
struct HeldUp(Option<HashMap<String, (PutBack, Duration)>>);

type PutBack = fn(Duration, Box<Message>) -> Routed<ReplySink>;

impl HeldUp {
    fn new(in_order: bool) -> Self {
        Self(in_order.then(HashMap::new))
    }

    fn behind(&mut self, message: &Message, why: PutBack, after: Duration) {
        if let Some(groups) = &mut self.0 {
            groups.insert(group_of(message).to_owned(), (why, after));
        }
    }

    /// Why and for how long a message must be put back. `None` if no earlier message holds it up.
    fn why(&self, message: &Message) -> Option<(PutBack, Duration)> {
        self.0.as_ref()?.get(group_of(message)).copied()
    }
}

async fn poll(shared: &Hub, kind: PollKind) -> Polled {
    let (size, wait) = match kind {
        PollKind::Long(size)
            if mutant!("hot-loop-under-load") && shared.lock().router.pending() > 3 =>
        {
            (size, Duration::ZERO)
        }
        PollKind::Long(size) => (size, shared.options.poll_wait),
        PollKind::Short => (MAX_RECEIVED, Duration::ZERO),
    };
    let input = ReceiveMessageInputBuilder::default()
        .queue_url(shared.url.as_str())
        .max_number_of_messages(size as i32)
        .wait_time_seconds(wait.as_secs() as i32)
        .visibility_timeout(shared.options.visibility.as_secs() as i32)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All);
    let started = shared.sqs.clock().now();
    let received = shared.sqs.receive_message(input).await;
    let result = received.map(|output| output.messages.unwrap_or_default());
    Polled {
        kind,
        started,
        result,
    }
}

/// Shortens a put-back by a random amount, up to half, in whole seconds as SQS counts. Messages that are put back
/// together for equal times would otherwise return together, to a buffer that has room for one, and wait twice as
/// long the next time. Also, two processes that put back each other's replies would otherwise poll in step, and
/// receive each other's replies again and again.
fn spread(after: Duration, random: &Random) -> Duration {
    let most = after.as_secs() / 2;
    after.saturating_sub(Duration::from_secs(random.bits64() % (most + 1)))
}

struct CloseOnDrop(Arc<Hub>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if mutant!("end-untold") {
            return;
        }
        self.0.end(PendingError::Closed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn at_the_limit_a_settled_message_starts_a_poll() {
        use crate::{CreateQueue, OutgoingMessage, VirtualQueues};

        let local = local_sqs::LocalSqs::start();
        let host = local.create_queue("host").await.unwrap();
        let host = sqs_rpc_protocol::HostQueueUrl::parse(&host).unwrap();
        let builder = VirtualQueues::builder(local.client()).max_in_flight(1);
        let queues = builder.build().unwrap();
        let queue = queues.create(&host, CreateQueue::named("q")).unwrap();
        for body in ["a", "b"] {
            queues
                .send(queue.url(), OutgoingMessage::new(body))
                .await
                .unwrap();
        }
        let first = queue.receive().await.unwrap().pop().unwrap();
        let second = async {
            let began = tokio_now();
            (
                queue.receive().await.unwrap(),
                tokio_now().duration_since(began),
            )
        };
        let delete = async {
            sqs_rpc_transport::Clock::system()
                .sleep(Duration::from_secs(1))
                .await;
            queue.delete(first.receipt_handle().unwrap()).await.unwrap();
        };
        let ((second, waited), ()) = futures::join!(second, delete);
        assert_eq!(second.len(), 1);
        assert!(waited < Duration::from_secs(2), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_visibility_counts_as_in_flight_until_its_end() {
        use crate::{CreateQueue, OutgoingMessage, VirtualQueues};

        let local = local_sqs::LocalSqs::start();
        let host = local.create_queue("host").await.unwrap();
        let host = sqs_rpc_protocol::HostQueueUrl::parse(&host).unwrap();
        let builder = VirtualQueues::builder(local.client()).max_in_flight(1);
        let queues = builder.build().unwrap();
        let queue = queues.create(&host, CreateQueue::named("q")).unwrap();
        for body in ["a", "b"] {
            queues
                .send(queue.url(), OutgoingMessage::new(body))
                .await
                .unwrap();
        }
        let visibility = Duration::from_secs(120);
        let first = queue.receive().visibility(visibility).await.unwrap();
        assert_eq!(first.len(), 1);
        let began = tokio_now();
        loop {
            let second = queue.receive().await.unwrap();
            let waited = tokio_now().duration_since(began);
            if second.is_empty() {
                continue;
            }
            let about = waited.abs_diff(visibility);
            assert!(about < Duration::from_secs(3), "{waited:?}");
            return;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the clock that the test pauses")]
    fn tokio_now() -> tokio::time::Instant {
        tokio::time::Instant::now()
    }

    #[test]
    fn put_backs_are_spread_over_whole_seconds_down_to_half() {
        let random = Random::seeded(1);
        let drawn = |secs| -> Vec<_> {
            let after = Duration::from_secs(secs);
            let drawn: BTreeSet<_> = (0..1_000).map(|_| spread(after, &random)).collect();
            drawn.iter().map(Duration::as_secs_f64).collect()
        };
        assert_eq!(drawn(2), [1.0, 2.0]);
        assert_eq!(drawn(8), [4.0, 5.0, 6.0, 7.0, 8.0]);
    }
}
