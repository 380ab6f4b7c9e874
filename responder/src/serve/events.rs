//! What the driver does with messages: admit, start, answer, settle.
//!
//! Owns: the way of a message through the pure parts and the jobs. Invariant: every received message is admitted,
//! deleted, hidden for a while, or (if damaged) left as it is. Once it is not in hand, it is settled with the poll
//! controller.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use sqs_rpc_protocol::{QueueUrl, SqsTime};
use sqs_rpc_transport::{Counter, Use, mutant};
use tracing::Instrument;

use super::after_handler::{Then, is_first};
use super::context::ServeContext;
use super::driver::{Driver, Payload, Work};
use super::expired::{Judged, JudgedBy};
use super::hide_time::{
    hidden_after, hidden_for_dead_letters, hidden_when_lost, hidden_without_room,
};
use super::in_hand::{Admission, Arrival, MessageKey, Out, Ticket};
use super::jobs::Done;
use crate::reply::sender::Addressee;
use crate::request::{self, Received};
use crate::{Deadline, Request};

impl Driver {
    /// Handles the messages of a poll.
    pub(super) fn received(&mut self, messages: Vec<Message>) -> Use {
        let mut used = Use::Nothing;
        // FIFO: groups of which a message stays in SQS. Messages behind it must not overtake it.
        let mut blocked = HashSet::new();
        for message in messages {
            let group = self
                .context
                .queue
                .is_fifo()
                .then(|| group(&message))
                .flatten();
            if let (Some(group), Some(receipt)) = (&group, message.receipt_handle())
                && blocked.contains(group)
            {
                self.put_back(receipt.to_owned(), Duration::ZERO);
                continue;
            }
            let one = self.received_one(message, group.clone());
            used = used.max(one);
            if one == Use::Nothing {
                blocked.extend(group);
            }
        }
        used
    }

    /// A damaged message is of no use, and stays in SQS.
    fn received_one(&mut self, message: Message, group: Option<String>) -> Use {
        let receipt = message.receipt_handle().unwrap_or_default().to_owned();
        let key = MessageKey {
            id: message.message_id().unwrap_or_default().to_owned(),
            sent: request::sent(&message),
        };
        let count = request::receive_count(&message);
        let context = Arc::clone(&self.context);
        let queue = &context.queue;
        let (received, judged) = self.read(message);
        match received {
            Received::Request(request) => {
                context.count(Counter::RequestsReceived);
                if request.deadline().is_past() && !mutant!("expired-is-handled") {
                    self.expired(receipt, request.message_id(), judged);
                } else {
                    return self.admit(request, key, receipt, group);
                }
            }
            Received::Corrupted => {
                if context.count_and_tell(Counter::Corrupted) {
                    tracing::warn!(%queue, "a received message is damaged");
                }
                self.polls.settled(1);
                return Use::Nothing;
            }
            Received::Undecodable { error, address } => {
                if context.count_and_tell(Counter::Undecodable) {
                    // The error's causes are not logged, because they quote the header. The dead-letter queue shows the
                    // header.
                    tracing::warn!(%queue, %error, "a request cannot be decoded");
                }
                let keep = context.options.keep_undecodable;
                match address.filter(|_| !keep || is_first(count)) {
                    address if queue.is_fifo() => {
                        return self.put_aside(key, receipt, group, count, address);
                    }
                    Some(address) => self.complain(address, receipt, count),
                    None => self.put_back(receipt, hidden_for_dead_letters(count)),
                }
            }
            Received::Refused(refusal) => {
                if context.count_and_tell(Counter::AddressesRefused) {
                    tracing::warn!(%queue, %refusal, "the return address of a request is refused; the request stays on its queue");
                }
                if queue.is_fifo() {
                    return self.put_aside(key, receipt, group, count, None);
                }
                self.put_back(receipt, hidden_for_dead_letters(count));
            }
        }
        Use::New
    }

    /// Admits a message that will never be handled. Messages behind it in its group wait in hand until it is settled.
    fn put_aside(
        &mut self,
        key: MessageKey,
        receipt: String,
        group: Option<String>,
        receive_count: Option<u32>,
        address: Option<QueueUrl>,
    ) -> Use {
        let payload = Payload {
            work: Some(Work::PutAside(address)),
            deadline: Deadline::new(None, self.context.sqs.clock().clone()),
            receive_count,
            span: tracing::Span::none(),
        };
        self.take_in(Arrival {
            key,
            receipt,
            group,
            payload,
        })
    }

