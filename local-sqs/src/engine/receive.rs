//! Receiving messages, and long polls that wait for messages.

use super::api::{outputs, requests};
use super::digest::md5_of_attributes;
use super::error::ErrorKind;
use super::filter::SYSTEM_ATTRIBUTES;
use super::message::Number;
use super::queue::{Demand, QueueId};
use super::receipt::Receipt;
use super::store::StoredMessage;
use super::{Caller, Engine, Output, PollId, SqsError, Submitted, Timer, WaitingPoll};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// With reordering, one of this number of following messages is received first.
const FARTHEST: usize = 32;

impl Engine {
    pub(super) fn receive(
        &mut self,
        caller: &Caller,
        request: &requests::ReceiveMessage,
    ) -> Result<Submitted, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let queue = self.queue(id)?;
        let demand = Demand::new(request, &queue.settings)?;
        // At the maximum, a FIFO queue returns no messages and no error.
        let full = queue.store.in_flight() >= self.behaviour.most_in_flight;
        if full && demand.wait.is_zero() && !queue.settings.fifo {
            return Err(SqsError::new(
                ErrorKind::OverLimit,
                "Too many messages are in flight.",
            ));
        }
        let again = self.take_again(id, &demand);
        let messages = if again.is_empty() {
            self.take(id, &demand)
        } else {
            again
        };
        if !messages.is_empty() || demand.wait.is_zero() {
            self.settle(id);
            return Ok(Submitted::Done(Ok(Output::Messages(outputs::Messages {
                messages,
            }))));
        }
        let poll = PollId(self.next_number());
        let end = self.now.plus(demand.wait);
        self.queue_mut(id)?.waiting.insert(poll);
        self.polls.insert(
            poll,
            WaitingPoll {
                queue: id,
                demand,
                end,
            },
        );
        self.schedule.set(Timer::Poll(poll), Some(end));
        Ok(Submitted::Waiting(poll))
    }

    /// Gives ready messages to waiting polls, in order of the polls' arrival.
    pub(super) fn serve_waiting(&mut self, id: QueueId) {
        while let Some(queue) = self.queues.get(&id)
            && queue.store.peek().is_some()
            && let Some(&poll) = queue.waiting.first()
            && let Some(waiting) = self.polls.get(&poll)
        {
            let demand = waiting.demand.clone();
            let messages = self.take(id, &demand);
            if messages.is_empty() {
                break;
            }
            self.end_poll(poll, Ok(Output::Messages(outputs::Messages { messages })));
        }
    }

    /// Takes messages for a receive. Messages that were received too often are moved to the dead-letter queue instead.
    fn take(&mut self, id: QueueId, demand: &Demand) -> Vec<outputs::Message> {
        let now = self.now;
        let most = self.found(id, demand);
        let mut messages = Vec::new();
        let mut taken = Vec::new();
        let mut dead_letter_queues = BTreeSet::new();
        while let Some(queue) = self.queues.get_mut(&id) {
            let free = self
                .behaviour
                .most_in_flight
                .saturating_sub(queue.store.in_flight());
            let room = free.min(most - messages.len());
            let (behaviour, chance) = (&self.behaviour, &mut self.chance);
            let skip = || {
                if chance.happens(behaviour.reordering) {
                    1 + chance.up_to(FARTHEST - 1)
                } else {
                    0
                }
            };
            let picked = queue.store.take(room, now, demand.visibility, skip);
            if picked.is_empty() {
                break;
            }
            for number in picked {
                if let Some(target) = self.bury(id, number) {
                    dead_letter_queues.insert(target);
                } else if let Some(queue) = self.queues.get(&id)
                    && let Some(entry) = queue.store.get(number)
                {
                    messages.push(show(id, number, entry, demand));
                    taken.push(number);
                }
            }
        }
        self.after_taking(id, demand, &taken);
        dead_letter_queues
            .into_iter()
            .for_each(|target| self.settle(target));
        messages
    }

    /// The maximum number of messages that this receive finds.
    fn found(&mut self, id: QueueId, demand: &Demand) -> usize {
        let Some(queue) = self.queues.get(&id) else {
            return 0;
        };
        let there = demand.most.min(queue.store.ready());
        if queue.settings.fifo || there == 0 || !self.chance.happens(self.behaviour.missed) {
            return demand.most;
        }
        let least = usize::from(!demand.wait.is_zero());
        least + self.chance.up_to(there - least)
    }

    /// Remembers an attempt, and makes duplicates and messages with visibility timeout zero visible at once.
    fn after_taking(&mut self, id: QueueId, demand: &Demand, taken: &[Number]) {
        let now = self.now;
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        if let Some(attempt) = &demand.attempt {
            let as_taken = taken
                .iter()
                .filter_map(|&number| queue.store.taken(number))
                .collect();
            queue.attempts.remember(now, attempt, as_taken);
        }
        // After the whole receive, because otherwise the same receive would take these messages again.
        for &number in taken {
            let twice = !queue.settings.fifo && self.chance.happens(self.behaviour.duplicates);
            if twice || demand.visibility.is_zero() {
                queue.store.hide_until(number, now, now);
            }
        }
    }

    /// The messages of a repeated attempt, if none was changed since; they are hidden again.
    fn take_again(&mut self, id: QueueId, demand: &Demand) -> Vec<outputs::Message> {
        let now = self.now;
        let Some((attempt, queue)) = demand.attempt.as_ref().zip(self.queues.get_mut(&id)) else {
            return Vec::new();
        };
        let taken = queue
            .attempts
            .earlier(now, attempt)
            .unwrap_or_default()
            .to_vec();
        if taken.is_empty()
            || !taken
                .iter()
                .all(|taken| queue.store.taken(taken.number) == Some(*taken))
        {
            return Vec::new();
        }
        let hidden = taken.iter().filter_map(|taken| {
            queue
                .store
                .hide_until(taken.number, now, now.plus(demand.visibility));
            queue.store.taken(taken.number)
        });
        let hidden: Vec<_> = hidden.collect();
        queue.attempts.remember(now, attempt, hidden);
        let entries = taken
            .iter()
            .filter_map(|taken| Some((taken.number, queue.store.get(taken.number)?)));
        entries
            .map(|(number, entry)| show(id, number, entry, demand))
            .collect()
    }

    /// Moves a message to the dead-letter queue if it was received too often, and returns the dead-letter queue.
    fn bury(&mut self, id: QueueId, number: Number) -> Option<QueueId> {
        let queue = self.queues.get(&id)?;
        let redrive = queue.settings.redrive.as_ref()?;
        let entry = queue.store.get(number)?;
        // The count already includes this receive.
        if entry.message.receives_here <= redrive.max_receives {
            return None;
        }
        let target = *self.by_name.get(&redrive.target)?;
        let source: Arc<str> = queue.name.arn().into();
        let mut message = self.queues.get_mut(&id)?.store.remove(number)?;
        message.receives -= 1;
        message.receives_here = 0;
        message.dead_letter_source = Some(source);
        let now = self.now;
        let number = self.next_number();
        let target_queue = self.queues.get_mut(&target)?;
        // A dead letter of a standard queue keeps its age. A dead letter of a FIFO queue gets a new age and sequence
        // number.
        if target_queue.settings.fifo {
            message.enqueued = now;
            message.sequence_number = Some(super::send::sequence_number(number));
        }
        target_queue
            .store
            .insert(number, message, now, Duration::ZERO);
        Some(target)
    }
}

