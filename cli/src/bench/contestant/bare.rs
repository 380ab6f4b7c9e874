//! The same work with plain SDK calls, as a careful program does it without this framework.
//!
//! Batches of up to ten messages that arrive within two milliseconds (50 ms for deletes), a fixed number of long polls
//! on each queue, and an attribute that matches replies to requests. The features of a framework are missing: no
//! deadlines, error handling, checks, extension of visibility timeouts or retries, and the reply queue must already
//! exist.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, SendMessageBatchRequestEntry,
};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use sqs_rpc::protocol::limits::{MAX_BATCH_ENTRIES, MAX_RECEIVED};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::{Contestant, Ends};
use crate::failure::Failure;

const REPLY_TO: &str = "ReplyTo";
const ID: &str = "Id";
/// How long a send that is not full waits for more messages.
const LINGER: Duration = Duration::from_millis(2);
/// How long a delete that is not full waits. Longer than [`LINGER`], because no caller waits for a delete.
const DELETE_LINGER: Duration = Duration::from_millis(50);
/// Maximum number of concurrent calls of each kind.
const CALLS_OUT: usize = 8;
/// Maximum number of entries that wait for a call.
const WAITING: usize = 10_000;

type Pending = Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>;

/// A requester and a responder without a framework.
pub(in crate::bench) struct Bare {
    requests: mpsc::Sender<Outgoing>,
    pending: Pending,
    ids: AtomicU64,
    tasks: Mutex<JoinSet<()>>,
}

/// A message to be sent.
struct Outgoing {
    id: String,
    body: String,
}

impl Bare {
    /// Starts both ends, with `polls` long polls on each of the two queues.
    pub(in crate::bench) fn start(
        ends: &Ends,
        reply_queue: &str,
        polls: usize,
        concurrency: usize,
    ) -> Self {
        let pending = Pending::default();
        let mut tasks = JoinSet::new();
        // With fewer callers than fit into a batch, waiting cannot fill the batch.
        let linger = if concurrency < MAX_BATCH_ENTRIES {
            Duration::ZERO
        } else {
            LINGER
        };

        let (requests, to_send) = mpsc::channel(WAITING);
        let sender = Arc::new(RequestSender {
            client: ends.asking.clone(),
            queue: ends.request_queue.clone(),
            reply_to: reply_queue.to_owned(),
        });
        tasks.spawn(in_batches(to_send, linger, move |batch| {
            Arc::clone(&sender).send(batch)
        }));

        let asking = Arc::new(End::new(&ends.asking, reply_queue));
        let answering = Arc::new(End::new(&ends.answering, &ends.request_queue));
        let acknowledged = asking.deletes(&mut tasks);
        let answered = answering.deletes(&mut tasks);
        for _ in 0..polls {
            let (pending, acknowledged) = (Arc::clone(&pending), acknowledged.clone());
            tasks.spawn(Arc::clone(&asking).poll(move |messages| {
                take_replies(messages, &pending, &acknowledged);
                futures::future::ready(()).boxed()
            }));
            let (client, answered) = (ends.answering.clone(), answered.clone());
            tasks
                .spawn(Arc::clone(&answering).poll(move |messages| {
                    echo(client.clone(), messages, answered.clone()).boxed()
                }));
        }
        Self {
            requests,
            pending,
            ids: AtomicU64::default(),
            tasks: Mutex::new(tasks),
        }
    }
}

impl Contestant for Bare {
    fn call(&self, body: String) -> BoxFuture<'static, Result<(), Failure>> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed).to_string();
        let (done, reply) = oneshot::channel();
        lock(&self.pending).insert(id.clone(), done);
        let requests = self.requests.clone();
        async move {
            requests
                .send(Outgoing { id, body })
                .await
                .map_err(|_| Failure::other("the bare program has stopped"))?;
            reply.await.map_err(Failure::other)
        }
        .boxed()
    }

    /// Does nothing: [`Bare::start`] has already started both ends.
    fn start(&self) -> BoxFuture<'_, Result<(), Failure>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tasks = std::mem::take(&mut *tasks);
        async move { tasks.shutdown().await }.boxed()
    }

    fn end(&self) -> BoxFuture<'_, ()> {
        self.stop()
    }
}

/// Sends requests.
struct RequestSender {
    client: Client,
    queue: String,
    reply_to: String,
}

impl RequestSender {
    async fn send(self: Arc<Self>, batch: Vec<Outgoing>) {
        let entries: Result<Vec<_>, BuildError> = batch
            .into_iter()
            .enumerate()
            .map(|(i, outgoing)| {
                SendMessageBatchRequestEntry::builder()
                    .id(i.to_string())
                    .message_body(outgoing.body)
                    .message_attributes(ID, text(outgoing.id)?)
                    .message_attributes(REPLY_TO, text(self.reply_to.clone())?)
                    .build()
            })
            .collect();
        send(&self.client, &self.queue, entries).await;
    }
}

/// A queue and the client that receives from it.
struct End {
    client: Client,
    queue: String,
}

impl End {
    fn new(client: &Client, queue: &str) -> Self {
        Self {
            client: client.clone(),
            queue: queue.to_owned(),
        }
    }

