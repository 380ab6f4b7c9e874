//! Shared by the benchmarks: an allocator that counts, and an SQS that answers at once and costs almost nothing.

use std::alloc::System;
use std::collections::VecDeque;
use std::future;
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::operation::delete_message_batch::builders::DeleteMessageBatchInputBuilder;
use aws_sdk_sqs::operation::delete_message_batch::{
    DeleteMessageBatchError, DeleteMessageBatchOutput,
};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageInputBuilder;
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::operation::send_message_batch::builders::SendMessageBatchInputBuilder;
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::{
    DeleteMessageBatchResultEntry, Message, MessageAttributeValue, SendMessageBatchResultEntry,
};
use futures::FutureExt;
use sqs_rpc_protocol::names;
use sqs_rpc_transport::{Answer, Call, SqsApi};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
pub static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// An SQS that accepts every call and whose polls return the messages given to [`bring`](Self::bring).
#[derive(Debug, Clone, Default)]
pub struct InstantSqs {
    messages: Arc<Mutex<VecDeque<Message>>>,
    changed: Arc<tokio::sync::Notify>,
}

impl InstantSqs {
    /// Sets messages that the next polls return.
    pub fn bring(&self, messages: impl IntoIterator<Item = Message>) {
        self.messages.lock().unwrap().extend(messages);
        self.changed.notify_waiters();
    }
}

/// A message for a virtual queue.
pub fn message(name: &str) -> Message {
    let value = MessageAttributeValue::builder()
        .data_type("String")
        .string_value(name);
    Message::builder()
        .message_id("219f8380-5770-4cc2-8c3e-5c715e145f5e")
        .receipt_handle("h")
        .body("b")
        .message_attributes(names::VIRTUAL_QUEUE_NAME, value.build().unwrap())
        .build()
}

fn at_once<T: Send + 'static, E: Send + 'static>(output: T) -> Call<T, E> {
    let answer = Answer {
        date: None,
        result: Ok(output),
    };
    future::ready(answer).boxed()
}

impl SqsApi for InstantSqs {
    fn send_message_batch(
        &self,
        input: SendMessageBatchInputBuilder,
    ) -> Call<SendMessageBatchOutput, SendMessageBatchError> {
        let entries = input.get_entries().iter().flatten();
        let done = entries.map(|entry| {
            SendMessageBatchResultEntry::builder()
                .id(entry.id())
                .message_id("219f8380-5770-4cc2-8c3e-5c715e145f5e")
                .md5_of_message_body("")
                .build()
                .unwrap()
        });
        let output = SendMessageBatchOutput::builder()
            .set_successful(Some(done.collect()))
            .set_failed(Some(Vec::new()));
        at_once(output.build().unwrap())
    }

    fn delete_message_batch(
        &self,
        input: DeleteMessageBatchInputBuilder,
    ) -> Call<DeleteMessageBatchOutput, DeleteMessageBatchError> {
        let entries = input.get_entries().iter().flatten();
        let done = entries.map(|entry| {
            let done = DeleteMessageBatchResultEntry::builder().id(entry.id());
            done.build().unwrap()
        });
        let output = DeleteMessageBatchOutput::builder()
            .set_successful(Some(done.collect()))
            .set_failed(Some(Vec::new()));
        at_once(output.build().unwrap())
    }

    fn receive_message(
        &self,
        _: ReceiveMessageInputBuilder,
    ) -> Call<ReceiveMessageOutput, ReceiveMessageError> {
        let own = self.clone();
        async move {
            loop {
                let changed = own.changed.notified();
                let messages: Vec<_> = {
                    let mut messages = own.messages.lock().unwrap();
                    let count = messages.len().min(10);
                    messages.drain(..count).collect()
                };
                if !messages.is_empty() {
                    let output = ReceiveMessageOutput::builder().set_messages(Some(messages));
                    return Answer {
                        date: None,
                        result: Ok(output.build()),
                    };
                }
                changed.await;
            }
        }
        .boxed()
    }
}
