//! Virtual queues over a local SQS, one module per behaviour, under Tokio's paused clock.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the clock that they pause, and fail where they cannot go on"
)]

mod buffers;
mod contact;
mod contract;
mod defaults;
mod drop_in;
mod faults;
mod fifo;
mod handlers;
mod hosts;
mod in_use;
mod pending;
mod polling;
mod queues;
mod races;
mod shutdown;
mod support;
mod temporary;
mod unclaimed;