    /// The addressee of the error reply for a message that cannot be decoded.
    fn addressee(&self, address: QueueUrl) -> Addressee {
        let ServeContext { sqs, options, .. } = &*self.context;
        Addressee {
            address,
            request_id: None,
            // On a standard queue the visibility timeout of such a message is not extended, so the reply is given up
            // well before that timeout ends.
            deadline: Some(sqs.clock().now() + options.visibility / 2),
        }
    }

    /// Starts the error reply for a message that cannot be decoded. The message is settled when the reply has ended.
    fn complain(&mut self, address: QueueUrl, receipt: String, count: Option<u32>) {
        let context = Arc::clone(&self.context);
        let to = self.addressee(address);
        self.complaints += 1;
        let lost = Done::Complained {
            receipt: receipt.clone(),
            count,
            told: false,
        };
        self.start_job(lost, context.complain(to, receipt, count));
    }

    /// Reads a message, and says why it has expired if it has.
    fn read(&self, message: Message) -> (Received, Option<Judged>) {
        let ServeContext {
            sqs,
            options,
            queue,
            ..
        } = &*self.context;
        let sent_at = request::sent(&message);
        let judged = Cell::new(None);
        let received = Received::read(
            message,
            queue,
            &options.return_addresses,
            |envelope, sent| {
                let mut server_now = sqs.earliest_server_time();
                if mutant!("deadline-by-local-clock") {
                    let wall = sqs.clock().wall().duration_since(std::time::UNIX_EPOCH);
                    let wall = wall.unwrap_or_default().as_millis();
                    server_now = Some(SqsTime::from_millis(wall as u64));
                }
                let remaining = envelope.deadline().remaining(server_now, sent);
                if remaining == Some(Duration::ZERO) {
                    judged.set(Some(Judged::on_arrival(
                        envelope.deadline(),
                        server_now,
                        sent_at,
                    )));
                }
                let at = remaining.map(|remaining| sqs.clock().now() + remaining);
                Deadline::new(at, sqs.clock().clone())
            },
        );
        (received, judged.into_inner())
    }

    fn admit(
        &mut self,
        request: Box<Request>,
        key: MessageKey,
        receipt: String,
        group: Option<String>,
    ) -> Use {
        let arrival = Arrival {
            key,
            receipt,
            group,
            payload: Payload {
                deadline: request.deadline().clone(),
                receive_count: request.receive_count(),
                span: span(&request),
                work: Some(Work::Handle(request)),
            },
        };
        self.take_in(arrival)
    }

    fn take_in(&mut self, arrival: Arrival<Payload>) -> Use {
        match self.hand.admit(arrival, self.context.sqs.clock().now()) {
            Admission::Handle(ticket) => self.handle(ticket),
            Admission::Queue => {}
            // The message counts as in flight twice until the timeout of its first receive ends, which mostly has ended.
            Admission::Again => {
                self.context.count(Counter::DuplicateRequests);
                return Use::Repeats;
            }
        }
        Use::New
    }

    fn handle(&mut self, ticket: Ticket) {
        let Some(payload) = self.hand.payload(ticket) else {
            return;
        };
        let lost = Done::Answered {
            ticket,
            then: Then::GiveBack,
        };
        let request = match payload.work.take() {
            Some(Work::Handle(request)) => request,
            Some(Work::PutAside(address)) => {
                let count = payload.receive_count;
                let to = address.map(|address| self.addressee(address));
                let job = Arc::clone(&self.context).put_aside(ticket, to, count);
                return self.start_job(lost, job);
            }
            None => return,
        };
        if mutant!("claim-leaks") && request.receive_count().is_some_and(|count| count > 1) {
            return;
        }
        let to = request.return_address().map(|address| Addressee {
            address: address.clone(),
            request_id: request.request_id(),
            deadline: request.deadline().moment(),
        });
        let job = Arc::clone(&self.context)
            .handle_and_answer(ticket, request, to, self.handling.clone())
            .instrument(payload.span.clone());
        if mutant!("deleted-before-reply")
            && let Some(receipt) = self.hand.receipt(ticket)
        {
            let queue = &self.context.queue;
            self.context.outbox.delete_later(queue, receipt);
        }
        self.start_job(lost, job);
    }

