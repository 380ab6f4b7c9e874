//! One handler for all virtual queues.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sqs_rpc_protocol::{HostKey, VirtualQueueName, VirtualQueueUrl};
use sqs_rpc_transport::UserCode;

use super::error::QueueError;
use super::handle_one::handle;
use super::hub::Hub;
use super::queue::VirtualQueue;
use super::queues::VirtualQueues;
use super::returned_parts::{Selection, SystemSelection, present};
use super::routing::{Fate, Taken, TakenAny};

/// Limits for the number of messages that the handler of all virtual queues has at a time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandlerLimits {
    /// Per virtual queue. Default 1; 0 counts as 1. On a FIFO host it is always 1, to keep the order.
    pub per_queue: usize,
    /// Per host. Default 64; 0 counts as 1. If this many handlers are slow at the same time, the other queues of
    /// their host wait. While fewer than `per_host / per_queue` queues are slow, they do not hold up others.
    pub per_host: usize,
}

impl Default for HandlerLimits {
    fn default() -> Self {
        Self {
            per_queue: 1,
            per_host: 64,
        }
    }
}

impl VirtualQueues {
    /// Calls `handler` for every message of every virtual queue of this multiplexer, until the shutdown. Returns the
    /// reason for the end.
    ///
    /// Queues that are created later, also on hosts that are used later, are handled, too. Each message goes to the
    /// first taker: a receive that waits on its queue, or this handler. Queues take turns, so that no queue holds up
    /// the others. Messages are deleted, extended and redelivered as by [`VirtualQueue::for_each`]. A host is polled
    /// while it has virtual queues and the handler has room.
    ///
    /// # Errors
    /// The result is [`QueueError::Closed`] or [`QueueError::NoRuntime`], or immediately [`QueueError::Handled`] if
    /// such a handler is already running. The loss of a host does not end this future.
    ///
    /// # Cancel safety
    /// Dropping the future drops the running handlers; their messages are redelivered.
    ///
    /// # Examples
    /// ```
    /// use sqs_virtual_queues::{CreateQueue, HandlerLimits, VirtualQueues};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = local_sqs::LocalSqs::start();
    /// # let host = local.create_queue("host").await?.parse()?;
    /// let queues = VirtualQueues::builder(local.client()).build()?;
    /// let (handled, mut seen) = tokio::sync::mpsc::channel(8);
    /// let handling = queues.for_each(HandlerLimits::default(), |queue, message| {
    ///     let handled = handled.clone();
    ///     async move { handled.send((queue.url().name().to_string(), message.body)).await }
    /// });
    /// let work = async {
    ///     let orders = queues.create(&host, CreateQueue::named("orders"))?;
    ///     orders.send("two of them").await?;
    ///     let (name, body) = seen.recv().await.unwrap_or_default();
    ///     assert_eq!((name.as_str(), body.as_deref()), ("orders", Some("two of them")));
    ///     Ok::<_, sqs_virtual_queues::QueueError>(())
    /// };
    /// tokio::select! {
    ///     ended = handling => return Err(ended.into()),
    ///     done = work => done?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn for_each<H, F, E>(&self, limits: HandlerLimits, handler: H) -> QueueError
    where
        H: Fn(VirtualQueue, Message) -> F,
        F: Future<Output = Result<(), E>>,
    {
        if self.0.handled.swap(true, Ordering::AcqRel) {
            return QueueError::Handled;
        }
        let _handled = Handled(self);
        // `known` does not keep hosts alive, so that an unused host can be removed.
        let mut known: HashMap<HostKey, Weak<Hub>> = HashMap::new();
        let mut hosts = FuturesUnordered::new();
        loop {
            // Registers before the hosts are read, so that no host is missed in between.
            let mut opened = pin!(self.0.opened.notified());
            opened.as_mut().enable();
            if let Err(ended) = self.outbox() {
                while hosts.next().await.is_some() {}
                return ended;
            }
            known.retain(|_, host| host.strong_count() > 0);
            for shared in self.0.hosts.in_order() {
                let this = Arc::downgrade(&shared);
                let before = known.insert(shared.key.clone(), Weak::clone(&this));
                if !before.is_some_and(|before| before.ptr_eq(&this)) {
                    hosts.push(self.handle_host(shared, &limits, &handler));
                }
            }
            loop {
                tokio::select! {
                    biased;
                    Some(ended) = hosts.next(), if !hosts.is_empty() => {
                        // Another host may have taken its place by now.
                        if known.get(&ended).is_some_and(|host| host.strong_count() == 0) {
                            known.remove(&ended);
                        }
                    }
                    () = &mut opened => break,
                }
            }
        }
    }

