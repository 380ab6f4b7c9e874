//! What processes ask of SQS, and what it does: acceptance, delivery, deletion, and I7.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use local_sqs::engine::{Action, Error, Output, Request};
use sqs_rpc_protocol::names;

use super::messages::{EQUAL, equal_name};
use super::{Accepted, LeaseCall, Oracle, State};
use crate::coverage::{Check, Fault};
use crate::network::{Exchange, Link};
use crate::process::LifeId;

/// So many calls may fail, or bring nothing, in a second, apart from those that the user's own operations cause.
const IDLE_CALLS: usize = 15;
/// Calls that one operation of the user may cost when all of them fail: three attempts by the SDK, three by the outbox.
const PER_OPERATION: usize = 9;
/// Deliveries of requests for each of which one call more may fail in a second: a reply is tried until its request's
/// deadline, by the SDK's three attempts each 5 s and more, and so is that to each duplicate.
const REPLIES_PER_CALL: usize = 2;
/// Calls that a message costs its receiver when all of them fail: a delete, by the SDK's three attempts.
const PER_DELIVERY: usize = 3;
/// Deliveries count for so long: each of these attempts may be without an answer for 5 s, and what is to be deleted waits
/// meanwhile.
const DELETED: Duration = Duration::from_secs(20);
const SECOND: Duration = Duration::from_secs(1);
/// Operations count for so long: their calls are tried again.
const REMEMBERED: Duration = Duration::from_secs(10);
/// Deliveries of requests count for so long: the longest time for which a user waits here.
const LONGEST_WAIT: Duration = Duration::from_secs(200);

/// Calls are counted in buckets of so many seconds.
pub const BUCKET: u64 = 5;

/// What each process did in each bucket.
pub type CallTable = BTreeMap<(usize, u64), Counts>;

/// What a process did in one bucket of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that the framework made.
    pub calls: u64,
    /// Those of them that send.
    pub sends: u64,
    /// Attempts that the SDK made besides.
    pub repeats: u64,
    /// Messages that SQS handed out, and whose body it had handed out before: copies, and what came again.
    pub copies: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.sends += other.sends;
        self.repeats += other.repeats;
        self.copies += other.copies;
    }
}

/// Recent operations and fruitless calls of each life.
#[derive(Debug, Default)]
pub(super) struct Rates {
    operations: HashMap<LifeId, VecDeque<Duration>>,
    replies: HashMap<LifeId, VecDeque<Duration>>,
    deliveries: HashMap<LifeId, VecDeque<Duration>>,
    fruitless: HashMap<(LifeId, Action), VecDeque<Duration>>,
}

/// What a call means to do, looked up before it takes effect.
#[derive(Debug, Default)]
pub(crate) struct Meant {
    /// The queue's name.
    queue: String,
    /// Entry id and body of each send.
    sends: Vec<(String, String)>,
    /// Entry id and message id of each delete by its newest receipt handle, or by an older one.
    deletes: Vec<(String, String, bool)>,
    /// Message ids and how long they are to be hidden.
    hides: Vec<(String, Duration)>,
    /// Receipt handles of these.
    hidden_by: Vec<String>,
    visibility: Duration,
    deletes_queue: bool,
    lease: LeaseCall,
}

impl Oracle {
    /// A process makes a call, or the SDK makes it `again`.
    pub(crate) fn sets_out(&self, link: &Link, request: &Request, again: bool) -> u64 {
        let action = request.action();
        let now = self.0.time.now();
        let mut state = self.lock();
        state.call_numbers += 1;
        let number = state.call_numbers;
        let counts = state.counts(link.life, now);
        if again {
            counts.repeats += 1;
        } else {
            counts.calls += 1;
            counts.sends += u64::from(matches!(
                action,
                Action::SendMessage | Action::SendMessageBatch
            ));
        }
        if let Request::SendMessageBatch(batch) = request {
            for entry in batch.entries.iter().flatten() {
                let body = entry.message_body.as_deref().unwrap_or_default();
                if !body.starts_with(['q', 'v']) {
                    continue;
                }
                let heard = state.heard.contains(&(link.life, body.to_owned()));
                self.checked(&mut state, Check::NotSentAgain, !heard, || {
                    format!("{} sends {body} again, which was accepted", link.life)
                });
            }
        }
        drop(state);
        self.lease_sets_out(link, request);
        self.note(format_args!("{} calls {action} #{number}", link.life));
        number
    }

