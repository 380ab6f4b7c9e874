//! The jobs that run beside the driver: handlers, replies, extensions.
//!
//! Owns: the futures, and what they count. Does not own: the messages, which belong to the driver; a job returns a
//! [`Done`] with its outcome. Invariant: a job ends with a [`Done`], whatever the user's code in it does.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures::FutureExt;
use futures::future::join_all;
use sqs_rpc_protocol::{ErrorCode, QueueUrl, RequestId};
use sqs_rpc_transport::{Counter, FaultKind, Moment, WithCauses};

use super::after_handler::{HandlerEnd, Then};
use super::context::ServeContext;
use super::in_hand::{Extended, Extension, Ticket};
use super::waiting::Outside;
use crate::handler::Outcome;
use crate::reply::encode;
use crate::reply::retry::Unsent;
use crate::reply::sender::{Addressee, NotSent, Sent};
use crate::{Reply, Request};

/// A job that has ended.
#[derive(Debug)]
pub(super) enum Done {
    /// A message is finished. `then` says what to do with it.
    Answered { ticket: Ticket, then: Then },
    /// Visibility timeouts were extended, or extending them failed.
    Extended {
        asked: Moment,
        results: Vec<(Extension, Extended)>,
    },
    /// The error reply for a message that cannot be decoded was sent, or could not be sent.
    Complained {
        receipt: String,
        count: Option<u32>,
        /// Whether the error reply was sent.
        told: bool,
    },
}

/// Counts the requests that are being handled, or wait for the outcome of another request's handler: each has a clone
/// of this counter.
#[derive(Debug, Clone, Default)]
pub(super) struct Running(Arc<()>);

