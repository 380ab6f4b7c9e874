//! The drop-in for temporary queues: CreateQueue without a host creates a temporary queue.

use std::sync::Arc;

use aws_sdk_sqs::Client;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use sqs_virtual_queues::{MakeQueue, NotMade, QueueError, VirtualQueue, WantedQueue};

use super::error::TemporaryError;
use super::queues::{CreateTemporary, TemporaryQueues};

impl TemporaryQueues {
    /// A client like `client` that also accepts the URLs of virtual queues, and whose `CreateQueue` creates a
    /// temporary queue.
    ///
    /// It behaves like [`VirtualQueues::client`](sqs_virtual_queues::VirtualQueues::client), except for `CreateQueue`
    /// without `HostQueueUrl`. The name becomes the virtual queue's name; `.fifo` at its end is removed, and
    /// `GetQueueUrl` finds the queue with and without it. `IdleQueueRetentionPeriodSeconds` and the tags belong to the
    /// virtual queue, and all other attributes to its host. `DeleteQueue` costs no call. To create a real queue, use
    /// another client.
    ///
    /// # Examples
    /// ```
    /// use sqs_temporary_queues::TemporaryQueues;
    /// use sqs_virtual_queues::VirtualQueues;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = local_sqs::LocalSqs::start();
    /// # let sqs = local.client();
    /// let queues = VirtualQueues::builder(&sqs).build()?;
    /// let client = TemporaryQueues::builder(&queues).build()?.client(&sqs);
    ///
    /// let made = client.create_queue().queue_name("orders").send().await?;
    /// let url = made.queue_url().unwrap_or_default();
    /// assert!(url.ends_with("#orders"));
    /// client.send_message().queue_url(url).message_body("two of them").send().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn client(&self, client: &Client) -> Client {
        self.queues().client_making(client, Arc::new(self.clone()))
    }
}

impl MakeQueue for TemporaryQueues {
    fn make(&self, wanted: WantedQueue) -> BoxFuture<'_, Result<VirtualQueue, NotMade>> {
        let mut plan = CreateTemporary::named(wanted.name);
        if let Some(retention) = wanted.idle_retention {
            plan = plan.idle_retention(retention);
        }
        for (key, value) in wanted.tags {
            plan = plan.tag(key, value);
        }
        plan.attributes = wanted.attributes;
        self.create(plan).map_err(not_made).boxed()
    }
}

fn not_made(error: TemporaryError) -> NotMade {
    match error {
        TemporaryError::NotMade(fault) => NotMade::Queue(QueueError::Call(fault)),
        TemporaryError::Queue(error) => NotMade::Queue(error),
        TemporaryError::InvalidAttribute(why) => NotMade::InvalidAttribute(why.to_string()),
        TemporaryError::Exists(_) => NotMade::Exists(error.to_string()),
        TemporaryError::NoRuntime(none) => NotMade::Queue(QueueError::NoRuntime(none)),
        TemporaryError::Closed => NotMade::Queue(QueueError::Closed),
    }
}
