//! The routing table of one host.

use std::collections::BTreeSet;
use std::task::Waker;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use indexmap::IndexMap;
use indexmap::map::Entry;
use sqs_rpc_protocol::limits::MAX_RECEIVED;
use sqs_rpc_protocol::{CorrelationId, ProcessPrefix, VirtualQueueName};
use sqs_rpc_transport::hashing::{Keyed, keyed};
use sqs_rpc_transport::{Moment, mutant};

use super::buffer::{Load, QueueSlot, Ticket};
use super::buffered::{Buffered, extend_at};
use super::deadlines::{Deadlines, Key};
use super::decisions::{Arrival, Due, Leftovers, Received, Refused, Routed};
use super::for_all_turns::TakeAll;
use super::message_info::{name_of, put_back_for, receive_count, size_of};
use super::recent_names::RecentNames;
use super::replies::Replies;
use super::shrink::release_memory;

/// Routes the messages of one host to the waiting requests and receivers.
///
/// `S` is the destination of a reply: the driver's one-shot sender, or a number in a test.
#[derive(Debug)]
pub(crate) struct Router<S> {
    pub(super) options: RouterOptions,
    pub(super) replies: Replies<S>,
    /// The virtual queues of the host. Nothing depends on the order of this table.
    ///
    /// An `IndexMap` keeps its entries in a vector, and its hash table contains only indices: about 20 MB instead of
    /// 120 MB for a million queues. So creating and deleting a queue is about as fast as with ten queues
    /// (`benches/scale.rs`).
    pub(super) queues: IndexMap<VirtualQueueName, Box<QueueSlot>, Keyed>,
    pub(super) due: Deadlines<Alarm>,
    /// Virtual queues that were deleted in this process: their messages are orphans, because no other process has
    /// such a queue.
    pub(super) deleted: RecentNames,
    /// The sum over all virtual queues.
    load: Load,
    /// Messages that left a buffer as visible when a receiver looked before the alarm; reported by `next_due`.
    pub(super) noticed: usize,
    /// Messages removed from a buffer to be made visible; reported by `next_due`.
    given_back: Vec<Message>,
    short_polls: ShortPolls,
    /// The number of tickets given to receivers so far.
    tickets: u64,
    /// The number of virtual queues created so far.
    made: u64,
    /// The number of messages that arrived for buffers so far.
    arrivals: u64,
    pub(super) take_all: TakeAll,
    pub(super) closed: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct RouterOptions {
    /// The prefix of this process. Replies to other processes are foreign.
    pub(crate) process: ProcessPrefix,
    pub(crate) limits: Limits,
    /// How long a poll hides messages.
    pub(crate) visibility: Duration,
    /// Whether the messages of a group are ordered (a FIFO host).
    pub(crate) in_order: bool,
    /// A message for a virtual queue that does not exist here is an orphan when it is older than this. Until then it
    /// may belong to another process.
    pub(crate) orphan_age: Duration,
}

/// Limits of the memory that a host uses.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// The number of slots of a host.
    pub(crate) names: usize,
    /// The number of messages in one virtual queue's buffer.
    pub(crate) queue_messages: usize,
    /// The number of messages in all buffers of a host.
    pub(crate) host_messages: usize,
    /// The number of bytes in all buffers of a host.
    pub(crate) host_bytes: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Alarm {
    Attention(VirtualQueueName),
    Idle(VirtualQueueName),
}

/// All receives with wait 0 of a host share short polls: each is served by the next short poll that starts.
#[derive(Debug, Default)]
struct ShortPolls {
    started: u64,
    done: u64,
    wanted: bool,
    /// The queues on which receivers wait for later short polls. The end of a short poll checks only these queues.
    queues: BTreeSet<VirtualQueueName>,
}

impl<S> Router<S> {
    pub(crate) fn new(options: RouterOptions) -> Self {
        Self {
            options,
            replies: Replies::new(),
            queues: IndexMap::with_hasher(keyed()),
            due: Deadlines::new(),
            deleted: RecentNames::new(),
            load: Load::default(),
            noticed: 0,
            given_back: Vec::new(),
            short_polls: ShortPolls::default(),
            tickets: 0,
            made: 0,
            arrivals: 0,
            take_all: TakeAll::default(),
            closed: false,
        }
    }

    // --- pending requests