    /// Polls in an endless loop and passes received messages to `take`; the next poll starts at once.
    async fn poll(self: Arc<Self>, mut take: impl FnMut(Vec<Message>) -> BoxFuture<'static, ()>) {
        let mut taking = FuturesUnordered::new();
        loop {
            let poll = self
                .client
                .receive_message()
                .queue_url(&self.queue)
                .max_number_of_messages(MAX_RECEIVED as i32)
                .wait_time_seconds(20)
                .message_attribute_names("All")
                .send();
            tokio::pin!(poll);
            let messages = loop {
                tokio::select! {
                    biased;
                    Some(()) = taking.next(), if !taking.is_empty() => {}
                    polled = &mut poll => break polled.ok().and_then(|polled| polled.messages),
                }
            };
            if let Some(messages) = messages {
                taking.push(take(messages));
            }
        }
    }

    /// Deletes the messages whose receipt handles are sent into the channel.
    fn deletes(self: &Arc<Self>, tasks: &mut JoinSet<()>) -> mpsc::Sender<String> {
        let (handles, to_delete) = mpsc::channel(WAITING);
        let end = Arc::clone(self);
        tasks.spawn(in_batches(to_delete, DELETE_LINGER, move |batch| {
            Arc::clone(&end).delete(batch)
        }));
        handles
    }

    async fn delete(self: Arc<Self>, handles: Vec<String>) {
        let entries: Result<Vec<_>, BuildError> = handles
            .into_iter()
            .enumerate()
            .map(|(i, handle)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(i.to_string())
                    .receipt_handle(handle)
                    .build()
            })
            .collect();
        let Ok(entries) = entries else { return };
        let delete = self.client.delete_message_batch().queue_url(&self.queue);
        // A message that was not deleted is redelivered, and counts as a late reply then.
        drop(delete.set_entries(Some(entries)).send().await);
    }
}

fn take_replies(messages: Vec<Message>, pending: &Pending, acknowledged: &mpsc::Sender<String>) {
    for message in messages {
        if let Some(done) = attribute(&message, ID).and_then(|id| lock(pending).remove(&id)) {
            let _ = done.send(());
        }
        if let Some(handle) = message.receipt_handle {
            let _ = acknowledged.try_send(handle);
        }
    }
}

/// Sends all bodies back in one call, then queues the requests for deletion.
async fn echo(client: Client, messages: Vec<Message>, answered: mpsc::Sender<String>) {
    let Some(reply_to) = messages
        .first()
        .and_then(|first| attribute(first, REPLY_TO))
    else {
        return;
    };
    let mut handles = Vec::new();
    let entries: Result<Vec<_>, BuildError> = messages
        .into_iter()
        .enumerate()
        .map(|(i, message)| {
            let id = attribute(&message, ID).unwrap_or_default();
            handles.extend(message.receipt_handle);
            SendMessageBatchRequestEntry::builder()
                .id(i.to_string())
                .message_body(message.body.unwrap_or_default())
                .message_attributes(ID, text(id)?)
                .build()
        })
        .collect();
    send(&client, &reply_to, entries).await;
    for handle in handles {
        let _ = answered.try_send(handle);
    }
}

async fn send(
    client: &Client,
    queue: &str,
    entries: Result<Vec<SendMessageBatchRequestEntry>, BuildError>,
) {
    let Ok(entries) = entries else { return };
    let send = client.send_message_batch().queue_url(queue);
    // A request that was not sent stays pending, and the load reports it.
    drop(send.set_entries(Some(entries)).send().await);
}

/// Makes calls with up to ten entries, as soon as ten entries wait or the first has waited for `linger`.
async fn in_batches<T, C, F>(mut entries: mpsc::Receiver<T>, linger: Duration, call: C)
where
    C: Fn(Vec<T>) -> F,
    F: Future<Output = ()>,
{
    let mut out = FuturesUnordered::new();
    loop {
        let batch = {
            let batch = next_batch(&mut entries, linger);
            tokio::pin!(batch);
            loop {
                tokio::select! {
                    biased;
                    Some(()) = out.next(), if !out.is_empty() => {}
                    batch = &mut batch, if out.len() < CALLS_OUT => break batch,
                }
            }
        };
        if batch.is_empty() {
            return;
        }
        out.push(call(batch));
    }
}

/// Collects the next batch; empty when the channel is closed.
async fn next_batch<T>(entries: &mut mpsc::Receiver<T>, linger: Duration) -> Vec<T> {
    let mut batch = Vec::with_capacity(MAX_BATCH_ENTRIES);
    entries.recv_many(&mut batch, MAX_BATCH_ENTRIES).await;
    if !linger.is_zero() && !batch.is_empty() {
        let more = async {
            while batch.len() < MAX_BATCH_ENTRIES {
                let room = MAX_BATCH_ENTRIES - batch.len();
                if entries.recv_many(&mut batch, room).await == 0 {
                    return;
                }
            }
        };
        // The batch is sent after the linger time even if it is not full.
        let _ = tokio::time::timeout(linger, more).await;
    }
    batch
}

fn attribute(message: &Message, name: &str) -> Option<String> {
    let attribute = message.message_attributes()?.get(name)?;
    attribute.string_value().map(str::to_owned)
}

fn text(value: String) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
}

fn lock(pending: &Pending) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<()>>> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}