    /// What a request that has reached SQS means to do.
    pub(crate) fn understands(&self, _: &Link, request: &Request) -> Meant {
        let mut meant = Meant {
            queue: request
                .queue_url()
                .and_then(|url| url.rsplit('/').next())
                .unwrap_or_default()
                .to_owned(),
            ..Meant::default()
        };
        meant.lease = LeaseCall::of(request, &meant.queue);
        let state = self.lock();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut delete = |id: &Option<String>, handle: &Option<String>| {
            let handle = text(handle);
            if let Some(message) = state.receipts.get(&handle) {
                let newest = state
                    .accepted
                    .get(message)
                    .is_some_and(|accepted| accepted.latest_receipt == handle);
                meant.deletes.push((text(id), message.clone(), newest));
            }
        };
        match request {
            Request::SendMessageBatch(batch) => {
                for entry in batch.entries.iter().flatten() {
                    let body = entry.message_body.as_deref().unwrap_or_default();
                    let to = entry.message_attributes.as_ref();
                    let to = to.and_then(|all| all.get(names::VIRTUAL_QUEUE_NAME));
                    let to = to.and_then(|name| name.string_value.as_deref());
                    let name = match (body, to) {
                        (EQUAL, Some(to)) => equal_name(&format!("{}/{to}", meant.queue)),
                        _ => body.to_owned(),
                    };
                    meant.sends.push((text(&entry.id), name));
                }
            }
            Request::DeleteMessageBatch(batch) => {
                for entry in batch.entries.iter().flatten() {
                    delete(&entry.id, &entry.receipt_handle);
                }
            }
            Request::DeleteMessage(one) => delete(&None, &one.receipt_handle),
            Request::ChangeMessageVisibilityBatch(batch) => {
                for entry in batch.entries.iter().flatten() {
                    if let Some(message) = state.receipts.get(&text(&entry.receipt_handle)) {
                        let seconds = entry.visibility_timeout.unwrap_or_default();
                        let hidden = Duration::from_secs(seconds.unsigned_abs());
                        meant.hides.push((message.clone(), hidden));
                        meant.hidden_by.push(text(&entry.receipt_handle));
                    }
                }
            }
            Request::ReceiveMessage(receive) => {
                let seconds = receive.visibility_timeout.unwrap_or(30);
                meant.visibility = Duration::from_secs(seconds.unsigned_abs());
            }
            Request::DeleteQueue(_) => meant.deletes_queue = true,
            _ => {}
        }
        meant
    }

