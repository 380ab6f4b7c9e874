//! Messages of virtual queues: I2 and I3 for them, and what a delete means.
//!
//! A message's body is its name: `v<host>/<queue>-<number>`. Those of which SQS is given two with the same body begin
//! with `e`, and are counted only.

use std::time::Duration;

use aws_sdk_sqs::types::Message;

use super::{Oracle, requests};
use crate::coverage::{Check, Fault};
use crate::network::Link;

/// The body of messages that all have the same.
pub const EQUAL: &str = "equal";

/// What the oracle calls those of one queue.
#[must_use]
pub fn equal_name(queue: &str) -> String {
    format!("e{queue}-{EQUAL}")
}

#[derive(Debug, Default)]
pub(super) struct MessageFacts {
    /// How often SQS accepted it.
    pub(super) accepted: u32,
    /// When SQS accepted it last, in true time.
    pub(super) accepted_at: Duration,
    /// How many of them were received by the user of its queue.
    pub(super) received: u32,
    /// The user has asked for its deletion.
    pub(super) asked_delete: bool,
    /// The deletion took effect.
    pub(super) deleted: bool,
}

impl Oracle {
    /// A user sends a message to a virtual queue.
    pub fn sends(&self, link: &Link, body: &str) {
        self.note(format_args!("{} sends {body}", link.life));
        let mut state = self.lock();
        state.messages.entry(body.to_owned()).or_default();
    }

    /// The user of a virtual queue receives a message from it. `queue` is `<host>/<queue>`.
    pub fn receives(&self, link: &Link, queue: &str, message: &Message) {
        let named = (message.body() == Some(EQUAL)).then(|| equal_name(queue));
        let body = named.as_deref().or(message.body()).unwrap_or_default();
        self.note(format_args!("{} receives {body} from {queue}", link.life));
        let now = self.0.time.now();
        let mut state = self.lock();
        self.checked(
            &mut state,
            Check::NotCorrupted,
            !requests::is_changed(body),
            || format!("{queue} received {body}"),
        );
        let body = requests::unchanged(body);
        let own = body
            .get(1..)
            .and_then(|rest| rest.rsplit_once('-'))
            .is_some_and(|(to, _)| to == queue);
        self.checked(&mut state, Check::OwnMessages, own, || {
            format!("{queue} received {body}")
        });
        let receipt = message.receipt_handle();
        if let Some(receipt) = receipt.and_then(|handle| state.receipts.get(handle)) {
            let (given, until) = (receipt.given, receipt.hidden_until);
            // Whoever stands still cannot look at the time.
            let slept = state.conditions.slept_since(link.life.process, given);
            self.asked(&mut state, Check::StillHidden, slept, now < until, || {
                format!(
                    "{body} was handed out {:?} after its visibility ended",
                    now.saturating_sub(until)
                )
            });
        }
        // A copy that SQS delivered while it hid the message may be in a buffer when the message is deleted.
        let accepted = message.message_id().and_then(|id| state.accepted.get(id));
        let duplicated = accepted.is_some_and(|accepted| accepted.duplicated);
        let Some(facts) = state.messages.get_mut(body) else {
            return;
        };
        facts.received += 1;
        let took = now.saturating_sub(facts.accepted_at);
        let again = facts.deleted && facts.accepted <= 1;
        if let Some(most) = self.0.promises.prompt {
            self.checked(&mut state, Check::NotStarved, took <= most, || {
                format!("{body} was received {took:?} after it was sent")
            });
        }
        if body.starts_with('v') {
            self.asked(
                &mut state,
                Check::NotAfterDelete,
                duplicated,
                !again,
                || format!("{body} was received after it was deleted"),
            );
        }
    }

    /// SQS has done what the user said of a message: it is hidden for so long, or deleted.
    pub fn has_the_word(&self, receipt: &str, hidden: Option<Duration>) {
        self.lock().words.insert(receipt.to_owned(), hidden);
    }

    /// At the end of a run: each last word has held, else a later change would have been seen.
    pub fn looks_at_words(&self) {
        let mut state = self.lock();
        for _ in 0..state.words.len() {
            self.checked(&mut state, Check::LastWord, true, String::new);
        }
    }

    /// The user takes his word back: he is about to say something else.
    pub fn takes_back(&self, receipt: &str) {
        self.lock().words.remove(receipt);
    }

    /// The user asks to delete what it has received.
    pub fn asks_to_delete(&self, queue: &str, message: &Message) {
        let named = (message.body() == Some(EQUAL)).then(|| equal_name(queue));
        let body = named.as_deref().or(message.body()).unwrap_or_default();
        let body = requests::unchanged(body);
        if let Some(facts) = self.lock().messages.get_mut(body) {
            facts.asked_delete = true;
        }
    }

    /// At the end of a run: every message that SQS accepted for a queue in `used` (`<host>/<queue>`) was received.
    pub fn looks_at_messages(&self, used: impl Fn(&str) -> bool) {
        let mut state = self.lock();
        let of_used: Vec<_> = state
            .messages
            .iter()
            .filter(|(body, facts)| {
                let queue = body.get(1..).and_then(|rest| rest.rsplit_once('-'));
                facts.accepted > 0 && queue.is_some_and(|(queue, _)| used(queue))
            })
            .map(|(body, facts)| {
                // Of two with the same body both must come.
                let least = if body.starts_with('e') {
                    facts.accepted
                } else {
                    1
                };
                (body.clone(), facts.received >= least, facts.received)
            })
            .collect();
        for (body, all, received) in of_used {
            self.checked(&mut state, Check::AllReceived, all, || {
                format!("{body} was accepted, and received {received} times")
            });
        }
    }

    /// Counts a message that comes although it is hidden, or a copy that comes late.
    pub(super) fn is_duplicate(&self) {
        self.fault(Fault::Duplicate);
    }
}
