//! The drop-in for temporary queues: CreateQueue without a host creates a temporary queue.

use aws_sdk_sqs::Client;
use sqs_rpc_protocol::names;

use super::refusal::{Failure, Kind, Refusal};
use super::requests::CreateQueue;
use super::service::{Served, Service, retention_of, write_url};
use crate::{CreateTemporary, QueueError, TemporaryError, TemporaryQueues};

impl TemporaryQueues {
    /// A client like `client` that also accepts the URLs of virtual queues, and whose `CreateQueue` creates a
    /// temporary queue.
    ///
    /// It behaves like [`VirtualQueues::client`](crate::VirtualQueues::client), except for `CreateQueue` without
    /// `HostQueueUrl`. The name becomes the virtual queue's name; `.fifo` at its end is removed, and `GetQueueUrl`
    /// finds the queue with and without it. `IdleQueueRetentionPeriodSeconds` and the tags belong to the virtual
    /// queue, and all other attributes to its host. `DeleteQueue` costs no call. To create a real queue, use another
    /// client.
    ///
    /// # Examples
    /// ```
    /// use sqs_virtual_queues::{TemporaryQueues, VirtualQueues};
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
        Service::with_temporary(self.clone()).into_client(client)
    }
}

impl Service {
    pub(super) async fn create_temporary(
        &self,
        temporary: &TemporaryQueues,
        request: CreateQueue,
    ) -> Served {
        let name = request.queue_name.ok_or(Refusal::missing("QueueName"))?;
        let mut attributes = request.attributes.unwrap_or_default();
        let name = name.strip_suffix(".fifo").unwrap_or(&name);
        let mut plan = CreateTemporary::named(name);
        if let Some(retention) = attributes.remove(names::IDLE_RETENTION) {
            plan = plan.idle_retention(retention_of(&retention)?);
        }
        for (key, value) in request.tags.unwrap_or_default() {
            plan = plan.tag(key, value);
        }
        plan.attributes = attributes;
        write_url(&temporary.create(plan).await?)
    }
}

impl From<TemporaryError> for Failure {
    fn from(error: TemporaryError) -> Self {
        match error {
            TemporaryError::NotMade(fault) => QueueError::Call(fault).into(),
            TemporaryError::Queue(error) => error.into(),
            TemporaryError::InvalidAttribute(why) => {
                Refusal::new(Kind::InvalidAttributeName, format!("{why}.")).into()
            }
            TemporaryError::Exists(_) => {
                Refusal::new(Kind::QueueNameExists, format!("{error}.")).into()
            }
            TemporaryError::NoRuntime(none) => QueueError::NoRuntime(none).into(),
            TemporaryError::Closed => QueueError::Closed.into(),
        }
    }
}