    /// Handles the end of a job.
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Answered { ticket, then } => self.settle(ticket, then),
            Done::Extended { asked, results } => {
                let now = self.context.sqs.clock().now();
                for (extension, how) in results {
                    if let Some(until) = self.hand.extended(&extension, how, asked, now) {
                        self.polls.extended(&extension.receipt, until);
                    }
                }
            }
            Done::Complained {
                receipt,
                count,
                told,
            } => {
                self.complaints -= 1;
                if told && !self.context.options.keep_undecodable {
                    self.context
                        .outbox
                        .delete_later(&self.context.queue, receipt);
                    self.polls.settled(1);
                } else {
                    self.put_back(receipt, hidden_for_dead_letters(count));
                }
            }
        }
    }

    /// Removes a message from the table, and deletes or hides it.
    fn settle(&mut self, ticket: Ticket, then: Then) {
        if let Some(drain) = &mut self.drain {
            drain.drained.finished += 1;
        }
        match then {
            Then::Delete => {
                let next = self.delete(ticket);
                self.start_next(next);
            }
            Then::DeadLetter => {
                let Some((out, next)) = self.hand.delete(ticket) else {
                    return;
                };
                let hidden = hidden_for_dead_letters(out.payload.receive_count);
                self.put_back_out(out, hidden);
                self.start_next(next);
            }
            Then::Leave | Then::LeaveSoon | Then::LeaveForDeadLetters | Then::GiveBack => {
                let Some((out, behind)) = self.hand.leave(ticket) else {
                    return;
                };
                let count = out.payload.receive_count;
                let hidden = match then {
                    Then::GiveBack => hidden_when_lost(count),
                    Then::LeaveSoon => hidden_without_room(count),
                    Then::LeaveForDeadLetters => hidden_for_dead_letters(count),
                    Then::Leave | Then::Delete | Then::DeadLetter => hidden_after(count),
                };
                self.put_back_out(out, hidden);
                for out in behind {
                    self.put_back_out(out, Duration::ZERO);
                }
            }
        }
    }

    /// Deletes a message, and returns the next of its group.
    fn delete(&mut self, ticket: Ticket) -> Option<Ticket> {
        let (out, next) = self.hand.delete(ticket)?;
        self.settled(out.is_extended.then_some(&out.receipt));
        self.context
            .outbox
            .delete_later(&self.context.queue, out.receipt);
        next
    }

    /// Tells the poll controller that a message is not in flight any more. A message whose visibility was extended is
    /// known to the controller by its receipt handle.
    fn settled(&mut self, extended: Option<&str>) {
        match extended {
            Some(receipt) => {
                let now = self.context.sqs.clock().now();
                self.polls.settled_by_handle(receipt, now);
            }
            None => self.polls.settled(1),
        }
    }

    fn start_next(&mut self, mut next: Option<Ticket>) {
        while let Some(ticket) = next {
            next = self.start(ticket);
        }
    }

    /// Starts a message that waited for its group. If the message has expired, deletes it and returns the next of its
    /// group.
    fn start(&mut self, ticket: Ticket) -> Option<Ticket> {
        if self.hand.payload(ticket)?.deadline.is_past() {
            self.context.count(Counter::Expired);
            self.tell_of_expired(None, None);
            return self.delete(ticket);
        }
        self.handle(ticket);
        None
    }

    fn expired(&mut self, receipt: String, message_id: &str, judged: Option<Judged>) {
        self.context.count(Counter::Expired);
        self.tell_of_expired(Some(message_id), judged);
        self.context
            .outbox
            .delete_later(&self.context.queue, receipt);
        self.polls.settled(1);
    }

    /// Logs at most one line in 10 s.
    fn tell_of_expired(&mut self, message_id: Option<&str>, judged: Option<Judged>) {
        let now = self.context.sqs.clock().now();
        if let Some(dropped) = self.expired_lines.dropped(now) {
            let judged = judged.unwrap_or(Judged {
                clock: JudgedBy::Here,
                age: None,
            });
            tracing::warn!(
                queue = %self.context.queue,
                message_id,
                age = judged.age.map(tracing::field::debug),
                judged_by = %judged.clock,
                dropped,
                "expired requests were dropped: nobody waits for their replies any more"
            );
        }
    }

    /// Leaves a message to SQS, hidden for this time. The message is in flight until that ends.
    fn put_back(&mut self, receipt: String, hidden: Duration) {
        self.put_back_one(receipt, false, hidden);
    }

    fn put_back_out(&mut self, out: Out<Payload>, hidden: Duration) {
        self.put_back_one(out.receipt, out.is_extended, hidden);
    }

    fn put_back_one(&mut self, receipt: String, is_extended: bool, hidden: Duration) {
        if hidden.is_zero() {
            self.settled(is_extended.then_some(&receipt));
        } else {
            let until = self.context.sqs.clock().now() + hidden;
            self.polls.extended(&receipt, until);
        }
        self.context
            .outbox
            .change_visibility_later(&self.context.queue, receipt, hidden);
    }
}

