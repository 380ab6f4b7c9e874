//! Handling the messages of a virtual queue instead of receiving them.

use aws_sdk_sqs::types::Message;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::error::QueueError;
use super::handling::handle;
use super::queue::VirtualQueue;
use crate::sqs::{RECEIVE_MAX, UserCode};

impl VirtualQueue {
    /// Gives every message to `handler`, up to `limit` at a time, until the queue is gone; returns why it is. While the host
    /// cannot be received from, it waits.
    ///
    /// A message is deleted when its handler returns `Ok`. While the handler runs, its visibility time-out is extended, in
    /// batches; after `Err` or a panic it comes again when that ends. A panic, in a destructor of the handler's future too, is
    /// logged with the name of the handler and counted; other messages and queues go on. With a `limit` of 0 it takes 1; on a FIFO host it
    /// always takes 1, to keep the order: the next message of a group is handled when SQS has confirmed the delete of the one before, and a
    /// message that failed is handled again before the later ones of its group.
    ///
    /// [`VirtualQueues::for_each`](super::VirtualQueues::for_each) handles all queues with one function.
    ///
    /// It is a future, not a task: queues that are handled side by side do not wait for each other's handlers.
    ///
    /// # Cancel safety
    /// Dropping the future drops the handlers that run; their messages come again.
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
    // `AsyncFn` would read better, but the future of a call of one cannot be shown to be `Send`.
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
            let room = (limit - running.len()).min(RECEIVE_MAX);
            let receive = self.receive().max(room.max(1));
            tokio::select! {
                biased;
                Some(()) = running.next(), if !running.is_empty() => {}
                received = receive.send(), if room > 0 => match received {
                    Ok(messages) => {
                        for message in messages {
                            let receipt_handle = message.receipt_handle().map(str::to_owned);
                            // If it is gone meanwhile, its message is handled all the same.
                            let in_use = self.enter().ok();
                            let work = async { handler(message).await };
                            running.push(async move {
                                let _in_use = in_use;
                                handle(&self.shared, self.url.name(), code, receipt_handle, work).await;
                            });
                        }
                    }
                    // The next receive waits for the next poll, and polls that fail come ever more slowly.
                    Err(QueueError::Call(_)) => {}
                    Err(gone) => {
                        // Those that run are let finish: their messages were taken.
                        while let Some(()) = running.next().await {}
                        return gone;
                    }
                },
            }
        }
    }
}
