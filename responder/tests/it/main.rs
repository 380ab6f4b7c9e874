//! The responder over an in-memory SQS, in paused time, with a plain SDK client as its requester.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall fail")]

mod bed;
mod dates;
mod duplicates;
mod faults;
mod fifo;
mod handlers;
mod outage;
mod panics;
mod refused;
mod reply_by_hand;
mod secrets;
mod shutdown;
mod store;
mod unsendable;
mod visibility;
