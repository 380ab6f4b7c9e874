//! The messages that this process has received and not yet settled, as a pure state machine.
//!
//! Owns: which message waits for its group, when each visibility timeout is extended, and which receipt handle is the
//! newest. Does not own: handlers, calls, clocks, nor which requests are the same (`claims.rs`). The methods take `now`
//! and an event, and return what to do.
//!
//! **Invariants:** a message is in the table once; of one FIFO group at most one message is being handled, in order of
//! arrival; every admitted message leaves once, by [`delete`](InHand::delete), [`leave`](InHand::leave) or
//! [`give_back`](InHand::give_back).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use sqs_rpc_protocol::SqsTime;
use sqs_rpc_protocol::limits::MAX_VISIBILITY;
use sqs_rpc_transport::Moment;

/// The part of [`MAX_VISIBILITY`] that is not used, because SQS counts from the receive, before its answer arrived here.
const MARGIN: Duration = Duration::from_secs(60);

/// Identifies a message in hand. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(u64);

/// Identifies a message, however often it is received. A restarted server may use an id again for another message, so
/// the id alone is not enough.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MessageKey {
    pub(crate) id: String,
    /// The `SentTimestamp`, if the server states it.
    pub(crate) sent: Option<SqsTime>,
}

/// A message that has just been received.
#[derive(Debug)]
pub(crate) struct Arrival<P> {
    pub(crate) key: MessageKey,
    pub(crate) receipt: String,
    /// The group whose order is kept. `None` on a standard queue.
    pub(crate) group: Option<String>,
    pub(crate) payload: P,
}

/// What to do with a message that was admitted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Handle it.
    Handle(Ticket),
    /// Nothing yet, because an earlier message of its group is in hand.
    Queue,
    /// Nothing, because the message is in hand already. The new receipt handle replaces the old one.
    Again,
}

/// A visibility timeout to extend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) ticket: Ticket,
    /// Distinguishes answers that concern an older receipt handle.
    generation: u32,
    pub(crate) receipt: String,
    /// The new timeout, from now.
    pub(crate) timeout: Duration,
}

/// How an [`Extension`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extended {
    /// SQS has extended the timeout.
    Done,
    /// It failed, and may succeed when tried again.
    TryAgain,
    /// SQS refused it, because the message no longer belongs to this receiver.
    Refused,
}

/// A message that leaves the table.
#[derive(Debug)]
pub(crate) struct Out<P> {
    /// Its newest receipt handle.
    pub(crate) receipt: String,
    /// Whether its visibility timeout was extended under this receipt handle.
    pub(crate) is_extended: bool,
    pub(crate) payload: P,
}

/// The table. `P` is the owner's data of a message.
#[derive(Debug)]
pub(crate) struct InHand<P> {
    visibility: Duration,
    next: u64,
    held: BTreeMap<Ticket, Held<P>>,
    by_message: HashMap<MessageKey, Ticket>,
    /// FIFO only: messages of a group in order of arrival. The first is being handled.
    groups: HashMap<String, VecDeque<Ticket>>,
    /// When to extend which timeout. A message is absent while its extension is in flight, and once it cannot be
    /// extended.
    due: BTreeSet<(Moment, Ticket)>,
}

#[derive(Debug)]
struct Held<P> {
    key: MessageKey,
    receipt: String,
    group: Option<String>,
    payload: P,
    received: Moment,
    /// Until when SQS hides the message, as far as is known.
    hidden_until: Moment,
    extend_at: Option<Moment>,
    is_extended: bool,
    generation: u32,
}

