//! Tests of the outbox as a whole, in virtual time.

mod answers;
mod fake;
mod last_word;
mod lifetime;
mod pace;

use std::time::Duration;

use aws_sdk_sqs::types::{SendMessageBatchRequestEntry, SendMessageBatchResultEntry};
use futures::future::join_all;
use sqs_rpc_protocol::HostQueueUrl;

use self::fake::{Fake, Reply};
use super::{BatchOptions, Fault, Outbox};
use crate::{Clock, Sqs, Tasks};

/// The duration of a call.
const LATENCY: Duration = Duration::from_millis(10);

/// An outbox over a [`Fake`], on the current runtime.
struct Rig {
    fake: Fake,
    sqs: Sqs,
    tasks: Tasks,
    outbox: Outbox,
    queue: HostQueueUrl,
}

impl Rig {
    fn new(script: impl FnMut(&[String]) -> Reply + Send + 'static) -> Self {
        Self::with(BatchOptions::default(), script)
    }

    fn with(
        options: BatchOptions,
        script: impl FnMut(&[String]) -> Reply + Send + 'static,
    ) -> Self {
        let fake = Fake::new(LATENCY, script);
        let (sqs, tasks) = (fake.sqs(), Tasks::on_current_runtime().unwrap());
        let outbox = Outbox::new(sqs.clone(), tasks.clone(), options);
        Self {
            fake,
            sqs,
            tasks,
            outbox,
            queue: queue("orders"),
        }
    }

    fn clock(&self) -> &Clock {
        self.sqs.clock()
    }

    async fn send(&self, body: &str) -> Result<SendMessageBatchResultEntry, Fault> {
        self.outbox.send(&self.queue, message(body)).await
    }

    /// Sends `0`, `1` and so on at the same time.
    async fn send_all(&self, count: usize) -> Vec<Result<SendMessageBatchResultEntry, Fault>> {
        join_all((0..count).map(|body| async move { self.send(&body.to_string()).await })).await
    }
}

fn message(body: &str) -> aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder {
    SendMessageBatchRequestEntry::builder().message_body(body)
}

fn queue(name: &str) -> HostQueueUrl {
    format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}")
        .parse()
        .unwrap()
}

fn texts(entries: impl IntoIterator<Item = usize>) -> Vec<String> {
    entries.into_iter().map(|entry| entry.to_string()).collect()
}

/// A script that returns these replies in order, and then accepts everything.
fn replies(
    replies: impl IntoIterator<Item = Reply>,
) -> impl FnMut(&[String]) -> Reply + Send + 'static {
    let mut replies: std::collections::VecDeque<_> = replies.into_iter().collect();
    move |_| replies.pop_front().unwrap_or(Reply::Done)
}
