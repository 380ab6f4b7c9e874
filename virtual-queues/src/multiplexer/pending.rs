//! The wait for one reply.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{CorrelationId, VirtualQueueUrl};
use tokio::sync::oneshot;

use super::error::PendingError;
use super::hub::{Hub, Outcome};

/// A pending request. It completes by its deadline, with the reply or with the reason why there is none.
///
/// It costs a slot in its host's table and an entry in the list of deadlines, but no task and no timer. The framework
/// deletes the reply from the host.
///
/// # Cancel safety
/// Dropping it frees the slot at once. A later reply is counted as late and deleted.
#[derive(Debug)]
#[must_use = "a pending request that is dropped is given up"]
pub struct PendingReply {
    shared: Arc<Hub>,
    id: CorrelationId,
    url: VirtualQueueUrl,
    outcome: oneshot::Receiver<Outcome>,
    ended: bool,
}

impl PendingReply {
    pub(super) const fn new(
        shared: Arc<Hub>,
        id: CorrelationId,
        url: VirtualQueueUrl,
        outcome: oneshot::Receiver<Outcome>,
    ) -> Self {
        Self {
            shared,
            id,
            url,
            outcome,
            ended: false,
        }
    }

    /// The return address, to which the reply must be sent.
    #[must_use]
    pub const fn url(&self) -> &VirtualQueueUrl {
        &self.url
    }
}

impl Future for PendingReply {
    type Output = Result<Message, PendingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(cx));
        self.ended = true;
        // The driver answers all requests before it ends. A dropped sender means that the driver's runtime has ended.
        Poll::Ready(
            outcome
                .unwrap_or(Err(PendingError::Closed))
                .map(|message| *message),
        )
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.update(|state| state.router.forget(self.id));
        }
    }
}