    /// Ends when the host is closed. Holds one reference to the host, for which [`Hub::is_unused`] accounts.
    async fn handle_host<H, F, E>(
        &self,
        shared: Arc<Hub>,
        limits: &HandlerLimits,
        handler: &H,
    ) -> HostKey
    where
        H: Fn(VirtualQueue, Message) -> F,
        F: Future<Output = Result<(), E>>,
    {
        let per_queue = if shared.url.is_fifo() {
            1
        } else {
            limits.per_queue.max(1)
        };
        let _taking = Taking::all_of(&shared, per_queue);
        let mut running = FuturesUnordered::new();
        loop {
            let taken = async {
                let mut looking = Looking(&shared);
                poll_fn(|cx| looking.look(cx)).await
            };
            tokio::select! {
                biased;
                Some(()) = running.next(), if !running.is_empty() => {}
                taken = taken, if running.len() < limits.per_host.max(1) => {
                    let Some((name, taken)) = taken else { break };
                    running.push(self.handle_one(&shared, name, taken, handler));
                }
            }
        }
        // The running handlers may finish, because their messages are already received.
        while running.next().await.is_some() {}
        shared.key.clone()
    }

    async fn handle_one<H, F, E>(
        &self,
        shared: &Arc<Hub>,
        name: VirtualQueueName,
        taken: Taken,
        handler: &H,
    ) where
        H: Fn(VirtualQueue, Message) -> F,
        F: Future<Output = Result<(), E>>,
    {
        let url = VirtualQueueUrl::new(&shared.url, &name);
        let until = shared.give_time(&taken, None, shared.sqs.clock().now());
        let (all, all_of_the_system) = (
            Selection::of(["All"]),
            SystemSelection::of([MessageSystemAttributeName::All]),
        );
        let message = present(taken.message, &url, &all, &all_of_the_system);
        let receipt_handle = message.receipt_handle().map(str::to_owned);
        let queue = VirtualQueue::new(Arc::clone(shared), url, Arc::clone(&self.0));
        if let Some(handle) = &receipt_handle {
            shared.note_in_hand(&name, handle, Fate::HiddenUntil(until));
        }
        let in_hand = InHand { shared, name };
        let code = UserCode::of::<H>("the handler of all virtual queues");
        handle(shared, &in_hand.name, code, receipt_handle, async {
            handler(queue, message).await
        })
        .await;
    }
}

/// A handler of all virtual queues is running.
struct Handled<'a>(&'a VirtualQueues);

impl Drop for Handled<'_> {
    fn drop(&mut self) {
        self.0.0.handled.store(false, Ordering::Release);
    }
}

/// All messages of a host go to the handler of all queues.
struct Taking<'a>(&'a Hub);

impl<'a> Taking<'a> {
    fn all_of(shared: &'a Hub, per_queue: usize) -> Self {
        let now = shared.sqs.clock().now();
        shared.update(|state| state.router.handle_all(per_queue, now));
        Self(shared)
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        let now = self.0.sqs.clock().now();
        self.0.update(|state| state.router.handle_all(0, now));
    }
}

/// The handler waits for its next message.
struct Looking<'a>(&'a Hub);

impl Looking<'_> {
    fn look(&mut self, cx: &Context<'_>) -> Poll<Option<(VirtualQueueName, Taken)>> {
        let now = self.0.sqs.clock().now();
        match self
            .0
            .update(|state| state.router.take_any(now, cx.waker()))
        {
            TakenAny::Message(name, taken) => Poll::Ready(Some((name, *taken))),
            TakenAny::Closed => Poll::Ready(None),
            TakenAny::Wait => Poll::Pending,
        }
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.lock().router.take_none();
    }
}

/// The handler holds a message of this queue.
struct InHand<'a> {
    shared: &'a Hub,
    name: VirtualQueueName,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let now = self.shared.sqs.clock().now();
        let next = self
            .shared
            .update(|state| state.router.handled(&self.name, now));
        if let Some(next) = next {
            next.wake();
        }
    }
}
