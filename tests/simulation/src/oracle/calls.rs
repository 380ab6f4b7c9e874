//! The calls of processes and their effects in SQS: acceptance, delivery, deletion, and I7.

use std::time::Duration;

use local_sqs::engine::{Action, ErrorKind, Output, Request, SqsError};
use sqs_rpc_protocol::names;

use super::Oracle;
use super::facts::{Accepted, BUCKET, Counts, Receipt, State, Strange};
use super::leases::LeaseCall;
use super::messages::{EQUAL, equal_name};
use super::replies::{Sent, return_address};
use crate::coverage::{Check, Fault};
use crate::exchange::Exchange;
use crate::link::Link;
use crate::process::LifeId;

/// The maximum number of calls of one action that may fail, or return nothing, in a second. It does not depend on the load,
/// because attempts wait for each other and are batched.
const FRUITLESS: usize = 60;

/// The shortest visibility timeout of a responder here, in seconds.
const SHORTEST_VISIBILITY: u64 = 10;

/// The intended effects of a call, looked up before it takes effect.
#[derive(Debug, Default)]
pub(crate) struct Meant {
    /// The queue's name.
    queue: String,
    sends: Vec<Sent>,
    /// The entry id and the message id of each delete, and whether it uses the message's newest receipt handle.
    deletes: Vec<(String, String, bool)>,
    /// The message ids of visibility changes, and the new visibility timeouts.
    hides: Vec<(String, Duration)>,
    /// The receipt handles of these changes.
    hidden_by: Vec<String>,
    visibility: Duration,
    deletes_queue: bool,
    lease: LeaseCall,
}

impl Oracle {
    /// Another program has sent a message to a queue.
    pub(crate) fn is_put(&self, message_id: &str, body: &str) {
        let strange = Strange {
            body: body.to_owned(),
            times: 0,
            first: None,
            hidden_until: Duration::ZERO,
        };
        self.lock().strange.insert(message_id.to_owned(), strange);
    }

