//! What processes ask of SQS, and what it does: acceptance, delivery, deletion, and I7.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use local_sqs::engine::{Action, Error, ErrorKind, Output, Request};
use sqs_rpc_protocol::names;

use super::messages::{EQUAL, equal_name};
use super::replies::{Sent, return_address};
use super::{Accepted, LeaseCall, Oracle, Receipt, State};
use crate::coverage::{Check, Fault};
use crate::network::{Exchange, Link};
use crate::process::LifeId;

/// So many calls of one action may fail, or bring nothing, in a second, whatever the load: attempts wait for each other,
/// and go in batches.
const FRUITLESS: usize = 60;
const SECOND: Duration = Duration::from_secs(1);

/// In seconds, the shortest that a responder has here.
const SHORTEST_VISIBILITY: u64 = 10;

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

/// When each life last made calls of each action that did nothing.
#[derive(Debug, Default)]
pub(super) struct Rates(HashMap<(LifeId, Action), VecDeque<Duration>>);

/// What a call means to do, looked up before it takes effect.
#[derive(Debug, Default)]
pub(crate) struct Meant {
    /// The queue's name.
    queue: String,
    sends: Vec<Sent>,
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

/// A message that some other program has put on a queue.
#[derive(Debug, Clone)]
pub(super) struct Strange {
    body: String,
    /// Deliveries, without those of what SQS should hide.
    times: u32,
    first: Option<Duration>,
    hidden_until: Duration,
}

impl Oracle {
    /// Some other program has put a message on a queue.
    pub(crate) fn is_put(&self, message_id: &str, body: &str) {
        let strange = Strange {
            body: body.to_owned(),
            times: 0,
            first: None,
            hidden_until: Duration::ZERO,
        };
        self.lock().strange.insert(message_id.to_owned(), strange);
    }

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
                "{} calls {}, which the oracle does not follow",
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

    /// A request has had its effect.
    pub(crate) fn took_effect(&self, link: &Link, meant: Meant, result: &Result<Output, Error>) {
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
                    // As a reply that is too large.
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
                                "{life} hides a message for {hidden:?}; its user has said {word:?}"
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
            // It was not ended when the last one who waited left, or is needed still.
            self.checked(&mut state, Check::PollNotAborted, true, String::new);
        }
        let polled = action == Action::ReceiveMessage && exchange.result.is_ok();
        // A poll that was told to wait for nothing is in vain, too, when nothing comes.
        let in_vain = polled && brought == 0 && (took < wait / 2 || wait.is_zero());
        if exchange.result.is_err() || in_vain {
            let allowed = FRUITLESS + walked(action);
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
            at: now,
            latest_receipt: String::new(),
            hidden_until: Duration::ZERO,
            duplicated: false,
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

    /// SQS hands out a message of some other program.
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
                "SQS delivers {:.80} of {}, which nobody has sent",
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
        // Where SQS takes no change of its visibility, it comes when that ends.
        let trouble = state.conditions.trouble_since(process, first, now);
        let most = most_deliveries(now - first)
            + KILLED_WITH_IT
            + (trouble.as_secs() / SHORTEST_VISIBILITY) as u32;
        self.asked(state, Check::NoSpinning, twice, times <= most, || {
            format!(
                "{} was delivered {times} times in {:?}",
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
            // What cannot be decoded, and has nobody to be told, is for the dead-letter queue.
            let right = !strange.body.starts_with('u');
            return self.checked(&mut state, Check::NotDropped, right, || {
                format!(
                    "{} deletes {}, which was not decoded",
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
    /// Whether a life has asked, and waits for nothing now.
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

/// The name of the queue that a call is about.
fn name_in(request: &Request) -> &str {
    let name = request.queue_url().and_then(|url| url.rsplit('/').next());
    name.unwrap_or_default()
}

/// So often a responder dies, or loses an answer, with such a message in its hands: it comes again before its time.
const KILLED_WITH_IT: u32 = 10;

/// How often a message that nobody can decode may come in this time after its first delivery: five times soon, for a
/// dead-letter queue, then after waits that double from 10 s on. Two more for an answer that was lost, and for a message
/// that was given back.
fn most_deliveries(time: Duration) -> u32 {
    let waits = time.as_secs() / 10 + 1;
    5 + 2 + (waits + 1).ilog2()
}

/// Whether the oracle follows what this does. It looks at batches only: whoever makes other calls goes unseen.
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

/// A walk makes so many calls without a pause, and five a second after that: all of them in vain where a list is stale.
const fn walked(action: Action) -> usize {
    match action {
        Action::ListQueueTags | Action::DeleteQueue => 16 + 5,
        _ => 0,
    }
}

impl Rates {
    fn fruitless(&mut self, life: LifeId, action: Action, now: Duration) -> usize {
        let times = self.0.entry((life, action)).or_default();
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
