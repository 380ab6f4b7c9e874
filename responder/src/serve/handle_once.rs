//! How a request is handled once, among all responders that share a reply store.
//!
//! Owns: the order of checks (this responder's other requests, then the store); the renewal of a lease while the
//! handler runs; and the reply that is kept afterwards. Does not own: the handler's end (`jobs.rs`), nor the message's
//! end (`after_handler.rs`). Invariants: under an idempotency key no handler runs unless the store answered [`Begun::Mine`];
//! a request that waits for another request's handler occupies no slot.

use std::convert::Infallible;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::join_all;
use sqs_rpc_protocol::ErrorCode;
use sqs_rpc_transport::{Counter, Moment, mutant};

use super::after_handler::HandlerEnd;
use super::context::ServeContext;
use super::waiting::Outside;
use crate::store::guarded::{Place, StoreFailed};
use crate::store::{Begun, Completed, Fingerprint, Holder, ReplyKey};
use crate::{Deadline, Reply, Request};

/// The shortest lease. It has to outlast a call of the store that hangs, and the next call.
const SHORTEST_LEASE: Duration = Duration::from_secs(20);
/// The longest lease. A process that dies holds its keys for up to this time.
const LONGEST_LEASE: Duration = Duration::from_secs(5 * 60);

/// Bounds of the store's `ask_again`.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The store's answer about a request.
enum Asked {
    /// Handle the request. `true` if the place in the store is held.
    Handle(bool),
    /// Do not handle the request; it has this end and reply.
    HandlerEnd(HandlerEnd, Reply),
}

impl ServeContext {
    /// Handles a request, or finds the outcome of handling it elsewhere: in this or another process, now or earlier.
    pub(super) async fn handle_once(&self, request: Request) -> (HandlerEnd, Reply) {
        let Some(key) = ReplyKey::of(&request) else {
            return self.handle_in_slot(request).await;
        };
        let fingerprint = Fingerprint::of(&request);
        if mutant!("no-claim") {
            return self.handle_held(key, fingerprint, request, None).await;
        }
        let (claim, outside) = {
            let work = (key.clone(), fingerprint);
            let mut claiming = pin!(self.handling.claim_or_wait(&work));
            let mut outside = None;
            let claimed = match futures::poll!(&mut claiming) {
                Poll::Ready(claimed) => claimed,
                Poll::Pending => {
                    outside = self.slots.go_outside();
                    if outside.is_none() {
                        return self.no_room();
                    }
                    tokio::select! {
                        biased;
                        claimed = claiming => claimed,
                        () = request.deadline().passed() => return self.expired_outside(),
                    }
                }
            };
            match claimed {
                Ok(claim) => (claim, outside),
                Err(outcome) => {
                    self.count(match outcome.0 {
                        HandlerEnd::PutBack | HandlerEnd::NoRoom => Counter::DuplicatesPutBack,
                        HandlerEnd::Reused => Counter::KeysReused,
                        _ => Counter::DuplicateRequests,
                    });
                    return outcome;
                }
            }
        };
        let outcome = self.handle_held(key, fingerprint, request, outside).await;
        // `Unwanted` means that this request's own deadline has passed. Other waiters may have later deadlines, so the
        // claim passes to one of them.
        if outcome.0 != HandlerEnd::Unwanted {
            claim.settle(&outcome);
        }
        outcome
    }

    /// Asks the store, and handles the request if the store allows it.
    async fn handle_held(
        &self,
        key: ReplyKey,
        fingerprint: Fingerprint,
        request: Request,
        outside: Option<Outside>,
    ) -> (HandlerEnd, Reply) {
        let holder = Holder::random(self.sqs.random());
        let place = Place {
            key,
            fingerprint,
            holder,
        };
        let is_held = match self.ask(&place, request.deadline(), outside).await {
            Asked::Handle(is_held) => is_held,
            Asked::HandlerEnd(ended, reply) => return (ended, reply),
        };
        if !is_held {
            return self.handle_in_slot(request).await;
        }
        let mut holding = self.held.hold(&self.store, &place);
        let one_way = request.return_address().is_none();
        let (ended, reply) = self.handle_renewing(&place, request).await;
        if ended.is_lasting(&place.key, one_way) {
            self.keep(&place, &reply).await;
        } else {
            // If this fails, it is counted, and the key is free when the lease ends.
            drop(self.store.abandon(&place).await);
        }
        holding.is_told = true;
        (ended, reply)
    }

