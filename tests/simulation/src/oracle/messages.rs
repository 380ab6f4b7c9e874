//! Messages of virtual queues: I2, I3, and the effects of deletes.
//!
//! A message's body is its name: `v<host>/<queue>-<number>`. Messages that share one body have a name that begins with `e`,
//! and are only counted.

use std::time::Duration;

use aws_sdk_sqs::types::Message;

use super::{Oracle, requests};
use crate::coverage::{Check, Fault};
use crate::link::Link;

/// The body of messages that all have the same body.
pub const EQUAL: &str = "equal";

/// The oracle's name for the messages with equal bodies of one queue.
#[must_use]
pub fn equal_name(queue: &str) -> String {
    format!("e{queue}-{EQUAL}")
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
            || format!("{queue} received the changed body {body}"),
        );
        let body = requests::unchanged(body);
        let own = body
            .get(1..)
            .and_then(|rest| rest.rsplit_once('-'))
            .is_some_and(|(to, _)| to == queue);
        self.checked(&mut state, Check::OwnMessages, own, || {
            format!("{queue} received {body}, a message of another queue")
        });
        let receipt = message.receipt_handle();
        if let Some(receipt) = receipt.and_then(|handle| state.receipts.get(handle)) {
            let (given, until) = (receipt.given, receipt.hidden_until);
            // A paused process cannot check the time.
            let slept = state.conditions.slept_since(link.life.process, given);
            self.asked(&mut state, Check::StillHidden, slept, now < until, || {
                format!(
                    "{body} was received {:?} after its visibility had ended",
                    now.saturating_sub(until)
                )
            });
        }
        // A duplicate that SQS delivered while the message was hidden may be in a buffer when the message is deleted.
        let accepted = message.message_id().and_then(|id| state.accepted.get(id));
        let duplicated = accepted.is_some_and(|accepted| accepted.duplicated);
        let Some(facts) = state.messages.get_mut(body) else {
            return;
        };
        facts.received += 1;
        let took = now.saturating_sub(facts.accepted_at);
        let again = facts.deleted.is_some() && facts.accepted <= 1;
        if let Some(most) = self.0.promises.prompt {
            self.checked(&mut state, Check::NotStarved, took <= most, || {
                format!(
                    "{body} was received {took:?} after SQS accepted it, expected at most {most:?}"
                )
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

    /// SQS has carried out the user's last call for a message: it is hidden for this time, or deleted (`None`).
    pub fn has_the_word(&self, receipt: &str, hidden: Option<Duration>) {
        self.lock().words.insert(receipt.to_owned(), hidden);
    }

    /// At the end of a run: counts a check for each user's last call, because a later change would have been a violation.
    pub fn looks_at_words(&self) {
        let mut state = self.lock();
        for _ in 0..state.words.len() {
            self.checked(&mut state, Check::LastWord, true, String::new);
        }
    }

    /// The user is about to make another call for a message, so the last one no longer counts.
    pub fn takes_back(&self, receipt: &str) {
        self.lock().words.remove(receipt);
    }

    /// The user deletes a message that it has received.
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
                // All messages with equal bodies must be received.
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
                format!("{body} was accepted but received only {received} times")
            });
        }
    }

    /// Counts a message that is delivered although it is hidden.
    pub(super) fn is_duplicate(&self) {
        self.fault(Fault::Duplicate);
    }
}
