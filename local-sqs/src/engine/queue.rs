//! One queue: its settings, its messages, and its waiting polls.

use super::api::requests;
use super::attempts::Attempts;
use super::contents;
use super::deduplication::Deduplication;
use super::filter::Filter;
use super::name::QueueName;
use super::queue_attributes::QueueAttributes;
use super::store::Store;
use super::tag_history::TagHistory;
use super::{SqsError, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A queue's number: a queue that is deleted and created again gets another number.
pub(super) type QueueId = u64;

/// A waiting long poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PollId(pub(super) u64);

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: QueueName,
    pub(super) settings: QueueAttributes,
    pub(super) tags: TagHistory,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Until this time, calls do not find the queue.
    pub(super) settled: Timestamp,
    pub(super) purged: Option<Timestamp>,
    pub(super) store: Store,
    /// Empty in a standard queue.
    pub(super) deduplication: Deduplication,
    /// Empty in a standard queue.
    pub(super) attempts: Attempts,
    /// Waiting polls, in order of arrival. The engine removes a poll when it ends.
    pub(super) waiting: BTreeSet<PollId>,
}

impl Queue {
    pub(super) fn new(
        name: QueueName,
        settings: QueueAttributes,
        tags: BTreeMap<String, String>,
        now: Timestamp,
        settling: Duration,
    ) -> Self {
        let store = Store::new(settings.fifo);
        Self {
            name,
            settings,
            tags: TagHistory::new(tags),
            created: now,
            modified: now,
            settled: now.plus(settling),
            purged: None,
            store,
            deduplication: Deduplication::default(),
            attempts: Attempts::default(),
            waiting: BTreeSet::new(),
        }
    }

    /// Updates the messages to `now`.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.store.advance(now, self.settings.retention());
    }

    /// The next time at which [`advance`](Self::advance) has something to do.
    pub(super) fn next_event(&self) -> Option<Timestamp> {
        self.store.next_event(self.settings.retention())
    }
}

/// The checked parameters of a receive.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    pub(super) most: usize,
    pub(super) visibility: Duration,
    pub(super) wait: Duration,
    pub(super) system_attributes: Filter,
    pub(super) attributes: Filter,
    /// The caller's id of this receive attempt, if the receive may be repeated.
    pub(super) attempt: Option<Arc<str>>,
}

impl Demand {
    pub(super) fn new(
        request: &requests::ReceiveMessage,
        settings: &QueueAttributes,
    ) -> Result<Self, SqsError> {
        let most = request.max_number_of_messages.unwrap_or(1);
        if !(1..=10).contains(&most) {
            return Err(SqsError::invalid_value(
                most,
                "MaxNumberOfMessages",
                "Must be between 1 and 10, if provided.",
            ));
        }
        let visibility = request
            .visibility_timeout
            .unwrap_or(settings.visibility_seconds.into());
        if !(0..=43_200).contains(&visibility) {
            return Err(SqsError::invalid_value(
                visibility,
                "VisibilityTimeout",
                "Must be >= 0 and <= 43200, if provided.",
            ));
        }
        let wait = request
            .wait_time_seconds
            .unwrap_or(settings.receive_wait_seconds.into());
        if !(0..=20).contains(&wait) {
            return Err(SqsError::invalid_value(
                wait,
                "WaitTimeSeconds",
                "Must be >= 0 and <= 20, if provided.",
            ));
        }
        let names = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        let mut system = names(&request.attribute_names);
        system.extend(names(&request.message_system_attribute_names));
        Ok(Self {
            most: most as usize,
            visibility: Duration::from_secs(visibility as u64),
            wait: Duration::from_secs(wait as u64),
            system_attributes: Filter::of_system_attributes(system)?,
            attributes: Filter::of_attributes(names(&request.message_attribute_names)),
            attempt: attempt(request.receive_request_attempt_id.as_deref(), settings)?,
        })
    }
}

fn attempt(id: Option<&str>, settings: &QueueAttributes) -> Result<Option<Arc<str>>, SqsError> {
    const PARAMETER: &str = "ReceiveRequestAttemptId";
    let Some(id) = id else { return Ok(None) };
    if !settings.fifo {
        let reason = "The request include parameter that is not valid for this queue type.";
        return Err(SqsError::invalid_value(id, PARAMETER, reason));
    }
    contents::check_id(id, PARAMETER)?;
    Ok(Some(id.into()))
}
