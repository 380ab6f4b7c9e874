//! How a request runs: check, get the reply queue, expect the reply, send, wait, read.
//!
//! Owns: the order of these steps. Does not own: the first half, up to the answered send ([`begin`]), the message that is
//! sent ([`outgoing`]), how a reply is read ([`incoming`]), and requests on a foreign runtime ([`overdue`]).
//! Invariants: there is no call before the whole request is checked; the reply is expected before the request is sent;
//! however a request ends, its slots are freed.

mod begin;
mod incoming;
mod outgoing;
mod overdue;

use std::sync::Arc;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{CorrelationId, QueueUrl, RequestId};
use sqs_rpc_transport::{Counter, mutant};
use tracing::Instrument;

use self::begin::{Begun, Ids, begin};
use crate::shared::Shared;
use crate::{Reply, Request, RequestError, RequestErrorKind};

/// Sends a request and waits for its reply.
///
/// Span and trace context are taken here, in the caller's context, and not at the first poll.
pub(crate) fn exchange(
    shared: Arc<Shared>,
    mut request: Request,
) -> impl Future<Output = Result<Reply, RequestError>> + Send + 'static {
    if request.trace_context.is_none() {
        let counters = shared.queues.sqs().counters();
        request.trace_context = shared
            .options
            .propagate
            .as_ref()
            .and_then(|(code, current)| code.call(counters, || current()).ok()?);
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
    // On the heap, because this future is ten times the size of the wait that follows, which may be long.
    let begun = Box::pin(begin(Arc::clone(&shared), request, ids));
    async move {
        let result = match begun.await {
            Ok(mut begun) => {
                let mut received = begun.received().await;
                if mutant!("slow-reply-dropped")
                    && let Ok(now) = shared.now()
                    && now.since(begun.started) > std::time::Duration::from_secs(2)
                {
                    received = Err(RequestError::closed(sqs_rpc_transport::Delivery::Sent));
                }
                finish(&shared, *begun, received)
            }
            Err(error) => Err(error),
        };
        match &result {
            Ok(_) => tracing::debug!("the reply was received"),
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

/// Decodes the reply, and frees the request's slot.
fn finish(
    shared: &Shared,
    begun: Begun,
    received: Result<Message, RequestError>,
) -> Result<Reply, RequestError> {
    if let Ok(message) = &received
        && let Some(sent) = incoming::sent(message)
    {
        shared.queues.sqs().compare_server_time(sent, begun.started);
    }
    let result = received
        .and_then(|message| incoming::decode(message, begun.request_id()))
        .map_err(|error| begun.blame(error));
    if matches!(&result, Err(error) if error.kind() == RequestErrorKind::Codec) {
        shared.count(Counter::RepliesUnreadable);
    }
    begun.slot.ended();
    result
}