    /// Waits for the reply to `id` until `deadline`.
    pub(crate) fn expect(
        &mut self,
        id: CorrelationId,
        deadline: Moment,
        sink: S,
    ) -> Result<(), Refused> {
        self.admit()?;
        if self.replies.is_pending(id) || self.has_queue_of(id) {
            return Err(Refused::Taken);
        }
        self.replies.expect(id, deadline, sink);
        Ok(())
    }

    /// Stops waiting for the reply to `id`. Returns whether it was still waiting.
    pub(crate) fn forget(&mut self, id: CorrelationId) -> bool {
        self.replies.forget(id)
    }

    /// Removes and returns all pending requests, in the order of their deadlines, to inform them that no reply will
    /// come.
    pub(crate) fn take_pending(&mut self) -> Vec<S> {
        self.replies.take_all()
    }

    // --- virtual queues

    /// Creates a virtual queue, or keeps the existing queue with its messages and its retention. Returns whether it
    /// created a queue.
    pub(crate) fn create(
        &mut self,
        name: VirtualQueueName,
        retention: Option<Duration>,
        now: Moment,
    ) -> Result<bool, Refused> {
        let (admitted, in_order) = (self.admit(), self.options.in_order);
        if CorrelationId::from_name(&name).is_some_and(|id| self.replies.is_pending(id)) {
            return Err(Refused::Taken);
        }
        match self.queues.entry(name) {
            Entry::Occupied(entry) => {
                entry.into_mut().last_used = now;
                Ok(false)
            }
            Entry::Vacant(entry) => {
                admitted?;
                self.deleted.forget(entry.key());
                self.made += 1;
                let mut slot = QueueSlot::new(self.made, retention, in_order, now);
                slot.idle_key = retention.map(|retention| {
                    let alarm = Alarm::Idle(entry.key().clone());
                    self.due.add(now + retention, alarm)
                });
                entry.insert(Box::new(slot));
                Ok(true)
            }
        }
    }

    /// Deletes a virtual queue. Returns its waiting receivers and the number of its messages. `None` if the queue
    /// does not exist.
    pub(crate) fn delete(&mut self, name: &VirtualQueueName) -> Option<(Vec<Waker>, usize)> {
        let (name, slot) = self.queues.swap_remove_entry(name)?;
        let load = slot.load();
        self.load.replace(load, Load::default());
        for key in [slot.attention_key, slot.idle_key].into_iter().flatten() {
            self.due.remove(key);
        }
        self.take_all.remove(slot.turn);
        self.deleted.remember(&name);
        release_memory(&mut self.queues);
        Some((slot.into_wakers().collect(), load.messages))
    }

    /// Notes that a virtual queue is in use. Returns whether the queue exists.
    pub(crate) fn touch(&mut self, name: &VirtualQueueName, now: Moment) -> bool {
        self.queue_mut(name)
            .map(|slot| slot.last_used = now)
            .is_some()
    }

    /// Number of messages in a virtual queue's buffer; `None` if it does not exist.
    pub(crate) fn buffered_in(&self, name: &VirtualQueueName) -> Option<usize> {
        self.queue(name).map(|slot| slot.load().messages)
    }

    /// The number of messages in all buffers, and their bytes.
    pub(crate) const fn buffered(&self) -> (usize, usize) {
        (self.load.messages, self.load.bytes)
    }

    /// Empties a virtual queue's buffer, for a purge. `None` if the queue does not exist.
    pub(crate) fn purge(&mut self, name: &VirtualQueueName, now: Moment) -> Option<Vec<Message>> {
        self.change(name, |slot| {
            slot.last_used = now;
            slot.drain()
        })
    }

    /// One poll of a receiver: takes messages, or a place in the line. With `short` it waits only for a short poll.
    pub(crate) fn receive(
        &mut self,
        name: &VirtualQueueName,
        ticket: Option<Ticket>,
        max: usize,
        short: bool,
        now: Moment,
        waker: &Waker,
    ) -> Received {
        let done = self.short_polls.done;
        let newcomer = Ticket::new(self.tickets, short.then_some(self.short_polls.started + 1));
        let looked = self.change(name, |slot| {
            if ticket.is_some_and(|ticket| !slot.holds(ticket)) {
                return (Received::Gone, 0, false);
            }
            slot.last_used = now;
            let visible = slot.drop_visible(now);
            let taken = slot.take(ticket, max, now);
            if !taken.is_empty() {
                return (Received::Messages(taken), visible, false);
            }
            if ticket.is_some_and(|ticket| ticket.gives_up_at(done)) {
                return (Received::Nothing, visible, false);
            }
            let place = ticket.unwrap_or(newcomer);
            let joined = slot.wait(place, waker);
            (Received::Wait(place), visible, joined)
        });
        let Some((received, visible, joined)) = looked else {
            return Received::Gone;
        };
        self.noticed += visible;
        if joined {
            self.tickets += 1;
            if short {
                self.short_polls.wanted = true;
                self.short_polls.queues.insert(name.clone());
            }
        }
        received
    }

