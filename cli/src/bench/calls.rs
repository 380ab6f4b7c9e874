//! Counts the calls of a contestant: calls, entries and billed calls, by action.
//!
//! Owns: the count. An interceptor of the SDK counts, so that the calls of every contestant are counted in the same
//! way, on any server. Does not own: the price of a call (`outcome.rs`). Invariant: attempts are counted, not
//! operations, because SQS charges a call that the SDK retries twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use aws_sdk_sqs::operation::delete_message_batch::DeleteMessageBatchInput;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageOutput;
use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchInput;
use aws_sdk_sqs::types::{Message, SendMessageBatchRequestEntry};
use aws_smithy_runtime_api::client::interceptors::context::Input;
use sqs_rpc::transport::message_size;

/// SQS charges each 64 KiB of payload as one call (SQS pricing page).
const BILLED_CHUNK: usize = 64 * 1024;

/// Counts the calls of all clients that have this interceptor. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(super) struct CallCounter(Arc<Mutex<Calls>>);

/// Calls by action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Calls(pub(super) BTreeMap<String, Count>);

/// Calls of one action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) calls: u64,
    /// Messages in these calls: sent, received or deleted.
    pub(super) entries: u64,
    /// The number of calls that SQS charges.
    pub(super) billed: u64,
}

impl CallCounter {
    pub(super) fn snapshot(&self) -> Calls {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn add(&self, action: &str, count: Count) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = calls.0.entry(action.to_owned()).or_default();
        sum.calls += count.calls;
        sum.entries += count.entries;
        sum.billed += count.billed;
    }
}

impl Calls {
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let before = |action| earlier.0.get(action).copied().unwrap_or_default();
        let counts = self.0.iter().map(|(action, now)| {
            let before = before(action);
            let count = Count {
                calls: now.calls - before.calls,
                entries: now.entries - before.entries,
                billed: now.billed - before.billed,
            };
            (action.clone(), count)
        });
        Self(counts.filter(|(_, count)| count.calls > 0).collect())
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().map(|count| count.calls).sum()
    }

    pub(super) fn billed(&self) -> u64 {
        self.0.values().map(|count| count.billed).sum()
    }

    pub(super) fn of(&self, action: &str) -> Count {
        self.0.get(action).copied().unwrap_or_default()
    }

    /// The number of calls of each action.
    pub(super) fn by_action(&self) -> BTreeMap<String, u64> {
        let calls = self.0.iter();
        calls
            .map(|(action, count)| (action.clone(), count.calls))
            .collect()
    }

    /// Average number of messages in a call of this action; `None` without a call.
    pub(super) fn fill(&self, action: &str) -> Option<f64> {
        let count = self.of(action);
        (count.calls > 0).then(|| count.entries as f64 / count.calls as f64)
    }
}

impl Intercept for CallCounter {
    fn name(&self) -> &'static str {
        "CallCounter"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some((action, entries, bytes)) = contents(context.input()) {
            self.add(action, payload(entries, bytes));
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target");
        if let Some((_, action)) = target.and_then(|target| target.split_once('.')) {
            let attempt = Count {
                calls: 1,
                entries: 0,
                billed: 1,
            };
            self.add(action, attempt);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(output) = context.output_or_error() else {
            return Ok(());
        };
        if let Some(output) = output.downcast_ref::<ReceiveMessageOutput>() {
            let bytes = output.messages().iter().map(received_bytes).sum();
            self.add("ReceiveMessage", payload(output.messages().len(), bytes));
        }
        Ok(())
    }
}

/// The entries of a call, and the calls that SQS charges for its payload in addition to the call itself.
fn payload(entries: usize, bytes: usize) -> Count {
    Count {
        calls: 0,
        entries: entries as u64,
        billed: bytes.div_ceil(BILLED_CHUNK).saturating_sub(1) as u64,
    }
}

/// Action, messages and bytes of a call that sends or deletes.
fn contents(input: &Input) -> Option<(&'static str, usize, usize)> {
    if let Some(batch) = input.downcast_ref::<SendMessageBatchInput>() {
        let bytes = batch.entries().iter().map(entry_bytes).sum();
        return Some(("SendMessageBatch", batch.entries().len(), bytes));
    }
    if let Some(message) = input.downcast_ref::<SendMessageInput>() {
        let attributes = message.message_attributes().into_iter().flatten();
        let bytes = message_size(message.message_body().unwrap_or_default(), attributes);
        return Some(("SendMessage", 1, bytes));
    }
    let batch = input.downcast_ref::<DeleteMessageBatchInput>()?;
    Some(("DeleteMessageBatch", batch.entries().len(), 0))
}

fn entry_bytes(entry: &SendMessageBatchRequestEntry) -> usize {
    let attributes = entry.message_attributes().into_iter().flatten();
    message_size(entry.message_body(), attributes)
}

fn received_bytes(message: &Message) -> usize {
    let attributes = message.message_attributes().into_iter().flatten();
    message_size(message.body().unwrap_or_default(), attributes)
}
