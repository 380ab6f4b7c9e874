//! CreateQueue without a host, which a [`MakeQueue`] serves.

use std::sync::Arc;

use aws_sdk_sqs::Client;
use sqs_rpc_protocol::names;

use super::make_queue::{MakeQueue, WantedQueue};
use super::operations::{Served, Service, retention_of, write_url};
use super::refusal::Refusal;
use super::request_members::CreateQueue;
use crate::VirtualQueues;

impl VirtualQueues {
    /// A client like [`client`](Self::client), except that `maker` creates the queue of each `CreateQueue` without
    /// `HostQueueUrl`.
    #[doc(hidden)]
    #[must_use]
    pub fn client_making(&self, client: &Client, maker: Arc<dyn MakeQueue>) -> Client {
        Service::making(self.clone(), maker).into_client(client)
    }
}

impl Service {
    pub(super) async fn create_without_host(
        &self,
        maker: &dyn MakeQueue,
        request: CreateQueue,
    ) -> Served {
        let name = request.queue_name.ok_or(Refusal::missing("QueueName"))?;
        let mut attributes = request.attributes.unwrap_or_default();
        let retention = attributes.remove(names::IDLE_RETENTION);
        let wanted = WantedQueue {
            name: name.strip_suffix(".fifo").unwrap_or(&name).to_owned(),
            idle_retention: retention.as_deref().map(retention_of).transpose()?,
            tags: request.tags.unwrap_or_default(),
            attributes,
        };
        write_url(&maker.make(wanted).await?)
    }
}