    /// The receiver with this ticket has left, with or without messages. Returns the waker to wake instead.
    pub(crate) fn leave(
        &mut self,
        name: &VirtualQueueName,
        ticket: Ticket,
        now: Moment,
    ) -> Option<Waker> {
        let next = self.change(name, |slot| {
            slot.last_used = now;
            slot.leave(ticket)
        })?;
        next.or_else(|| self.take_all.take_waker())
    }

    // --- polls

    /// The number of messages that a long poll may return now. 0: nobody waits.
    pub(crate) fn demand(&self) -> usize {
        let takes_all = !self.queues.is_empty() && self.take_all.is_hungry();
        let wanted = self.pending() + self.load.hungry > 0 || mutant!("polls-for-nobody");
        if self.closed || !(wanted || takes_all) {
            return 0;
        }
        // A waiting receiver has no buffered message that it may take, so there must be room for its messages even if
        // the host is full.
        self.options
            .limits
            .host_messages
            .saturating_sub(self.load.messages)
            .max(MAX_RECEIVED)
    }

    /// Whether the buffers of the host are full: messages without a waiting receiver would be put back.
    pub(crate) fn is_crowded(&self) -> bool {
        self.load.messages >= self.options.limits.host_messages
            || self.load.bytes >= self.options.limits.host_bytes
    }

    /// Whether a receive with wait 0 waits for a short poll to start.
    pub(crate) const fn wants_short_poll(&self) -> bool {
        self.short_polls.wanted
    }

    /// Returns once that a short poll must be sent.
    pub(crate) fn start_short_poll(&mut self) -> bool {
        let idle = self.short_polls.done == self.short_polls.started;
        let start = idle && self.short_polls.wanted && !self.closed;
        if start {
            self.short_polls.wanted = false;
            self.short_polls.started += 1;
        }
        start
    }

    /// The short poll has ended. Returns the wakers of its receivers.
    pub(crate) fn short_poll_done(&mut self) -> Vec<Waker> {
        self.short_polls.done = self.short_polls.started;
        let done = self.short_polls.done;
        let mut waited = Vec::new();
        self.short_polls.queues.retain(|name| {
            let Some(slot) = self.queues.get(name) else {
                return false;
            };
            waited.extend(slot.waited_for_short_poll(done));
            slot.waits_for_short_poll_after(done)
        });
        // In the order in which they joined.
        waited.sort_unstable_by_key(|(ticket, _)| *ticket);
        waited.into_iter().map(|(_, waker)| waker).collect()
    }

    /// Decides what to do with a message.
    pub(crate) fn route(&mut self, message: Message, arrival: Arrival) -> Routed<S> {
        let Some(name) = name_of(&message) else {
            return self.unclaimed(None, Box::new(message), arrival);
        };
        let id = CorrelationId::from_name(&name);
        if let Some(sink) = id.and_then(|id| self.replies.answer(id)) {
            return Routed::Reply(sink, Box::new(message));
        }
        match self.buffer(&name, message, arrival) {
            Ok(routed) => routed,
            Err(message) => self.unexpected(name, id, message, arrival),
        }
    }

    /// Performs one action that is due at `now`. Call it until it returns `None`.
    pub(crate) fn next_due(&mut self, now: Moment) -> Option<Due<S>> {
        if self.noticed > 0 {
            return Some(Due::Visible(std::mem::take(&mut self.noticed)));
        }
        if let Some(sink) = self.replies.next_timed_out(now) {
            return Some(Due::TimedOut(sink));
        }
        while self.given_back.is_empty()
            && let Some(alarm) = self.due.pop(now)
        {
            let due = match alarm {
                Alarm::Attention(name) => self.attend(&name, now),
                Alarm::Idle(name) => self.expire(&name, now),
            };
            if due.is_some() {
                return due;
            }
        }
        let given_back = std::mem::take(&mut self.given_back);
        (!given_back.is_empty()).then_some(Due::GiveBack(given_back))
    }

