//! Calls a handler for each message of a virtual queue.

use aws_sdk_sqs::types::Message;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sqs_rpc_protocol::limits::MAX_RECEIVED;
use sqs_rpc_transport::UserCode;

use super::error::QueueError;
use super::handle_one::handle;
use super::queue::VirtualQueue;

impl VirtualQueue {
    /// Calls `handler` for every message, with up to `limit` messages at a time, until the queue no longer exists.
    /// Returns the reason. While the host cannot be received from, it waits.
    ///
    /// A message is deleted when its handler returns `Ok`. While the handler runs, the visibility timeout of its
    /// message is extended, in batches. After `Err` or a panic, the message is redelivered when its visibility
    /// timeout ends. A panic, also in a destructor of the handler's future, is logged with the name of the handler
    /// and counted; other messages and queues are not affected. A `limit` of 0 counts as 1. On a FIFO host the limit
    /// is always 1, to keep the order: the next message of a group is handled when SQS has confirmed the delete of
    /// the previous message, and a message that failed is handled again before the later messages of its group.
    ///
    /// [`VirtualQueues::for_each`](super::VirtualQueues::for_each) handles all queues with one function.
    ///
    /// This is a future, not a task: queues that are handled concurrently do not wait for each other's handlers.
    ///
    /// # Cancel safety
    /// Dropping the future drops the running handlers; their messages are redelivered.
    ///
    /// # Examples
    /// ```
    /// use sqs_virtual_queues::{CreateQueue, QueueError, VirtualQueues};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = local_sqs::LocalSqs::start();
    /// # let host = local.create_queue("host").await?.parse()?;
    /// let queues = VirtualQueues::builder(local.client()).build()?;
    /// let orders = queues.create(&host, CreateQueue::named("orders"))?;
    /// orders.send("two of them").await?;
    ///
    /// let (handled, mut seen) = tokio::sync::mpsc::channel(1);
    /// let handling = orders.for_each(8, async |message| {
    ///     handled.send(message.body.unwrap_or_default()).await
    /// });
    /// let close = async {
    ///     assert_eq!(seen.recv().await.as_deref(), Some("two of them"));
    ///     orders.delete_queue()
    /// };
    /// let (ended, closed) = tokio::join!(handling, close);
    /// closed?;
    /// assert!(matches!(ended, QueueError::DoesNotExist(_)));
    /// # Ok(())
    /// # }
    /// ```
    // `AsyncFn` would read better, but the future of its call cannot be shown to be `Send`.
    pub async fn for_each<H, F, E>(&self, limit: usize, handler: H) -> QueueError
    where
        H: Fn(Message) -> F,
        F: Future<Output = Result<(), E>>,
    {
        let limit = if self.url.host().is_fifo() {
            1
        } else {
            limit.max(1)
        };
        let code = UserCode::of::<H>("the handler of a virtual queue");
        let mut running = FuturesUnordered::new();
        loop {
            let room = (limit - running.len()).min(MAX_RECEIVED);
            let receive = self.receive().max(room.max(1));
            tokio::select! {
                biased;
                Some(()) = running.next(), if !running.is_empty() => {}
                received = receive.send(), if room > 0 => match received {
                    Ok(messages) => {
                        for message in messages {
                            let receipt_handle = message.receipt_handle().map(str::to_owned);
                            // If the queue has been deleted meanwhile, its message is handled nevertheless.
                            let in_use = self.enter().ok();
                            let work = async { handler(message).await };
                            running.push(async move {
                                let _in_use = in_use;
                                handle(&self.shared, self.url.name(), code, receipt_handle, work).await;
                            });
                        }
                    }
                    // The next receive waits for the next poll, and polls that fail have growing waits.
                    Err(QueueError::Call(_)) => {}
                    Err(gone) => {
                        // The running handlers may finish, because their messages are already received.
                        while let Some(()) = running.next().await {}
                        return gone;
                    }
                },
            }
        }
    }
}