    /// A process makes a call. `again`: whether it is a retry of the SDK.
    pub(crate) fn sets_out(&self, link: &Link, request: &Request, again: bool) -> u64 {
        let action = request.action();
        let now = self.0.time.now();
        let mut state = self.lock();
        state.call_numbers += 1;
        let number = state.call_numbers;
        if action == Action::ReceiveMessage {
            let queue = (link.life, name_in(request).to_owned());
            if let Some(text) = state.given_up.remove(&queue) {
                self.checked(&mut state, Check::PollNotAborted, false, || text);
            }
        }
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
                    format!(
                        "{} sends {body} again after the answer that SQS has accepted {body}",
                        link.life
                    )
                });
            }
        }
        drop(state);
        self.lease_sets_out(link, request);
        self.note(format_args!("{} calls {action} #{number}", link.life));
        number
    }

    /// A process has given a poll up after `waited`. Before `due` this is allowed only if the process has no more use for the
    /// queue, because it deletes the queue or the queue is gone: the next poll of the queue by the same life is the violation.
    pub(crate) fn gives_poll_up(
        &self,
        link: &Link,
        request: &Request,
        waited: Duration,
        due: Duration,
    ) {
        let mut state = self.lock();
        if waited < due {
            let text = format!(
                "{}: a poll was given up after {waited:?}, expected at least {due:?}, and the queue is polled again",
                link.life
            );
            let queue = (link.life, name_in(request).to_owned());
            state.given_up.insert(queue, text);
        } else {
            self.checked(&mut state, Check::PollNotAborted, true, String::new);
        }
    }

    /// The intended effects of a request that has reached SQS.
    pub(crate) fn understands(&self, link: &Link, request: &Request) -> Meant {
        let mut meant = Meant {
            queue: name_in(request).to_owned(),
            ..Meant::default()
        };
        meant.lease = LeaseCall::of(request, &meant.queue);
        let mut locked = self.lock();
        let state = &mut *locked;
        self.checked(state, Check::Understood, is_known(request), || {
            format!(
                "{} calls {}, which the oracle does not know",
                link.life,
                request.action()
            )
        });
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut delete = |id: &Option<String>, handle: &Option<String>| {
            let handle = text(handle);
            if let Some(Receipt { message, .. }) = state.receipts.get(&handle) {
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
                    let attributes = entry.message_attributes.as_ref();
                    let attribute = |name: &str| attributes.and_then(|all| all.get(name));
                    let to = attribute(names::VIRTUAL_QUEUE_NAME);
                    let to = to.and_then(|name| name.string_value.as_deref());
                    let name = match (body, to) {
                        (EQUAL, Some(to)) => equal_name(&format!("{}/{to}", meant.queue)),
                        _ => body.to_owned(),
                    };
                    meant.sends.push(Sent {
                        id: text(&entry.id),
                        body: name,
                        to: to.map(str::to_owned),
                        reply_to: return_address(attribute),
                    });
                }
            }
            Request::DeleteMessageBatch(batch) => {
                for entry in batch.entries.iter().flatten() {
                    delete(&entry.id, &entry.receipt_handle);
                }
            }
            Request::ChangeMessageVisibilityBatch(batch) => {
                for entry in batch.entries.iter().flatten() {
                    if let Some(Receipt { message, .. }) =
                        state.receipts.get(&text(&entry.receipt_handle))
                    {
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
        for sent in &meant.sends {
            self.knows(state, link, &meant.queue, sent);
            if let Some(address) = sent.reply_to.clone() {
                state.replies.expect(address, &sent.body);
            }
        }
        meant
    }

    /// A request has taken effect.
    pub(crate) fn took_effect(&self, link: &Link, meant: Meant, result: &Result<Output, SqsError>) {
        self.lease_effect(link, &meant.lease, result.is_ok());
        match result {
            Ok(Output::SentBatch(batch)) => {
                let sent = |id: &str| meant.sends.iter().find(|sent| sent.id == id);
                for entry in &batch.successful {
                    if let Some(sent) = sent(&entry.id) {
                        self.accepts(&meant.queue, &entry.sent.message_id, sent);
                    }
                }
                let mut state = self.lock();
                let refused = batch.failed.iter().filter(|entry| entry.sender_fault);
                for sent in refused.filter_map(|entry| sent(&entry.id)) {
                    state.replies.settle(&meant.queue, sent.to.as_deref());
                }
            }
            Err(error) if !meant.sends.is_empty() => {
                let mut state = self.lock();
                match error.kind() {
                    ErrorKind::QueueDoesNotExist => {
                        state.replies.is_missing(link.life, &meant.queue);
                    }
                    // For example a reply that is too large.
                    _ => meant.sends.iter().for_each(|sent| {
                        state.replies.settle(&meant.queue, sent.to.as_deref());
                    }),
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
                    if let Some(word) = state.words.get(receipt).copied()
                        && word != Some(*hidden)
                    {
                        self.checked(&mut state, Check::LastWord, false, || {
                            let life = link.life;
                            format!(
                                "{life} hides a message for {hidden:?} after its user's last call, which set {word:?}"
                            )
                        });
                    }
                }
                for (receipt, (message, hidden)) in meant.hidden_by.iter().zip(&meant.hides) {
                    if let Some(receipt) = state.receipts.get_mut(receipt) {
                        receipt.hidden_until = now + *hidden;
                    }
                    if let Some(accepted) = state.accepted.get_mut(message) {
                        accepted.hidden_until = now + *hidden;
                    }
                    if let Some(strange) = state.strange.get_mut(message) {
                        strange.hidden_until = now + *hidden;
                    }
                    if hidden.is_zero() {
                        state.servers.lets_go(link.life, message, now);
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
        if let Ok(Output::Messages(received)) = &exchange.result {
            for message in &received.messages {
                state.servers.receives(link.life, &message.message_id, now);
            }
        }
        if action == Action::ReceiveMessage && state.asks(link.life) {
            // The poll was not aborted although its last waiter has left.
            self.checked(&mut state, Check::PollNotAborted, true, String::new);
        }
        let polled = action == Action::ReceiveMessage && exchange.result.is_ok();
        // A poll without a wait time that returns nothing is fruitless, too.
        let in_vain = polled && brought == 0 && (took < wait / 2 || wait.is_zero());
        if exchange.result.is_err() || in_vain {
            let allowed = FRUITLESS + walked(action);
            let fruitless = state.rates.fruitless(link.life, action, now);
            self.checked(&mut state, Check::NoHotLoop, fruitless <= allowed, || {
                let life = link.life;
                format!("{life} made {fruitless} fruitless calls of {action} in a second, expected at most {allowed}")
            });
        }
    }

    /// A process has received the answer that SQS has accepted these sends.
    pub(crate) fn hears(&self, link: &Link, bodies: impl IntoIterator<Item = String>) {
        let mut state = self.lock();
        for body in bodies {
            state.heard.insert((link.life, body));
        }
    }

    fn accepts(&self, queue: &str, message_id: &str, sent: &Sent) {
        let body = &*sent.body;
        self.note(format_args!("SQS accepts {body:.80} on {queue}"));
        let now = self.0.time.now();
        let mut state = self.lock();
        state.replies.settle(queue, sent.to.as_deref());
        if state.deleted_queues.contains(queue) {
            drop(state);
            self.fault(Fault::Vanished);
            return;
        }
        if let Some(facts) = state.requests.get_mut(body) {
            facts.accepted = Some(now);
            facts.copies.push(message_id.to_owned());
        }
        // A FIFO queue answers a duplicate with the id of the first message. If that message has another body, this one is
        // lost, and so it must be counted as accepted.
        let known = state.accepted.get(message_id);
        let known = known.is_some_and(|known| known.body == body);
        if let Some(facts) = state.messages.get_mut(body).filter(|_| !known) {
            facts.accepted += 1;
            facts.accepted_at = now;
        }
        let accepted = Accepted {
            queue: queue.to_owned(),
            body: body.to_owned(),
            at: now,
            latest_receipt: String::new(),
            hidden_until: Duration::ZERO,
            duplicated: false,
        };
        // Does not replace an entry: a FIFO queue accepts a duplicate under the id of the first message, which may be in
        // flight now.
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
        let given = Receipt {
            message: id.clone(),
            given: now,
            hidden_until: now + meant.visibility,
        };
        state.receipts.insert(receipt.clone(), given);
        state.servers.is_handed_out(&id);
        if let Some(facts) = state.requests.get_mut(&*message.body) {
            facts.received += 1;
        }
        if let Some(facts) = state.messages.get_mut(&*message.body)
            && facts.deleted == Some(now)
        {
            // SQS served the receive first, at the same instant, so the delete had an old receipt handle.
            facts.deleted = None;
        }
        let Some(accepted) = state.accepted.get_mut(&id) else {
            drop(state);
            return self.delivers_strange(link, meant, message);
        };
        let twice = now < accepted.hidden_until;
        accepted.latest_receipt = receipt;
        accepted.hidden_until = now + meant.visibility;
        accepted.duplicated |= twice;
        if !state.delivered.insert(message.body.clone()) {
            state.counts(link.life, now).copies += 1;
        }
        drop(state);
        if twice {
            self.is_duplicate();
        }
    }

    /// SQS delivers a message of another program.
    fn delivers_strange(
        &self,
        link: &Link,
        meant: &Meant,
        message: &local_sqs::engine::api::outputs::Message,
    ) {
        let now = self.0.time.now();
        let process = link.life.process;
        let mut state = self.lock();
        let state = &mut *state;
        let strange = state.strange.get_mut(&message.message_id);
        let known = strange.is_some();
        self.checked(state, Check::Understood, known, || {
            format!(
                "SQS delivers {:.80} of {}, which was never sent",
                message.body, meant.queue
            )
        });
        let Some(strange) = state.strange.get_mut(&message.message_id) else {
            return;
        };
        let twice = now < strange.hidden_until;
        strange.hidden_until = now + meant.visibility;
        if !message.body.starts_with('u') {
            return;
        }
        strange.times += u32::from(!twice);
        let (times, first) = (strange.times, *strange.first.get_or_insert(now));
        // While changes of visibility fail, the message is redelivered after the visibility timeout.
        let trouble = state.conditions.trouble_since(process, first, now);
        let most = most_deliveries(now - first)
            + KILLED_WITH_IT
            + (trouble.as_secs() / SHORTEST_VISIBILITY) as u32;
        self.asked(state, Check::NoSpinning, twice, times <= most, || {
            format!(
                "{} was delivered {times} times in {:?}, expected at most {most}",
                message.body,
                now - first
            )
        });
    }

    fn deletes(&self, link: &Link, message_id: &str, newest: bool) {
        let now = self.0.time.now();
        let mut state = self.lock();
        state.servers.lets_go(link.life, message_id, now);
        if let Some(strange) = state.strange.get(message_id).cloned() {
            // A message that cannot be decoded and has no return address must go to the dead-letter queue.
            let right = !strange.body.starts_with('u');
            return self.checked(&mut state, Check::NotDropped, right, || {
                format!(
                    "{} deletes {}, which it could not decode",
                    link.life, strange.body
                )
            });
        }
        let Some(accepted) = state.accepted.get(message_id).cloned() else {
            return;
        };
        let body = &accepted.body;
        self.note(format_args!(
            "{} deletes {body:.80} on {}",
            link.life, accepted.queue
        ));
        if let Some(right) = state.may_be_deleted(link.life, body, now) {
            self.checked(&mut state, Check::NotDropped, right, || {
                format!(
                    "{} deletes {body}, whose requester waits for a reply that SQS has not accepted",
                    link.life
                )
            });
        }
        if let Some(facts) = state.messages.get_mut(body) {
            let asked = facts.asked_delete;
            if newest {
                facts.deleted.get_or_insert(now);
            }
            self.checked(&mut state, Check::NotDeletedUnasked, asked, || {
                format!(
                    "{} deletes {body} although its user has not deleted it",
                    link.life
                )
            });
        }
    }
}

impl State {
    /// Whether a life has sent requests before, and none is pending now.
    fn asks(&self, life: LifeId) -> bool {
        let begins = format!("q{life}-");
        let first = |bodies: &mut dyn Iterator<Item = &String>| {
            bodies.next().is_some_and(|body| body.starts_with(&begins))
        };
        let asked = first(&mut self.requests.range(begins.clone()..).map(|(body, _)| body));
        asked && !first(&mut self.pending.range(begins.clone()..))
    }

    fn counts(&mut self, life: LifeId, now: Duration) -> &mut Counts {
        let bucket = now.as_secs() / BUCKET;
        self.calls.entry((life.process, bucket)).or_default()
    }
}

/// The name of the queue of a call.
fn name_in(request: &Request) -> &str {
    let name = request.queue_url().and_then(|url| url.rsplit('/').next());
    name.unwrap_or_default()
}

/// The number of extra deliveries that are allowed because a responder was killed, or lost an answer, while it held the
/// message.
const KILLED_WITH_IT: u32 = 10;

/// The maximum number of deliveries of an undecodable message in this time after its first delivery: five soon, for a
/// dead-letter queue, then after waits that double from 10 s on. Two more for a lost answer and for a message that was put
/// back.
fn most_deliveries(time: Duration) -> u32 {
    let waits = time.as_secs() / 10 + 1;
    5 + 2 + (waits + 1).ilog2()
}

/// Whether the oracle knows the effects of this call. It knows batches only, so other calls would be missed.
const fn is_known(request: &Request) -> bool {
    matches!(
        request,
        Request::SendMessageBatch(_)
            | Request::DeleteMessageBatch(_)
            | Request::ChangeMessageVisibilityBatch(_)
            | Request::ReceiveMessage(_)
            | Request::CreateQueue(_)
            | Request::DeleteQueue(_)
            | Request::TagQueue(_)
            | Request::ListQueues(_)
            | Request::ListQueueTags(_)
            | Request::GetQueueAttributes(_)
    )
}

/// The number of additional fruitless calls for a walk over a stale list: 16 without a pause, and five a second after that.
const fn walked(action: Action) -> usize {
    match action {
        Action::ListQueueTags | Action::DeleteQueue => 16 + 5,
        _ => 0,
    }
}
