//! What the router says: what becomes of a message, what fell due, what a receiver gets.

use std::task::Waker;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{SqsTime, VirtualQueueName};

use super::buffer::{Taken, Ticket};
use super::extend::Extension;
use crate::sqs::Moment;

/// Circumstances of a message that came out of a poll.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// When the poll returned.
    pub(crate) received: Moment,
    /// When SQS shows it to others again, at the earliest.
    pub(crate) visible_until: Moment,
    /// SQS's time at the earliest, if known.
    pub(crate) server_now: Option<SqsTime>,
}

/// What to do with a message.
#[derive(Debug)]
pub(crate) enum Routed<S> {
    /// Give it to the request, delete it.
    Reply(S, Box<Message>),
    /// It is in a buffer; wake a receiver.
    Buffered(Option<Waker>),
    /// It was in a buffer already and has got its newest receipt handle.
    Again,
    /// Its buffer is full: make it visible again after this time.
    Full(Duration, Box<Message>),
    /// It answers another process's request: make it visible again after this time.
    Foreign(Duration, Box<Message>),
    /// A second reply to an answered request: delete it.
    Duplicate(Box<Message>),
    /// A reply that nobody waits for any more: delete it.
    Late(Box<Message>),
    /// Its virtual queue does not exist here, and may exist in another process: make it visible again after this time.
    Unclaimed(Duration, Box<Message>),
    /// Its virtual queue does not exist.
    Orphan(Option<VirtualQueueName>, Box<Message>),
    /// The host is shut down here: give it back at once.
    GiveBack(Box<Message>),
}

/// What a deadline brought.
#[derive(Debug)]
pub(crate) enum Due<S> {
    /// Tell this request that its time is up.
    TimedOut(S),
    /// So many messages were taken out of a buffer, because SQS shows them to others again.
    Visible(usize),
    /// These messages were taken out of a buffer, because an earlier one of their group has not come again: make them visible.
    GiveBack(Vec<Message>),
    /// These messages are in a buffer, and their visibility ends soon: extend it.
    Extend(Vec<Extension>),
    /// A virtual queue was deleted because nobody used it; so many messages were in it.
    Expired(usize),
}

/// Why a name cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The host is shut down, or gone.
    Closed,
    /// The host has as many names as it may have.
    Full,
    /// The name is taken by a request that waits for its reply.
    Taken,
}

/// What a receiver gets.
#[derive(Debug)]
pub(crate) enum Received {
    /// Messages, at least one.
    Messages(Vec<Taken>),
    /// The short poll that it waited for is over.
    Nothing,
    /// Wait: the ticket holds a place in the line.
    Wait(Ticket),
    /// The queue does not exist (any more).
    Gone,
}

/// What the handler of all virtual queues gets.
#[derive(Debug)]
pub(crate) enum TakenAny {
    /// A message of this queue.
    Message(VirtualQueueName, Box<Taken>),
    /// There is none that may be taken now; it will be woken.
    Wait,
    /// The host is closed.
    Closed,
}

/// What a closed host leaves behind.
#[derive(Debug)]
pub(crate) struct Leftovers<S> {
    /// Requests to be told, in the order of their deadlines.
    pub(crate) pending: Vec<S>,
    /// Receivers to be woken: their queues are gone.
    pub(crate) wakers: Vec<Waker>,
    /// Messages that nobody took.
    pub(crate) messages: Vec<Message>,
}
