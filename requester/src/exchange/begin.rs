//! The first half of a request, until SQS has answered its send.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, SendMessageBatchRequestEntry};
use sqs_rpc_protocol::{CorrelationId, QueueUrl, RequestId};
use sqs_rpc_transport::{Counter, Delivery, Moment, mutant};
use sqs_virtual_queues::{ExpectError, PendingError, PendingReply};

use super::outgoing::Outgoing;
use super::overdue::Overdue;
use crate::shared::Shared;
use crate::slots::{Refused, Slot};
use crate::{Request, RequestError};

/// The ids of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    pub(super) request: RequestId,
    pub(super) correlation: CorrelationId,
}

/// A request that was sent.
pub(super) struct Begun {
    pub(super) slot: Slot,
    queue: QueueUrl,
    ids: Ids,
    timeout: Duration,
    /// When the request began. Its reply cannot have been sent earlier.
    pub(super) started: Moment,
    progress: Progress,
    overdue: Overdue,
}

/// How far a request is.
enum Progress {
    /// SQS has accepted the request.
    Sent(PendingReply),
    /// The reply arrived before SQS had answered the send. `None` once the reply is taken.
    Answered(Option<Message>),
}

impl Begun {
    /// Waits for the reply. Call it once.
    pub(super) async fn received(&mut self) -> Result<Message, RequestError> {
        let ended = match &mut self.progress {
            Progress::Sent(pending) => tokio::select! {
                biased;
                ended = pending => ended,
                () = &mut self.overdue => Err(PendingError::TimedOut),
            },
            Progress::Answered(message) => message.take().ok_or(PendingError::Closed),
        };
        ended.map_err(|why| RequestError::pending(why, Delivery::Sent, self.timeout))
    }

    /// Adds this request's queue and correlation id to the error.
    pub(super) fn blame(&self, error: RequestError) -> RequestError {
        error.of(&self.queue, self.ids.correlation)
    }

    /// The request id in the header.
    pub(super) const fn request_id(&self) -> RequestId {
        self.ids.request
    }
}

/// Checks the request, takes its slot, and sends it. The request's timeout begins here.
pub(super) async fn begin(
    shared: Arc<Shared>,
    request: Request,
    ids: Ids,
) -> Result<Box<Begun>, RequestError> {
    let started = shared.now()?;
    let outgoing = Outgoing::new(request, ids.request, shared.options.timeout)?;
    let (queue, timeout, id) = (
        outgoing.queue().clone(),
        outgoing.timeout(),
        ids.correlation,
    );
    if shared.reply_queue.is_given_as(&queue) {
        return Err(RequestError::invalid(ToReplyQueue).of(&queue, id));
    }
    let slot = match shared.slots.take() {
        Ok(slot) => slot,
        Err(Refused::Full(max)) => return Err(RequestError::overloaded(max).of(&queue, id)),
        Err(Refused::Closed) => return Err(RequestError::closed(Delivery::NotSent).of(&queue, id)),
    };
    match open_and_send(&shared, outgoing, id, started).await {
        Ok((progress, overdue)) => Ok(Box::new(Begun {
            slot,
            queue,
            ids,
            timeout,
            started,
            progress,
            overdue,
        })),
        Err(error) => {
            slot.ended();
            Err(error.of(&queue, id))
        }
    }
}

/// Nobody would answer a request that is sent to a reply queue: it is a message for no virtual queue.
#[derive(Debug, thiserror::Error)]
#[error("expected a queue that a responder serves, found the requester's own `reply_queue`")]
struct ToReplyQueue;

async fn open_and_send(
    shared: &Shared,
    outgoing: Outgoing,
    id: CorrelationId,
    started: Moment,
) -> Result<(Progress, Overdue), RequestError> {
    let timeout = outgoing.timeout();
    let mut deadline = started + timeout;
    if mutant!("timeout-late") {
        deadline += Duration::from_millis(60);
    }
    if mutant!("timeout-early") {
        deadline = started + timeout * 9 / 10;
    }
    if mutant!("timeout-never") {
        deadline += Duration::from_secs(3_600);
    }
    let mut overdue = Overdue::new(&shared.queues, deadline);
    let pending = tokio::select! {
        biased;
        opened = open(shared, id, deadline, timeout) => opened?,
        () = &mut overdue => return Err(RequestError::timeout(timeout, Delivery::NotSent)),
    };
    let progress = send(shared, outgoing, pending, started, &mut overdue).await?;
    Ok((progress, overdue))
}

/// Opens the return address.
async fn open(
    shared: &Shared,
    id: CorrelationId,
    deadline: Moment,
    timeout: Duration,
) -> Result<PendingReply, RequestError> {
    loop {
        let Some(host) = shared.reply_queue.usable(deadline).await? else {
            return Err(RequestError::timeout(timeout, Delivery::NotSent));
        };
        match host.expect_reply(id, deadline) {
            // The host was lost a moment ago. The next `usable` sees this, and returns another host.
            Err(ExpectError::Ended(PendingError::HostLost)) => {}
            other => return Ok(other?),
        }
    }
}

/// Sends the request. Its reply may arrive, or its deadline may pass, before SQS has answered the send.
async fn send(
    shared: &Shared,
    outgoing: Outgoing,
    mut pending: PendingReply,
    started: Moment,
    overdue: &mut Overdue,
) -> Result<Progress, RequestError> {
    let sqs = shared.queues.sqs();
    let timeout = outgoing.timeout();
    let remaining = timeout.saturating_sub(sqs.clock().now().since(started));
    // The latest that SQS's time can be, so that no request is dropped before its deadline.
    let expiry = sqs.latest_server_time().map(|now| now + remaining);
    let queue = outgoing.queue().host().clone();
    let (entry, header) = outgoing.into_entry(pending.url(), expiry);
    let (clock, deadline) = (sqs.clock().clone(), started + timeout);
    // The stamp owns one handle and is dropped with the entry, so that the other handle then is the only one.
    let was_out = Arc::new(AtomicBool::new(false));
    let goes_out = Arc::clone(&was_out);
    // Each attempt writes the time that remains then: a batch may wait for its turn, and an entry may be tried again.
    let stamp = move |message: &mut SendMessageBatchRequestEntry| {
        goes_out.store(true, Ordering::Relaxed);
        header.write(message, deadline.since(clock.now()));
    };

    let outbox = shared.queues.outbox()?;
    let early = {
        let send = pin!(outbox.send_stamped(&queue, entry, stamp));
        tokio::select! {
            biased;
            reply = &mut pending => Some(reply),
            sent = send => {
                sent.map_err(RequestError::send)?;
                None
            }
            () = overdue => Some(Err(PendingError::TimedOut)),
        }
    };
    let progress = match early {
        None => Progress::Sent(pending),
        // The responder has answered, so SQS has accepted the request.
        Some(Ok(message)) => Progress::Answered(Some(message)),
        Some(Err(why)) => {
            // An entry that was in no call was removed, and the stamp dropped, when its send was dropped.
            let in_no_call = Arc::into_inner(was_out).is_some_and(|was_out| !was_out.into_inner());
            let delivery = if in_no_call {
                Delivery::NotSent
            } else {
                Delivery::Unknown
            };
            return Err(RequestError::pending(why, delivery, timeout));
        }
    };
    shared.count(Counter::RequestsSent);
    tracing::debug!("the request was sent");
    Ok(progress)
}