impl<P> InHand<P> {
    /// An empty table for messages that are received with this visibility timeout.
    pub(crate) fn new(visibility: Duration) -> Self {
        Self {
            visibility,
            next: 0,
            held: BTreeMap::new(),
            by_message: HashMap::new(),
            groups: HashMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// The number of messages in hand.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    #[cfg(test)]
    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        self.held.keys().copied().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The owner's data of a message, as long as the message is in hand.
    pub(crate) fn payload(&mut self, ticket: Ticket) -> Option<&mut P> {
        self.held.get_mut(&ticket).map(|held| &mut held.payload)
    }

    /// The newest receipt handle of a message in hand.
    pub(crate) fn receipt(&self, ticket: Ticket) -> Option<String> {
        self.held.get(&ticket).map(|held| held.receipt.clone())
    }

    /// Adds a message.
    pub(crate) fn admit(&mut self, arrival: Arrival<P>, now: Moment) -> Admission {
        if let Some(&ticket) = self.by_message.get(&arrival.key) {
            self.received_again(ticket, arrival.receipt, now);
            return Admission::Again;
        }
        let ticket = Ticket(self.next);
        self.next += 1;
        let Arrival {
            key,
            receipt,
            group,
            payload,
        } = arrival;
        self.by_message.insert(key.clone(), ticket);
        let first_of_group = group.as_ref().is_none_or(|group| {
            let tickets = self.groups.entry(group.clone()).or_default();
            tickets.push_back(ticket);
            tickets.len() == 1
        });
        let held = Held {
            key,
            receipt,
            group,
            payload,
            received: now,
            hidden_until: now + self.visibility,
            extend_at: None,
            is_extended: false,
            generation: 0,
        };
        self.held.insert(ticket, held);
        self.schedule(ticket, now + self.visibility / 2);
        if first_of_group {
            Admission::Handle(ticket)
        } else {
            Admission::Queue
        }
    }

    /// Removes a message that is to be deleted, or left without its group waiting for it. Also returns the next message
    /// of its group, to be handled.
    pub(crate) fn delete(&mut self, ticket: Ticket) -> Option<(Out<P>, Option<Ticket>)> {
        let (out, group) = self.remove(ticket)?;
        let next = group.and_then(|group| {
            let tickets = self.groups.get_mut(&group)?;
            tickets.retain(|other| *other != ticket);
            let next = tickets.front().copied();
            if next.is_none() {
                self.groups.remove(&group);
            }
            next
        });
        Some((out, next))
    }

    /// Removes a message that stays in SQS. Also removes and returns the messages behind it in its group, which must
    /// not overtake it.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<(Out<P>, Vec<Out<P>>)> {
        let (out, group) = self.remove(ticket)?;
        let behind = group
            .and_then(|group| self.groups.remove(&group))
            .unwrap_or_default();
        let behind = behind
            .into_iter()
            .filter_map(|ticket| Some(self.remove(ticket)?.0))
            .collect();
        Some((out, behind))
    }

    /// Empties the table, in order of arrival.
    pub(crate) fn give_back(&mut self) -> Vec<Out<P>> {
        let held = std::mem::take(&mut self.held);
        self.by_message.clear();
        self.groups.clear();
        self.due.clear();
        held.into_values().map(Out::from).collect()
    }

    /// When to call [`extensions`](Self::extensions).
    pub(crate) fn next_extension(&self) -> Option<Moment> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The extensions to make now. If an extension is due, those that are due soon are made with it, so that they share
    /// calls.
    pub(crate) fn extensions(&mut self, now: Moment) -> Vec<Extension> {
        if self.next_extension().is_none_or(|at| at > now) {
            return Vec::new();
        }
        let soon = now + self.visibility / 8;
        let mut extensions = Vec::new();
        while let Some(&(at, ticket)) = self.due.first()
            && at <= soon
        {
            self.due.pop_first();
            let Some(held) = self.held.get_mut(&ticket) else {
                continue;
            };
            held.extend_at = None;
            let left = (MAX_VISIBILITY - MARGIN).saturating_sub(now.since(held.received));
            // SQS takes whole seconds only.
            let timeout = Duration::from_secs(self.visibility.min(left).as_secs());
            if now + timeout > held.hidden_until {
                let (generation, receipt) = (held.generation, held.receipt.clone());
                extensions.push(Extension {
                    ticket,
                    generation,
                    receipt,
                    timeout,
                });
            }
        }
        extensions
    }

    /// Handles the end of an extension that was asked for at `asked`. Returns until when the message is hidden, if the
    /// timeout was extended.
    pub(crate) fn extended(
        &mut self,
        extension: &Extension,
        how: Extended,
        asked: Moment,
        now: Moment,
    ) -> Option<Moment> {
        let held = self.held.get_mut(&extension.ticket)?;
        if held.generation != extension.generation {
            return None;
        }
        match how {
            Extended::Done => {
                let until = asked + extension.timeout;
                (held.hidden_until, held.is_extended) = (until, true);
                self.schedule(extension.ticket, asked + self.visibility / 2);
                return Some(until);
            }
            Extended::TryAgain => self.schedule(extension.ticket, now + self.visibility / 8),
            Extended::Refused => {}
        }
        None
    }

    fn received_again(&mut self, ticket: Ticket, receipt: String, now: Moment) {
        let Some(held) = self.held.get_mut(&ticket) else {
            return;
        };
        (held.receipt, held.is_extended) = (receipt, false);
        held.generation = held.generation.wrapping_add(1);
        // SQS counts the 12 hours from the receive that gave the receipt handle.
        held.received = now;
        held.hidden_until = now + self.visibility;
        self.schedule(ticket, now + self.visibility / 2);
    }

    fn schedule(&mut self, ticket: Ticket, at: Moment) {
        let Some(held) = self.held.get_mut(&ticket) else {
            return;
        };
        if let Some(before) = held.extend_at.replace(at) {
            self.due.remove(&(before, ticket));
        }
        self.due.insert((at, ticket));
    }

    /// Removes a message from everything but its group.
    fn remove(&mut self, ticket: Ticket) -> Option<(Out<P>, Option<String>)> {
        let mut held = self.held.remove(&ticket)?;
        self.by_message.remove(&held.key);
        if let Some(at) = held.extend_at {
            self.due.remove(&(at, ticket));
        }
        let group = held.group.take();
        Some((held.into(), group))
    }
}

impl<P> From<Held<P>> for Out<P> {
    fn from(held: Held<P>) -> Self {
        Self {
            receipt: held.receipt,
            is_extended: held.is_extended,
            payload: held.payload,
        }
    }
}

#[cfg(test)]
#[path = "in_hand_tests.rs"]
mod tests;