impl Running {
    /// The number of clones.
    pub(super) fn count(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl ServeContext {
    /// Handles a request, or finds the reply that it got elsewhere, and sends the reply to `to`. `to` is `None` if the
    /// request is one-way.
    pub(super) async fn handle_and_answer(
        self: Arc<Self>,
        ticket: Ticket,
        request: Box<Request>,
        to: Option<Addressee>,
        running: Running,
    ) -> Done {
        let receive_count = request.receive_count();
        // Panics of the handler and of the store are caught inside. This catches any other panic.
        let work = AssertUnwindSafe(self.handle_once(*request))
            .catch_unwind()
            .await;
        drop(running);
        let (ended, reply) = match work {
            Ok(ended) => ended,
            Err(_) => {
                self.count(Counter::Panics);
                tracing::error!("the responder panicked");
                self.abandon_lost().await;
                HandlerEnd::of(Outcome::Panicked)
            }
        };
        let verdict = ended.verdict(to.is_none(), receive_count, self.options.keep_undecodable);
        let then = match &to {
            Some(to) if verdict.answer => self.answer(to, &reply, verdict.then, ended).await,
            Some(_) => verdict.then,
            None => {
                if verdict.then == Then::Delete {
                    self.count(Counter::OneWay);
                }
                verdict.then
            }
        };
        let then = self.in_its_group(then, receive_count).await;
        Done::Answered { ticket, then }
    }

    /// On a FIFO queue the rest of the group waits for a message that stays, unless this was its last delivery before the
    /// dead-letter queue.
    async fn in_its_group(&self, then: Then, receive_count: Option<u32>) -> Then {
        if then.stays()
            && self.queue.is_fifo()
            && self
                .redrive
                .is_last(&self.sqs, &self.queue, receive_count)
                .await
        {
            return Then::DeadLetter;
        }
        then
    }

    /// Settles a message of a FIFO queue that will never be handled: sends the error reply, and decides what to do with
    /// the message. Its group waits for this.
    pub(super) async fn put_aside(
        self: Arc<Self>,
        ticket: Ticket,
        to: Option<Addressee>,
        count: Option<u32>,
    ) -> Done {
        let told = match &to {
            Some(to) => self.tell_undecodable(to).await,
            None => false,
        };
        let then = if told && !self.options.keep_undecodable {
            Then::Delete
        } else {
            self.in_its_group(Then::LeaveForDeadLetters, count).await
        };
        Done::Answered { ticket, then }
    }

    /// Gives a message back whose job was lost.
    pub(super) async fn give_up(self: Arc<Self>, ticket: Ticket) -> Done {
        // First, because the next receiver of the message must find its key free.
        self.abandon_lost().await;
        Done::Answered {
            ticket,
            then: Then::GiveBack,
        }
    }

    /// Runs the handler.
    pub(super) async fn handle(&self, request: Request) -> (HandlerEnd, Reply) {
        self.count(Counter::Handled);
        let now = self.sqs.clock().now();
        let until = self
            .options
            .handler_timeout
            .until(now, request.deadline().moment());
        let to = request.return_address().cloned();
        let id = request.request_id();
        let outcome = self.handler.handle(request, self.sqs.clock(), until).await;
        self.note(&outcome);
        let (ended, reply) = HandlerEnd::of(outcome);
        match to {
            Some(to) => self.sendable(&to, id, ended, reply),
            None => (ended, reply),
        }
    }

    /// Checks a handler's reply before it is kept or sent. A reply that SQS would refuse is replaced by an error reply.
    fn sendable(
        &self,
        to: &QueueUrl,
        id: Option<RequestId>,
        ended: HandlerEnd,
        reply: Reply,
    ) -> (HandlerEnd, Reply) {
        match encode::check(to, id, &reply) {
            Ok(()) => (ended, reply),
            Err(error) => {
                if self.count_and_tell(error.counter()) {
                    let error = WithCauses(&error);
                    tracing::warn!(%error, "SQS would refuse the handler's reply");
                }
                (ended.with_unsendable(&reply), error.instead_of(&reply))
            }
        }
    }

    fn note(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Reply(reply) => match reply.error_code() {
                None => {}
                Some(code) => {
                    self.count(Counter::HandlerErrors);
                    tracing::debug!(%code, "the handler returned an error reply");
                }
            },
            Outcome::Failed(error) if error.is_undecodable() => {
                // The error's message may quote the request, so it goes to the requester only.
                if self.count_and_tell(Counter::Undecodable) {
                    tracing::warn!("the handler's arguments cannot be made from the request");
                }
            }
            Outcome::Failed(error) => {
                self.count(Counter::HandlerErrors);
                let code = error.code();
                match error.source() {
                    Some(source) => {
                        // Logged as text: for an error that is its own cause, a subscriber that follows the causes
                        // would never end.
                        tracing::warn!(%code, error = %WithCauses(source), "the handler failed");
                    }
                    None => tracing::debug!(%code, "the handler returned an error"),
                }
            }
            Outcome::Panicked => {}
            Outcome::Expired => {
                if self.count_and_tell(Counter::HandlersExpired) {
                    tracing::warn!("a handler was dropped at its timeout");
                }
            }
        }
    }

    /// Sends a reply, and returns what to do with the request's message.
    async fn answer(&self, to: &Addressee, reply: &Reply, then: Then, ended: HandlerEnd) -> Then {
        match self.send_or_wait(to, reply).await {
            Ok(_) => then,
            Err(not_sent) => {
                let counter = match not_sent.why {
                    Unsent::TooLate => Counter::RepliesTooLate,
                    _ => Counter::RepliesUnsendable,
                };
                if self.count_and_tell(counter) {
                    let (why, fault) = (
                        not_sent.why,
                        not_sent.fault.as_ref().map(tracing::field::display),
                    );
                    tracing::warn!(?why, fault, host = %to.address.host(), "a reply was not sent");
                }
                then.unless(not_sent.why, ended)
            }
        }
    }

    /// Sends a reply. While a reply to the same request is being sent to the same address, waits for its outcome
    /// instead and frees the slot. Without this, each duplicate of a request would try its own copy of the reply until
    /// the deadline.
    async fn send_or_wait(&self, to: &Addressee, reply: &Reply) -> Result<Sent, NotSent> {
        let mut outside = None;
        let mut go_outside = || self.go_outside(&mut outside, reply);
        // Requests without an id may be different requests with the same return address.
        let Some(id) = to.request_id else {
            return self.sender.send(to, reply, go_outside).await;
        };
        // The same key for all spellings of the host's URL.
        let host = self.sqs.host_key(to.address.host());
        let name = to.address.as_virtual().map(|url| url.name().clone());
        let work = (host, name, id);
        let mut claiming = pin!(self.sending.claim_or_wait(&work));
        let claimed = match futures::poll!(&mut claiming) {
            Poll::Ready(claimed) => claimed,
            Poll::Pending => {
                go_outside();
                claiming.await
            }
        };
        match claimed {
            Ok(claim) => {
                let result = self.sender.send(to, reply, go_outside).await;
                claim.settle(&result);
                result
            }
            Err(result) => result,
        }
    }

    /// Frees the slot of a reply that begins to wait. If there is no room outside, the reply keeps its slot.
    fn go_outside(&self, outside: &mut Option<Outside>, reply: &Reply) {
        if outside.is_none() {
            *outside = self.slots.reply_goes_outside(reply.size());
        }
    }

    /// Sends the error reply for a message whose header cannot be decoded.
    pub(super) async fn complain(
        self: Arc<Self>,
        to: Addressee,
        receipt: String,
        count: Option<u32>,
    ) -> Done {
        let told = self.tell_undecodable(&to).await;
        Done::Complained {
            receipt,
            count,
            told,
        }
    }

    async fn tell_undecodable(&self, to: &Addressee) -> bool {
        let reply = Reply::error(
            ErrorCode::BAD_REQUEST,
            "the request's header cannot be decoded",
        );
        let mut outside = None;
        let go_outside = || self.go_outside(&mut outside, &reply);
        let told = self.sender.send(to, &reply, go_outside).await.is_ok();
        if !told {
            self.count(Counter::RepliesUnsendable);
        }
        told
    }

    /// Extends visibility timeouts. The outbox puts the changes into batches.
    pub(super) async fn extend(self: Arc<Self>, extensions: Vec<Extension>) -> Done {
        let asked = self.sqs.clock().now();
        let results = extensions.into_iter().map(|extension| async {
            let how = self.extend_one(&extension).await;
            (extension, how)
        });
        Done::Extended {
            asked,
            results: join_all(results).await,
        }
    }

    async fn extend_one(&self, extension: &Extension) -> Extended {
        match self
            .outbox
            .change_visibility(&self.queue, extension.receipt.clone(), extension.timeout)
            .await
        {
            Ok(()) => {
                self.count(Counter::VisibilityExtended);
                Extended::Done
            }
            Err(fault) if fault.is_temporary() => Extended::TryAgain,
            Err(fault) => {
                if fault.kind() == FaultKind::AccessDenied {
                    tracing::warn!(queue = %self.queue, %fault, "requests that take longer than the visibility timeout will be redelivered");
                }
                Extended::Refused
            }
        }
    }
}
