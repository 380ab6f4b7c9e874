//! One batch call: sends a batch, gives each caller its own answer, and returns the entries that must be retried.

use std::collections::HashSet;
use std::sync::Arc;

use sqs_rpc_protocol::HostQueueUrl;
use tokio::sync::oneshot;

use super::coalescer::{Again, Ticket};
use super::context::OutboxContext;
use super::entry::OutboxEntry;
use super::kind::{BatchAnswer, Kind};
use crate::mutant;
use crate::stats::Counter;
use crate::{Delivery, Fault, FaultKind};

/// The maximum number of attempts of an entry that SQS reports as failed temporarily.
const MAX_ATTEMPTS: u32 = 3;

/// The entries that must be retried after a call.
pub(super) type Returned<K> = Vec<(Ticket, OutboxEntry<K>, Again)>;

pub(super) struct BatchCall<K: Kind> {
    context: Arc<OutboxContext>,
    queue: HostQueueUrl,
    batch: Vec<(Ticket, OutboxEntry<K>)>,
    done: oneshot::Sender<Returned<K>>,
}

impl<K: Kind> BatchCall<K> {
    pub(super) const fn new(
        context: Arc<OutboxContext>,
        queue: HostQueueUrl,
        batch: Vec<(Ticket, OutboxEntry<K>)>,
        done: oneshot::Sender<Returned<K>>,
    ) -> Self {
        Self {
            context,
            queue,
            batch,
            done,
        }
    }

    pub(super) async fn run(mut self) {
        let ids = (0..).map(|index: usize| index.to_string());
        let entries = self
            .batch
            .iter()
            .zip(ids)
            .map(|((_, entry), id)| K::entry(&entry.input, id))
            .collect();
        for (_, entry) in &mut self.batch {
            entry.goes_out();
        }
        let answer = tokio::select! {
            biased;
            answer = K::call(&self.context.sqs, &self.queue, entries) => answer,
            // Each entry answers its caller in its `Drop`.
            () = self.context.given_up.cancelled() => return,
        };
        let again = match answer {
            Ok(answer) => sort(
                &self.context,
                K::is_ordered(&self.queue),
                self.batch,
                answer,
            ),
            Err(fault) => refused(self.batch, &fault),
        };
        // If the worker is gone, the entries in `again` answer their callers in their `Drop`.
        drop(self.done.send(again));
    }
}

/// The call failed as a whole. If one entry may have caused the failure, each entry is sent alone, so that only that
/// entry's caller gets the fault.
fn refused<K: Kind>(batch: Vec<(Ticket, OutboxEntry<K>)>, fault: &Fault) -> Returned<K> {
    if batch.len() > 1 && fault.blames_content() && !mutant!("one-guilty-all-punished") {
        let alone = |(ticket, mut entry): (Ticket, OutboxEntry<K>)| {
            entry.came_back();
            (ticket, entry, Again::Alone)
        };
        return batch.into_iter().map(alone).collect();
    }
    for (_, entry) in batch {
        entry.answer(Err(fault.clone()));
    }
    Vec::new()
}

/// Answers each entry with its own result, and returns the entries that must be retried.
fn sort<K: Kind>(
    context: &OutboxContext,
    ordered: bool,
    batch: Vec<(Ticket, OutboxEntry<K>)>,
    answer: BatchAnswer<K::Output>,
) -> Returned<K> {
    let results = answer.by_entry(K::ACTION, batch.len());
    // In reverse order, so that the groups of later entries that SQS accepted are already known.
    let mut overtaken = HashSet::new();
    let mut again = Vec::new();
    let all_again =
        mutant!("all-ten-again") && results.iter().any(|result| matches!(result, Some(Err(_))));
    for ((ticket, mut entry), result) in batch.into_iter().zip(results).rev() {
        match result {
            Some(_) if all_again && entry.backoff.failures() + 1 < MAX_ATTEMPTS => {
                entry.backoff.failed(context.sqs.random());
                again.push((ticket, entry, Again::Alone));
            }
            Some(Ok(output)) => {
                if ordered {
                    overtaken.extend(K::group(&entry.input).map(str::to_owned));
                }
                let checked = K::check(&entry.input, &output);
                entry.answer(checked.map(|()| output));
            }
            Some(Err(fault)) => {
                let late = K::group(&entry.input).is_some_and(|group| overtaken.contains(group));
                if late || !fault.is_temporary() || entry.backoff.failures() + 1 >= MAX_ATTEMPTS {
                    entry.answer(Err(fault));
                    continue;
                }
                let wait = entry.backoff.failed(context.sqs.random());
                again.push((
                    ticket,
                    entry,
                    Again::After(context.sqs.clock().now() + wait),
                ));
            }
            None => {
                context.sqs.counters().count(Counter::EntriesUnanswered);
                entry.answer(Err(Fault::local(
                    K::ACTION,
                    FaultKind::Unreadable,
                    Delivery::Unknown,
                    Unanswered,
                )));
            }
        }
    }
    again
}

/// SQS's answer listed the entry neither as successful nor as failed.
#[derive(Debug, thiserror::Error)]
#[error("the answer does not mention this entry")]
struct Unanswered;