/// A message with the attributes that this receive asks for.
fn show(id: QueueId, number: Number, entry: &StoredMessage, demand: &Demand) -> outputs::Message {
    let message = &entry.message;
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    let attributes = message
        .attributes
        .iter()
        .filter(|(name, _)| demand.attributes.wants(name));
    let message_attributes: super::contents::Attributes = attributes
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let md5_of_message_attributes = if message_attributes.len() == message.attributes.len() {
        text(&message.md5_of_attributes)
    } else {
        md5_of_attributes(&message_attributes)
    };
    let system = SYSTEM_ATTRIBUTES
        .into_iter()
        .filter(|name| demand.system_attributes.wants(name));
    let first_received = message.first_received.unwrap_or(message.sent);
    let value = |name: &str| match name {
        "AWSTraceHeader" => text(&message.trace_header),
        "ApproximateFirstReceiveTimestamp" => Some(first_received.as_millis().to_string()),
        "ApproximateReceiveCount" => Some(message.receives.to_string()),
        "DeadLetterQueueSourceArn" => text(&message.dead_letter_source),
        "MessageDeduplicationId" => text(&message.deduplication_id),
        "MessageGroupId" => text(&message.group),
        "SenderId" => Some(message.sender.to_string()),
        "SentTimestamp" => Some(message.sent.as_millis().to_string()),
        _ => message.sequence_number.map(|number| number.to_string()),
    };
    outputs::Message {
        message_id: message.id.to_string(),
        receipt_handle: Receipt {
            queue: id,
            message: number,
            generation: entry.generation,
        }
        .encode(),
        md5_of_body: message.md5.to_string(),
        body: message.body.clone(),
        attributes: system
            .filter_map(|name| Some((name, value(name)?)))
            .collect(),
        md5_of_message_attributes,
        message_attributes,
    }
}