fn group(message: &Message) -> Option<String> {
    message
        .attributes()?
        .get(&MessageSystemAttributeName::MessageGroupId)
        .cloned()
}

/// The span in which a request is handled and answered. It has nothing of the request's contents.
fn span(request: &Request) -> tracing::Span {
    use tracing::field::{Empty, display};

    let span = tracing::info_span!(
        "handle request",
        queue = %request.queue(),
        message_id = request.message_id(),
        request_id = Empty,
        correlation_id = Empty,
        trace_id = Empty,
        parent_id = Empty,
    );
    if let Some(id) = request.request_id() {
        span.record("request_id", display(id));
    }
    if let Some(url) = request
        .return_address()
        .and_then(|address| address.as_virtual())
    {
        span.record("correlation_id", display(url.name()));
    }
    if let Some(trace) = request.trace_context() {
        span.record(
            "trace_id",
            display(format_args!("{:032x}", trace.trace_id())),
        );
        span.record(
            "parent_id",
            display(format_args!("{:016x}", trace.parent_id())),
        );
    }
    span
}

#[cfg(test)]
mod tests {
    use local_sqs::LocalSqs;
    use sqs_rpc_transport::{ClientApi, Clock, Sqs};
    use tokio::time::advance;

    use super::super::context::Handling;
    use super::*;
    use crate::handler::BoxedHandler;
    use crate::options::Options;

    /// A driver with this number of messages in hand, whose handlers never end. The visibility timeout is 30 s.
    async fn driver(messages: usize) -> Driver {
        let local = LocalSqs::start();
        let queue = local.create_queue("requests").await.unwrap();
        for body in 0..messages {
            let send = local.client().send_message().queue_url(&queue);
            send.message_body(body.to_string()).send().await.unwrap();
        }
        let sqs = Sqs::builder(ClientApi::new(&local.client()))
            .clock(Clock::tokio(
                std::time::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            ))
            .build();
        let handler = BoxedHandler::of_handler(std::future::pending::<()>, (), sqs.counters());
        let options = Options::default().check().unwrap();
        let queue = queue.parse().unwrap();
        let mut driver = Driver::new(sqs, options, queue, handler, Handling::default()).unwrap();
        while driver.hand.len() < messages {
            driver.start_polls();
            let polled = driver.polled.recv().await.unwrap();
            driver.take(polled).unwrap();
        }
        driver
    }

    async fn extend(driver: &mut Driver) {
        driver.extend();
        let ended = driver.jobs.join_next_with_id().await.unwrap();
        driver.job_ended(ended);
    }

    fn in_flight(driver: &mut Driver) -> usize {
        // The controller forgets messages here whose timeouts have ended.
        driver.polls.set_demand(0);
        driver.polls.start(driver.context.sqs.clock().now());
        driver.polls.in_flight()
    }

    #[tokio::test(start_paused = true)]
    async fn an_extended_message_is_in_flight_until_it_is_settled() {
        let mut driver = driver(2).await;
        let tickets = driver.hand.tickets();
        advance(Duration::from_secs(16)).await;
        extend(&mut driver).await;
        advance(Duration::from_secs(20)).await;
        assert_eq!(in_flight(&mut driver), 2, "36 s after the receive");
        driver.delete(tickets[0]);
        driver.delete(tickets[0]);
        assert_eq!(in_flight(&mut driver), 1);
        driver.settle(tickets[1], Then::GiveBack);
        assert_eq!(in_flight(&mut driver), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_in_flight_while_it_is_hidden() {
        let mut driver = driver(1).await;
        let ticket = driver.hand.tickets()[0];
        driver.settle(ticket, Then::Leave);
        advance(Duration::from_secs(9)).await;
        assert_eq!(in_flight(&mut driver), 1);
        advance(Duration::from_secs(1)).await;
        assert_eq!(in_flight(&mut driver), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_redelivered_message_is_in_flight_once() {
        let mut driver = driver(1).await;
        let ticket = driver.hand.tickets()[0];
        advance(Duration::from_secs(16)).await;
        extend(&mut driver).await;
        // No further extension is made, so the message becomes visible.
        advance(Duration::from_secs(31)).await;
        driver.start_polls();
        let polled = driver.polled.recv().await.unwrap();
        driver.take(polled).unwrap();
        assert_eq!((driver.hand.len(), in_flight(&mut driver)), (1, 1));
        driver.delete(ticket);
        assert_eq!(in_flight(&mut driver), 0);
    }
}
