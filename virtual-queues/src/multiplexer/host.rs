//! The public handle of a host.

use std::fmt;
use std::sync::Arc;

use sqs_rpc_protocol::{CorrelationId, HostQueueUrl, VirtualQueueUrl};
use sqs_rpc_transport::Moment;
use tokio::sync::oneshot;

use super::create::CreateQueue;
use super::error::{PendingError, QueueError};
use super::hub::Hub;
use super::pending::PendingReply;
use super::process::Process;
use super::queue::VirtualQueue;
use super::routing::Refused;

/// A host queue that this process uses. Created by [`VirtualQueues::host`](super::VirtualQueues::host); cheap
/// to clone. It keeps the multiplexer running.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Hub>,
    /// Keeps the multiplexer running.
    owner: Arc<Process>,
}

impl Host {
    pub(super) const fn new(shared: Arc<Hub>, owner: Arc<Process>) -> Self {
        Self { shared, owner }
    }

    /// The host's URL.
    #[must_use]
    pub fn url(&self) -> &HostQueueUrl {
        &self.shared.url
    }

    /// Waits for one message to `<host>#<id>` until `deadline`: the reply to a request that will be sent next.
    ///
    /// The host is polled from now on. Dropping the result frees the name at once.
    ///
    /// # Errors
    /// [`ExpectError::Ended`] if the host was deleted or shut down, [`ExpectError::NoRoom`] if its table is full.
    pub fn expect_reply(
        &self,
        id: CorrelationId,
        deadline: Moment,
    ) -> Result<PendingReply, ExpectError> {
        let (sink, outcome) = oneshot::channel();
        self.shared.update(|state| {
            if let Some(why) = &state.ended {
                return Err(ExpectError::Ended(why.clone()));
            }
            state
                .router
                .expect(id, deadline, sink)
                .map_err(|refused| match refused {
                    Refused::Closed => ExpectError::Ended(PendingError::Closed),
                    Refused::Full | Refused::Taken => {
                        ExpectError::NoRoom(self.shared.options.limits.names)
                    }
                })
        })?;
        let url = VirtualQueueUrl::new(&self.shared.url, &id.to_name());
        Ok(PendingReply::new(
            Arc::clone(&self.shared),
            id,
            url,
            outcome,
        ))
    }

    /// The number of requests that wait for their replies.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.lock().router.pending()
    }

    /// The number of messages in the buffers of all virtual queues of the host, and their bytes.
    #[must_use]
    pub fn buffered(&self) -> (usize, usize) {
        self.shared.lock().router.buffered()
    }

    /// Why the host cannot be used any more. `None` if it can.
    #[must_use]
    pub fn ended(&self) -> Option<PendingError> {
        self.shared.lock().ended.clone()
    }

    /// Whether the host has a virtual queue or a pending request.
    #[doc(hidden)]
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        !self.shared.lock().router.is_empty()
    }

    /// Creates a virtual queue here. Unlike [`VirtualQueues::create`](super::VirtualQueues::create), it never reopens a
    /// host that has ended.
    #[doc(hidden)]
    pub fn create(&self, queue: CreateQueue) -> Result<VirtualQueue, QueueError> {
        self.owner.create_on(&self.shared, queue)
    }

    /// Stops using a host that was or will be deleted, and removes it from the table. Polls in flight are dropped.
    #[doc(hidden)]
    pub fn retire(&self, why: PendingError) {
        self.shared.retire(why);
        self.owner.hosts.forget(&self.shared);
    }

    /// Stops using the host: current and later waiters end with `why`.
    pub fn end(&self, why: PendingError) {
        self.shared.end(why);
    }
}

/// The error of [`Host::expect_reply`].
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectError {
    /// The host cannot be used any more.
    #[error(transparent)]
    Ended(PendingError),
    /// The host already has the maximum number of virtual queues and pending requests.
    #[error("the host has {0} virtual queues and pending requests, which is the maximum")]
    NoRoom(usize),
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("url", &self.shared.url)
            .finish_non_exhaustive()
    }
}
