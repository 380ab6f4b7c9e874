//! Sends a reply, with retries.
//!
//! Owns: the loop around [`Attempts`], and the error reply that replaces a reply that SQS refuses. Does not own: whose
//! turn it is at a host that fails (`failing_hosts.rs`), nor what happens to the request afterwards. Invariant: SQS accepts
//! at most one message for a reply, except after sends of unknown outcome.

use std::sync::Arc;

use sqs_rpc_protocol::limits::ANY_QUEUE_TAKES_BYTES;
use sqs_rpc_protocol::{ErrorCode, QueueUrl, RequestId};
use sqs_rpc_transport::{Counter, Fault, Moment, Outbox, Sqs};

use super::Reply;
use super::encode::{EncodeError, Outgoing, encode};
use super::failing_hosts::HostIs;
use super::retry::{Attempts, Next, Unsent};
use super::turn_at_host::Turns;

/// Where a reply goes, and until when it is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Addressee {
    pub(crate) address: QueueUrl,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) deadline: Option<Moment>,
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The reply.
    Reply,
    /// An error reply instead, because the reply was too large.
    TooLarge,
    /// An error reply instead, for another reason.
    Invalid,
}

/// Why nothing was sent.
#[derive(Debug, Clone)]
pub(crate) struct NotSent {
    pub(crate) why: Unsent,
    /// The last answer of SQS, if there was one.
    pub(crate) fault: Option<Fault>,
}

/// Sends replies.
#[derive(Debug, Clone)]
pub(crate) struct ReplySender {
    sqs: Sqs,
    outbox: Outbox,
    turns: Arc<Turns>,
}

impl ReplySender {
    pub(crate) fn new(sqs: Sqs, outbox: Outbox) -> Self {
        let turns = Arc::new(Turns::new(sqs.clone()));
        Self { sqs, outbox, turns }
    }

    /// Sends a reply, or the error reply that replaces it if SQS refuses it. `on_wait` is called whenever the reply
    /// begins to wait before an attempt: for its turn at the host, or after a failure.
    pub(crate) async fn send(
        &self,
        to: &Addressee,
        reply: &Reply,
        mut on_wait: impl FnMut(),
    ) -> Result<Sent, NotSent> {
        let (mut outgoing, mut sent) = match self.encode(to, reply) {
            Ok(outgoing) => (outgoing, Sent::Reply),
            Err(error) => self.instead(to, reply, &error)?,
        };
        let clock = self.sqs.clock();
        let mut attempts = Attempts::new(clock.now(), to.deadline);
        let mut fault = None;
        while !attempts.is_too_late(clock.now()) {
            let call = async {
                let (queue, bytes) = (&outgoing.queue, outgoing.bytes);
                let wait = self
                    .turns
                    .wait(queue, bytes, attempts.first(), &mut on_wait);
                let attempt = wait.await.ok_or(None)?;
                let result = self
                    .outbox
                    .send(&outgoing.queue, outgoing.entry.clone())
                    .await;
                let host = attempt.ended(&result);
                result.map_err(|failed| Some((failed, host)))
            };
            let (failed, host) = match clock.timeout_at(attempts.until(), call).await {
                Ok(Ok(_)) => {
                    self.count(sent);
                    return Ok(sent);
                }
                Ok(Err(Some(failed))) => failed,
                Ok(Err(None)) => {
                    return Err(NotSent {
                        why: Unsent::NoQueue,
                        fault,
                    });
                }
                // If the send was in flight, SQS may have accepted it. A requester handles such a late reply.
                Err(_) if to.deadline.is_some() => break,
                Err(_) => {
                    return Err(NotSent {
                        why: Unsent::Unreachable,
                        fault,
                    });
                }
            };
            let missing_since = match host {
                HostIs::Missing(since) => Some(since),
                HostIs::Well | HostIs::Failing => None,
            };
            match attempts.failed(&failed, missing_since, clock.now(), self.sqs.random()) {
                // Other replies wait for this host, too. `turns.wait` makes this one wait with them.
                Next::At(_) if host == HostIs::Failing => {}
                Next::At(at) => {
                    on_wait();
                    clock.sleep_until(at).await;
                }
                Next::Refused if sent == Sent::Reply => {
                    // All of SQS's general limits were checked before. What remains is the queue's own size limit, if the
                    // message is large enough for that.
                    let bytes = outgoing.bytes;
                    let instead = if reply.error_code().is_some() {
                        // An error keeps its code, because another code would mislead.
                        (
                            reply.bare_error().ok_or_else(NotSent::refused)?,
                            Sent::Invalid,
                        )
                    } else if bytes > ANY_QUEUE_TAKES_BYTES {
                        (
                            Reply::error(ErrorCode::REPLY_TOO_LARGE, TOO_LARGE_FOR_QUEUE),
                            Sent::TooLarge,
                        )
                    } else {
                        (
                            Reply::error(ErrorCode::INTERNAL, "the reply could not be sent"),
                            Sent::Invalid,
                        )
                    };
                    tracing::warn!(bytes, fault = %failed, "the reply queue refused the reply");
                    (outgoing, sent) = (
                        self.encode(to, &instead.0)
                            .map_err(|_| NotSent::refused())?,
                        instead.1,
                    );
                }
                Next::Refused => {
                    return Err(NotSent {
                        why: Unsent::Refused,
                        fault: Some(failed),
                    });
                }
                Next::Stop(why) => {
                    return Err(NotSent {
                        why,
                        fault: Some(failed),
                    });
                }
            }
            fault = Some(failed);
        }
        Err(NotSent {
            why: Unsent::TooLate,
            fault,
        })
    }

    fn encode(&self, to: &Addressee, reply: &Reply) -> Result<Outgoing, EncodeError> {
        encode(&to.address, to.request_id, reply, self.sqs.random())
    }

    fn instead(
        &self,
        to: &Addressee,
        reply: &Reply,
        error: &EncodeError,
    ) -> Result<(Outgoing, Sent), NotSent> {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "the reply cannot be sent"
        );
        let sent = if matches!(error, EncodeError::TooLarge { .. }) {
            Sent::TooLarge
        } else {
            Sent::Invalid
        };
        let outgoing = self
            .encode(to, &error.instead_of(reply))
            .map_err(|_| NotSent::refused())?;
        Ok((outgoing, sent))
    }

    fn count(&self, sent: Sent) {
        let counters = self.sqs.counters();
        counters.count(Counter::RepliesSent);
        match sent {
            Sent::Reply => {}
            Sent::TooLarge => counters.count(Counter::RepliesTooLarge),
            Sent::Invalid => counters.count(Counter::RepliesUnsendable),
        }
    }
}

const TOO_LARGE_FOR_QUEUE: &str = "the reply is larger than the reply queue's limit";

impl NotSent {
    /// SQS refused even the error reply. Does not happen: the responder's own error replies are short and valid.
    const fn refused() -> Self {
        Self {
            why: Unsent::Refused,
            fault: None,
        }
    }
}