    /// A request has had its effect.
    pub(crate) fn took_effect(&self, link: &Link, meant: Meant, result: &Result<Output, Error>) {
        self.lease_effect(link, &meant.lease, result.is_ok());
        match result {
            Ok(Output::SentBatch(batch)) => {
                for entry in &batch.successful {
                    let sent = meant.sends.iter().find(|(id, _)| *id == entry.id);
                    if let Some((_, body)) = sent {
                        self.accepts(&meant.queue, &entry.sent.message_id, body);
                    }
                }
            }
            Ok(Output::Messages(received)) => {
                for message in &received.messages {
                    self.delivers(link, &meant, message);
                }
            }
            Ok(Output::Batch(batch)) => {
                for entry in &batch.successful {
                    let deleted = meant.deletes.iter().find(|(id, ..)| *id == entry.id);
                    if let Some((_, message, newest)) = deleted {
                        self.deletes(link, message, *newest);
                    }
                }
                let now = self.0.time.now();
                let mut state = self.lock();
                for (receipt, (_, hidden)) in meant.hidden_by.iter().zip(&meant.hides) {
                    if let Some(word) = state.words.get(receipt).copied() {
                        self.checked(&mut state, Check::LastWord, word == Some(*hidden), || {
                            let life = link.life;
                            format!(
                                "{life} hides a message for {hidden:?}; its user has said {word:?}"
                            )
                        });
                    }
                }
                for (message, hidden) in &meant.hides {
                    if let Some(accepted) = state.accepted.get_mut(message) {
                        accepted.hidden_until = now + *hidden;
                    }
                }
            }
            Ok(Output::Empty(_)) if meant.deletes_queue => {
                self.note(format_args!("{} deletes queue {}", link.life, meant.queue));
                self.lock().deleted_queues.insert(meant.queue);
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// A call was answered, or failed.
    pub(crate) fn answered(
        &self,
        link: &Link,
        action: Action,
        number: u64,
        exchange: &Exchange,
        took: Duration,
        wait: Duration,
    ) {
        let now = self.0.time.now();
        let brought = match &exchange.result {
            Ok(Output::Messages(received)) => received.messages.len(),
            Ok(Output::SentBatch(batch)) => batch.successful.len(),
            Ok(_) => 1,
            Err(_) => 0,
        };
        match &exchange.result {
            Ok(_) => self.note(format_args!("#{number} brings {brought} to {}", link.life)),
            Err(failure) => self.note(format_args!(
                "#{number} fails for {}: {failure:?}",
                link.life
            )),
        }
        self.lease_answered(link, number, exchange);
        let mut state = self.lock();
        let polled = action == Action::ReceiveMessage && exchange.result.is_ok();
        let in_vain = polled && brought == 0 && took < wait / 2;
        if exchange.result.is_err() || in_vain {
            let allowed = state.rates.allowed(link.life, action, now) + walked(action);
            let fruitless = state.rates.fruitless(link.life, action, now);
            self.checked(&mut state, Check::NoHotLoop, fruitless <= allowed, || {
                let life = link.life;
                format!("{life} made {fruitless} calls of {action} in a second that did nothing; {allowed} may be")
            });
        }
    }

    /// What the answer to a batch says to its process.
    pub(crate) fn hears(&self, link: &Link, bodies: impl IntoIterator<Item = String>) {
        let mut state = self.lock();
        for body in bodies {
            state.heard.insert((link.life, body));
        }
    }

    fn accepts(&self, queue: &str, message_id: &str, body: &str) {
        self.note(format_args!("SQS accepts {body:.80} on {queue}"));
        let now = self.0.time.now();
        let mut state = self.lock();
        if state.deleted_queues.contains(queue) {
            drop(state);
            self.fault(Fault::Vanished);
            return;
        }
        if let Some(facts) = state.requests.get_mut(body) {
            facts.accepted = Some(now);
        }
        // A FIFO queue answers a duplicate with the id of the message that it has.
        // The id of another message, and this one would be lost.
        let known = state.accepted.get(message_id);
        let known = known.is_some_and(|known| known.body == body);
        if let Some(facts) = state.messages.get_mut(body).filter(|_| !known) {
            facts.accepted += 1;
            facts.accepted_at = now;
        }
        let accepted = Accepted {
            queue: queue.to_owned(),
            body: body.to_owned(),
            latest_receipt: String::new(),
            hidden_until: Duration::ZERO,
        };
        // A FIFO queue accepts a repetition under the id of the first, which may be in somebody's hands by now.
        state
            .accepted
            .entry(message_id.to_owned())
            .or_insert(accepted);
    }

    fn delivers(
        &self,
        link: &Link,
        meant: &Meant,
        message: &local_sqs::engine::api::outputs::Message,
    ) {
        let now = self.0.time.now();
        self.note(format_args!(
            "SQS delivers {:.80} of {} to {}",
            message.body, meant.queue, link.life
        ));
        let mut state = self.lock();
        let (receipt, id) = (message.receipt_handle.clone(), message.message_id.clone());
        state.receipts.insert(receipt.clone(), id.clone());
        state.rates.delivery(link.life, now);
        if let Some(facts) = state.requests.get_mut(&*message.body) {
            facts.received += 1;
            // Each delivery is answered, a duplicate out of the reply store.
            state.rates.reply(link.life, now);
        }
        if message.body.starts_with('u') && !self.0.leniency.duplicates {
            let times = state.strange.entry(id.clone()).or_default();
            *times += 1;
            // Five come soon, for a dead-letter queue; the wait grows after that.
            let (times, most) = (*times, 9 + now.as_secs() / 8);
            self.checked(
                &mut state,
                Check::NoSpinning,
                u64::from(times) <= most,
                || format!("{} was delivered {times} times by now", message.body),
            );
        }
        let Some(accepted) = state.accepted.get_mut(&id) else {
            return;
        };
        let twice = now < accepted.hidden_until;
        accepted.latest_receipt = receipt;
        accepted.hidden_until = now + meant.visibility;
        if !state.delivered.insert(message.body.clone()) {
            state.counts(link.life, now).copies += 1;
        }
        drop(state);
        if twice {
            self.is_duplicate();
        }
    }

    fn deletes(&self, link: &Link, message_id: &str, newest: bool) {
        let now = self.0.time.now();
        let mut state = self.lock();
        let Some(accepted) = state.accepted.get(message_id).cloned() else {
            return;
        };
        let body = &accepted.body;
        self.note(format_args!(
            "{} deletes {body:.80} on {}",
            link.life, accepted.queue
        ));
        if let Some(right) = state.may_be_deleted(body, now, self.0.leniency.dates_ahead) {
            self.checked(&mut state, Check::NotDropped, right, || {
                format!(
                    "{} deletes {body}, which was neither handled nor has expired",
                    link.life
                )
            });
        }
        if let Some(facts) = state.messages.get_mut(body) {
            let asked = facts.asked_delete;
            facts.deleted |= newest;
            self.checked(&mut state, Check::NotDeletedUnasked, asked, || {
                format!(
                    "{} deletes {body}, and its user has not asked for that",
                    link.life
                )
            });
        }
    }
}

impl State {
    fn counts(&mut self, life: LifeId, now: Duration) -> &mut Counts {
        let bucket = now.as_secs() / BUCKET;
        self.calls.entry((life.process, bucket)).or_default()
    }
}

/// A walk makes so many calls without a pause, and five a second after that: all of them in vain where a list is stale.
const fn walked(action: Action) -> usize {
    match action {
        Action::ListQueueTags | Action::DeleteQueue => 16 + 5,
        _ => 0,
    }
}

impl Rates {
    /// The user does something, at this true time.
    pub(super) fn operation(&mut self, life: LifeId, now: Duration) {
        let times = self.operations.entry(life).or_default();
        forget(times, now, REMEMBERED);
        times.push_back(now);
    }

    /// SQS hands a request to a responder, which will send a reply.
    fn reply(&mut self, life: LifeId, now: Duration) {
        self.operation(life, now);
        let times = self.replies.entry(life).or_default();
        forget(times, now, LONGEST_WAIT);
        times.push_back(now);
    }

    /// SQS hands out a message, which is to be deleted.
    fn delivery(&mut self, life: LifeId, now: Duration) {
        let times = self.deliveries.entry(life).or_default();
        forget(times, now, DELETED);
        times.push_back(now);
    }

    /// How many calls of one action may be fruitless in a second.
    fn allowed(&mut self, life: LifeId, action: Action, now: Duration) -> usize {
        let operations = self.operations.entry(life).or_default();
        forget(operations, now, REMEMBERED);
        let replies = self.replies.entry(life).or_default();
        forget(replies, now, LONGEST_WAIT);
        let deliveries = self.deliveries.entry(life).or_default();
        forget(deliveries, now, DELETED);
        let deletes = match action {
            Action::DeleteMessage | Action::DeleteMessageBatch => PER_DELIVERY * deliveries.len(),
            _ => 0,
        };
        IDLE_CALLS + PER_OPERATION * operations.len() + replies.len() / REPLIES_PER_CALL + deletes
    }

    fn fruitless(&mut self, life: LifeId, action: Action, now: Duration) -> usize {
        let times = self.fruitless.entry((life, action)).or_default();
        times.push_back(now);
        forget(times, now, SECOND);
        times.len()
    }
}

fn forget(times: &mut VecDeque<Duration>, now: Duration, after: Duration) {
    while times.front().is_some_and(|at| *at + after < now) {
        times.pop_front();
    }
}
