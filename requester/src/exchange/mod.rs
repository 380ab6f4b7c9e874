//! How a request runs: check, host, slot for the reply, send, wait, read.
//!
//! Owns: the order of these steps, and what each of their failures means for the caller. Does not own: what is sent
//! ([`outgoing`]) and how a reply is read ([`incoming`]).
//! Invariants: nothing is called before everything is checked; the reply is expected before the request is sent; whatever
//! way a request ends, its slots are free.

mod incoming;
mod outgoing;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{CorrelationId, QueueUrl, RequestId};
use sqs_virtual_queues::sqs::{Delivery, Moment};
use sqs_virtual_queues::{Counter, ExpectError, PendingError, PendingReply};
use tracing::Instrument;

use self::outgoing::Outgoing;
use crate::shared::Shared;
use crate::slots::Refused;
use crate::{Reply, Request, RequestError, RequestErrorKind};

/// The names of one request.
#[derive(Debug, Clone, Copy)]
struct Ids {
    request: RequestId,
    correlation: CorrelationId,
}

/// Sends a request and waits for its reply.
///
/// What depends on the caller's context, span and trace, is taken here and not at the first poll.
pub(crate) fn exchange(
    shared: Arc<Shared>,
    mut request: Request,
) -> impl Future<Output = Result<Reply, RequestError>> + Send + 'static {
    if request.trace_context.is_none() {
        request.trace_context = shared
            .options
            .propagate
            .as_ref()
            .and_then(|current| current());
    }
    let random = shared.queues.sqs().random();
    let ids = Ids {
        request: RequestId::from_bits(random.bits128()),
        correlation: CorrelationId::new(shared.queues.process(), random.bits128()),
    };
    let span = tracing::info_span!(
        "request",
        queue = request.queue().map(QueueUrl::as_str),
        correlation_id = %ids.correlation,
        request_id = %ids.request,
    );
    async move {
        let result = checked(&shared, request, ids).await;
        match &result {
            Ok(_) => tracing::debug!("the reply is here"),
            Err(error) => {
                if error.kind() == RequestErrorKind::Timeout {
                    shared.count(Counter::TimedOut);
                }
                tracing::debug!(kind = ?error.kind(), delivery = ?error.delivery(), "the request failed");
            }
        }
        result
    }
    .instrument(span)
}

/// Does everything that needs no call, takes the slot, and goes on.
async fn checked(shared: &Shared, request: Request, ids: Ids) -> Result<Reply, RequestError> {
    let started = shared.now()?;
    let outgoing = Outgoing::new(request, ids.request, shared.options.timeout)?;
    let queue = outgoing.queue().clone();
    let slot = shared.slots.take().map_err(|refused| match refused {
        Refused::Full(max) => RequestError::overloaded(max),
        Refused::Closed => RequestError::closed(Delivery::NotSent),
    });
    let result = match slot {
        Ok(slot) => {
            let result = under_way(shared, outgoing, ids, started).await;
            slot.ended();
            result
        }
        Err(refused) => Err(refused),
    };
    result.map_err(|error| error.of(&queue, ids.correlation))
}

async fn under_way(
    shared: &Shared,
    outgoing: Outgoing,
    ids: Ids,
    started: Moment,
) -> Result<Reply, RequestError> {
    let timeout = outgoing.timeout();
    let pending = expect(shared, ids.correlation, started + timeout, timeout).await?;
    let message = send_and_wait(shared, outgoing, pending, started).await?;
    incoming::decode(message).inspect_err(|error| {
        if error.kind() == RequestErrorKind::Codec {
            shared.count(Counter::RepliesUnreadable);
        }
    })
}

/// Opens the return address.
async fn expect(
    shared: &Shared,
    id: CorrelationId,
    deadline: Moment,
    timeout: Duration,
) -> Result<PendingReply, RequestError> {
    loop {
        let Some(host) = shared.reply_host.usable(deadline).await? else {
            return Err(RequestError::timeout(timeout, Delivery::NotSent));
        };
        match host.expect_reply(id, deadline) {
            // It vanished a moment ago. The next look sees that, and gets another host.
            Err(ExpectError::Ended(PendingError::HostLost)) => {}
            other => return Ok(other?),
        }
    }
}

/// Sends the request, and waits for its reply meanwhile: it may be here before SQS has answered the send.
async fn send_and_wait(
    shared: &Shared,
    outgoing: Outgoing,
    mut pending: PendingReply,
    started: Moment,
) -> Result<Message, RequestError> {
    let sqs = shared.queues.sqs();
    let timeout = outgoing.timeout();
    let remaining = timeout.saturating_sub(sqs.clock().now().since(started));
    // Its latest bound: a request must never be dropped before its time.
    let expiry = sqs.latest_server_time().map(|now| now + remaining);
    let queue = outgoing.queue().host().clone();
    let entry = outgoing.into_entry(pending.url(), remaining, expiry);

    let outbox = shared.queues.outbox()?;
    let early = {
        let send = pin!(outbox.send(&queue, entry));
        tokio::select! {
            biased;
            reply = &mut pending => Some(reply),
            sent = send => {
                sent.map_err(RequestError::send)?;
                None
            }
        }
    };
    let (reply, delivery) = match early {
        // Who answers has got it.
        Some(Ok(message)) => {
            shared.count(Counter::RequestsSent);
            return Ok(message);
        }
        Some(Err(why)) => (Err(why), Delivery::Unknown),
        None => {
            shared.count(Counter::RequestsSent);
            tracing::debug!("the request is sent");
            (pending.await, Delivery::Sent)
        }
    };
    reply.map_err(|why| RequestError::pending(why, delivery, timeout))
}