    /// When the next action is due.
    pub(crate) fn next_alarm(&self) -> Option<Moment> {
        if !self.given_back.is_empty() {
            // Due at once.
            return Some(Moment::default());
        }
        let alarms = [self.replies.next_deadline(), self.due.next()];
        alarms.into_iter().flatten().min()
    }

    // --- the end

    /// Refuses everything from now on. Returns the contents of the table, which the caller must handle.
    pub(crate) fn close(&mut self) -> Leftovers<S> {
        self.closed = true;
        let pending = self.take_pending();
        // In the order of the names, not of the table. Idle queues, perhaps a million, are only dropped.
        let mut busy: Vec<_> = std::mem::replace(&mut self.queues, IndexMap::with_hasher(keyed()))
            .into_iter()
            .filter(|(_, slot)| !slot.is_idle())
            .collect();
        busy.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        self.due = Deadlines::new();
        self.load = Load::default();
        let mut left = Leftovers {
            pending,
            wakers: Vec::new(),
            messages: std::mem::take(&mut self.given_back),
        };
        left.wakers.extend(self.take_all.close());
        for (_, mut slot) in busy {
            left.messages.extend(slot.drain());
            left.wakers.extend(slot.into_wakers());
        }
        left
    }

    /// The number of requests that wait for their replies.
    pub(crate) fn pending(&self) -> usize {
        self.replies.len()
    }

    /// The wakers of all receivers of virtual queues, in the order in which they joined.
    pub(crate) fn receivers(&self) -> Vec<Waker> {
        let queues = self.queues.values();
        let mut receivers: Vec<_> = queues.flat_map(|slot| slot.receivers()).collect();
        receivers.sort_unstable_by_key(|(ticket, _)| *ticket);
        receivers.into_iter().map(|(_, waker)| waker).collect()
    }

    /// Whether the handler of all virtual queues takes messages from here.
    pub(crate) const fn is_handled(&self) -> bool {
        self.take_all.is_on()
    }

    /// Whether there is neither a virtual queue nor a pending request.
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.pending() == 0
    }

    // --- internal functions

    fn admit(&self) -> Result<(), Refused> {
        match () {
            () if self.closed => Err(Refused::Closed),
            () if self.queues.len() + self.pending() >= self.options.limits.names => {
                Err(Refused::Full)
            }
            () => Ok(()),
        }
    }

    /// Whether a virtual queue has the name of this request's replies.
    fn has_queue_of(&self, id: CorrelationId) -> bool {
        !self.queues.is_empty() && self.queues.contains_key(&id.to_name())
    }

    pub(super) fn queue(&self, name: &VirtualQueueName) -> Option<&QueueSlot> {
        self.queues.get(name).map(Box::as_ref)
    }

    pub(super) fn queue_mut(&mut self, name: &VirtualQueueName) -> Option<&mut QueueSlot> {
        self.queues.get_mut(name).map(Box::as_mut)
    }