    /// Asks the store until the request is to be handled here, or has an outcome.
    async fn ask(&self, place: &Place, deadline: &Deadline, mut outside: Option<Outside>) -> Asked {
        loop {
            let begun = self.store.begin_or_skip(place, self.lease()).await;
            let ask_again = match begun {
                Ok(Begun::Mine) => return Asked::Handle(true),
                Ok(Begun::Done(reply)) if !mutant!("reply-forgotten") => {
                    self.count(Counter::DuplicateRequests);
                    return Asked::HandlerEnd(HandlerEnd::Done, reply);
                }
                Ok(Begun::InProgress { .. }) if mutant!("no-claim") => return Asked::Handle(true),
                Ok(Begun::InProgress { ask_again }) => ask_again,
                Ok(Begun::Mismatch) if place.key.is_idempotency_key() => {
                    if self.count_and_tell(Counter::KeysReused) {
                        tracing::warn!(queue = %self.queue, "an idempotency key was used for another request, which is refused");
                    }
                    return Asked::HandlerEnd(HandlerEnd::Reused, key_reused());
                }
                Err(StoreFailed) if place.key.is_idempotency_key() => {
                    self.count(Counter::DuplicatesPutBack);
                    return Asked::HandlerEnd(HandlerEnd::PutBack, nothing());
                }
                // A request id or message id is not chosen by a user. A mismatch then means another request, and a
                // failure that the store cannot help: handle the request as without a store.
                Ok(Begun::Mismatch | Begun::Done(_)) | Err(StoreFailed) => {
                    return Asked::Handle(false);
                }
            };
            if outside.is_none() {
                outside = self.slots.go_outside();
            }
            if outside.is_none() {
                let (ended, reply) = self.no_room();
                return Asked::HandlerEnd(ended, reply);
            }
            let wait = ask_again.clamp(SHORTEST_WAIT, LONGEST_WAIT);
            tokio::select! {
                biased;
                () = deadline.passed() => {
                    let (ended, reply) = self.expired_outside();
                    return Asked::HandlerEnd(ended, reply);
                }
                () = self.sqs.clock().sleep(wait) => {}
            }
        }
    }

    /// Runs the handler, and renews the lease as long as it runs.
    async fn handle_renewing(&self, place: &Place, request: Request) -> (HandlerEnd, Reply) {
        let mut work = pin!(self.handle_in_slot(request));
        // Most handlers end at once, without the need for a timer.
        if let Poll::Ready(outcome) = futures::poll!(&mut work) {
            return outcome;
        }
        tokio::select! {
            biased;
            outcome = work => outcome,
            never = self.renew(place) => match never {},
        }
    }

    async fn renew(&self, place: &Place) -> Infallible {
        let lease = self.lease();
        let mut wait = lease / 2;
        loop {
            self.sqs.clock().sleep(wait).await;
            if mutant!("store-lease-not-renewed") {
                continue;
            }
            wait = match self.store.begin(place, lease).await {
                Ok(Begun::Mine) => lease / 2,
                Err(StoreFailed) => lease / 8,
                // The lease is lost. `complete` will answer `Superseded`.
                Ok(_) => std::future::pending().await,
            };
        }
    }

    async fn handle_in_slot(&self, request: Request) -> (HandlerEnd, Reply) {
        let _slot = self.slots.handler().await;
        self.handle(request).await
    }

    async fn keep(&self, place: &Place, reply: &Reply) {
        let age = if place.key.is_idempotency_key() {
            self.options.keep_keyed_replies
        } else {
            self.options.keep_replies()
        };
        if let Ok(Completed::Superseded) = self.store.complete(place, reply, age).await
            && self.count_and_tell(Counter::RepliesSuperseded)
        {
            tracing::warn!(queue = %self.queue, "a handler's lease ended before the handler, and its request was handled elsewhere, too");
        }
    }

    /// Abandons the places of lost jobs, so that their requests can be handled again.
    pub(super) async fn abandon_lost(&self) {
        let lost = self.held.take_lost();
        join_all(lost.iter().map(|place| self.store.abandon(place))).await;
    }

    /// Abandons the places of handlers that are dropped. Waits until `at` at the longest.
    pub(super) async fn abandon(&self, held: &[Place], at: Moment) {
        let abandon = held.iter().map(|place| self.store.abandon(place));
        // Keys that are not abandoned in time are free when their leases end.
        drop(self.sqs.clock().timeout_at(at, join_all(abandon)).await);
    }

    fn lease(&self) -> Duration {
        self.options.visibility.clamp(SHORTEST_LEASE, LONGEST_LEASE)
    }

    /// Too many duplicates wait already, so the message is given back to SQS.
    fn no_room(&self) -> (HandlerEnd, Reply) {
        self.count(Counter::DuplicatesPutBack);
        (HandlerEnd::NoRoom, nothing())
    }

    fn expired_outside(&self) -> (HandlerEnd, Reply) {
        self.count(Counter::Expired);
        (HandlerEnd::Unwanted, nothing())
    }
}

fn key_reused() -> Reply {
    Reply::error(
        ErrorCode::IDEMPOTENCY_KEY_REUSED,
        "the idempotency key belongs to a request with another body, content type or operation, or from another caller",
    )
}

/// A placeholder for a reply that is not sent.
fn nothing() -> Reply {
    Reply::error(ErrorCode::INTERNAL, "")
}
