//! The results of the router: what to do with a message, what is due, what a receiver gets.

use std::task::Waker;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{SqsTime, VirtualQueueName};
use sqs_rpc_transport::Moment;

use super::buffer::Ticket;
use super::buffered::{Extension, Taken};

/// The circumstances of a message that a poll returned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// When the poll returned.
    pub(crate) received: Moment,
    /// The earliest time at which SQS may show the message to other receivers again.
    pub(crate) visible_until: Moment,
    /// The earliest possible SQS time, if known.
    pub(crate) server_now: Option<SqsTime>,
}

/// What to do with a message.
#[derive(Debug)]
pub(crate) enum Routed<S> {
    /// Give the message to the request, then delete it.
    Reply(S, Box<Message>),
    /// The message is in a buffer; wake this receiver.
    Buffered(Option<Waker>),
    /// The message was already in a buffer, and now has its newest receipt handle.
    Again,
    /// The message's buffer is full: make the message visible again after this time.
    Full(Duration, Box<Message>),
    /// The message answers another process's request: make it visible again after this time.
    Foreign(Duration, Box<Message>),
    /// The message is a second reply to an answered request: delete it.
    Duplicate(Box<Message>),
    /// The message is a reply to a request that no longer waits: delete it.
    Late(Box<Message>),
    /// The message's virtual queue does not exist here, but may exist in another process: make the message visible
    /// again after this time.
    Unclaimed(Duration, Box<Message>),
    /// The message's virtual queue does not exist.
    Orphan(Option<VirtualQueueName>, Box<Message>),
    /// The host is shut down in this process: give the message back at once.
    GiveBack(Box<Message>),
}

/// The result of a deadline.
#[derive(Debug)]
pub(crate) enum Due<S> {
    /// The deadline of this request has passed.
    TimedOut(S),
    /// The number of messages that were removed from a buffer because SQS shows them to other receivers again.
    Visible(usize),
    /// These messages were removed from a buffer because an earlier message of their group was not redelivered: make
    /// them visible.
    GiveBack(Vec<Message>),
    /// These messages are in a buffer, and their visibility timeout ends soon: extend it.
    Extend(Vec<Extension>),
    /// A virtual queue was deleted because it was not used. It had this number of messages.
    Expired(usize),
}

/// Why a name cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The host is shut down or deleted.
    Closed,
    /// The host has the maximum number of names.
    Full,
    /// A pending request uses the name.
    Taken,
}

/// The result of a receive.
#[derive(Debug)]
pub(crate) enum Received {
    /// Messages, at least one.
    Messages(Vec<Taken>),
    /// The short poll for which the receive waited has ended.
    Nothing,
    /// The receive must wait: the ticket is its place in the line.
    Wait(Ticket),
    /// The queue does not exist (any more).
    Gone,
}

/// The result for the handler of all virtual queues.
#[derive(Debug)]
pub(crate) enum TakenAny {
    /// A message of this queue.
    Message(VirtualQueueName, Box<Taken>),
    /// No message may be taken now. The handler will be woken.
    Wait,
    /// The host is closed.
    Closed,
}

/// What is left when a host is closed.
#[derive(Debug)]
pub(crate) struct Leftovers<S> {
    /// Requests to be answered, in the order of their deadlines.
    pub(crate) pending: Vec<S>,
    /// Receivers to be woken, because their queues no longer exist.
    pub(crate) wakers: Vec<Waker>,
    /// Messages that no receiver took.
    pub(crate) messages: Vec<Message>,
}
