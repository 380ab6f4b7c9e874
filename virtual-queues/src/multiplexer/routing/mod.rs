//! Decides who gets a message: the pure half of the multiplexer.
//!
//! Owns, for one host: the table of names, their waiters and buffers, and what is due when. Does not own: polls,
//! time, calls, tasks. Methods take `now` where needed and return what the driver must do.
//!
//! **Invariant:** a message is in exactly one place: in SQS, in one buffer, or with one receiver.

mod buffer;
mod buffered;
mod deadlines;
mod decisions;
mod extend;
mod fifo_groups;
mod fifo_queue;
mod for_all;
mod for_all_turns;
mod in_hand;
mod in_use;
mod message_info;
mod recent_names;
mod replies;
mod retention_and_tags;
mod router;
mod shrink;
mod unclaimed;

pub(crate) use buffer::Ticket;
pub(crate) use buffered::{Extension, Fate, Taken};
pub(crate) use decisions::{Arrival, Due, Received, Refused, Routed, TakenAny};
pub(crate) use in_use::Made;
pub(crate) use message_info::{group_of, name_of, put_back_for};
pub(crate) use router::{Limits, Router, RouterOptions};