    /// Puts a message into the buffer of its virtual queue. Returns the message if the queue does not exist.
    fn buffer(
        &mut self,
        name: &VirtualQueueName,
        message: Message,
        arrival: Arrival,
    ) -> Result<Routed<S>, Box<Message>> {
        let (capacity, crowded) = (self.options.limits.queue_messages, self.is_crowded());
        let wanted_by_all = self.take_all.is_hungry();
        let extend_at = (!mutant!("stale-in-buffer"))
            .then(|| extend_at(arrival.visible_until, self.options.visibility));
        let hidden_until = arrival.received + self.options.visibility;
        self.arrivals += 1;
        let number = self.arrivals;
        let routed = self.change_with(name, message, |slot, message| {
            if receive_count(&message) > 1
                && let Some(known) = message.message_id().and_then(|id| slot.again(id))
            {
                known.message = message;
                // The visibility timeout belongs to the newest receipt handle.
                known.received = arrival.received;
                (known.visible_until, known.hidden_until) = (arrival.visible_until, hidden_until);
                (known.extend_at, known.extending) = (extend_at, false);
                let (group, number) = (known.group, known.number);
                if let Some(order) = &mut slot.order {
                    order.arrived(group, number, arrival.received);
                }
                return Routed::Again;
            }
            let place = slot.place_of(&message, number, arrival.received);
            // A waiting receiver takes the message at once, so the message does not count against a full host.
            let waited_for = (slot.is_waited_for() || wanted_by_all) && place.is_free;
            // On a FIFO host the buffer may be full of messages that must not be taken yet.
            let next = waited_for && slot.free() < MAX_RECEIVED && slot.order.is_some();
            let full = slot.load().messages >= capacity && !next;
            if (full || (crowded && !waited_for)) && !mutant!("buffers-without-cap") {
                return Routed::Full(put_back_for(&message), Box::new(message));
            }
            let bytes = size_of(&message);
            Routed::Buffered(slot.push(Buffered {
                message,
                bytes,
                number: place.number,
                group: place.group,
                received: arrival.received,
                hidden_until,
                extend_at,
                extending: false,
                visible_until: if mutant!("stale-in-buffer") {
                    Moment::from_start(Duration::MAX)
                } else {
                    arrival.visible_until
                },
            }))
        });
        Ok(match routed.map_err(Box::new)? {
            Routed::Buffered(None) => Routed::Buffered(self.take_all.take_waker()),
            routed => routed,
        })
    }

    /// Drops the messages that are visible again, and extends those that soon would be.
    fn attend(&mut self, name: &VirtualQueueName, now: Moment) -> Option<Due<S>> {
        let visibility = self.options.visibility;
        let (dropped, extensions) = self.change(name, |slot| {
            slot.attention_key = None;
            let dropped = slot.drop_visible(now);
            (dropped, slot.extensions(name, visibility, now))
        })?;
        if extensions.is_empty() {
            return (dropped > 0).then_some(Due::Visible(dropped));
        }
        self.noticed += dropped;
        Some(Due::Extend(extensions))
    }

    fn expire(&mut self, name: &VirtualQueueName, now: Moment) -> Option<Due<S>> {
        // A handler of all queues counts as a waiting receiver of each queue.
        let handled = self.take_all.is_on();
        let slot = self.queue_mut(name)?;
        slot.idle_key = None;
        let retention = slot.retention?;
        let used = if handled { now } else { slot.used_last(now) };
        if now.since(used) < retention {
            let key = self.due.add(used + retention, Alarm::Idle(name.clone()));
            if let Some(slot) = self.queue_mut(name) {
                slot.idle_key = Some(key);
            }
            return None;
        }
        let (_, messages) = self.delete(name)?;
        Some(Due::Expired(messages))
    }

    /// Changes a virtual queue, and updates the host's sums and the alarm for the queue's messages. `None` if the
    /// queue does not exist.
    pub(super) fn change<T>(
        &mut self,
        name: &VirtualQueueName,
        change: impl FnOnce(&mut QueueSlot) -> T,
    ) -> Option<T> {
        self.change_with(name, (), |slot, ()| change(slot)).ok()
    }

    /// Does the same as [`change`](Self::change), for a change that consumes a value. Returns the value if the queue
    /// does not exist.
    fn change_with<A, T>(
        &mut self,
        name: &VirtualQueueName,
        given: A,
        change: impl FnOnce(&mut QueueSlot, A) -> T,
    ) -> Result<T, A> {
        let Some(slot) = self.queues.get_mut(name) else {
            return Err(given);
        };
        let before = slot.load();
        let result = change(slot, given);
        self.load.replace(before, slot.load());
        let at = match slot.attention_key {
            // Only the last message can be due earlier. An alarm that is too early costs less than a search of the
            // buffer at each change.
            Some(key) => slot.attention_of_last().map(|at| at.min(key.at())),
            None => slot.next_attention(),
        };
        let news = slot.order.as_mut().and_then(|order| {
            self.given_back.append(&mut order.given_back);
            order.take_news()
        });
        let at = at.map(|at| news.map_or(at, |news| at.min(news)));
        if at != slot.attention_key.map(Key::at) {
            if let Some(key) = slot.attention_key {
                self.due.remove(key);
            }
            slot.attention_key = at.map(|at| self.due.add(at, Alarm::Attention(name.clone())));
        }
        self.take_all.note(name, slot);
        Ok(result)
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
