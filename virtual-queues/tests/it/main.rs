//! Tests of virtual queues over a local SQS, one module per behavior, under Tokio's paused clock.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read the clock that they pause, and panic on unexpected results"
)]

mod buffers;
mod contract;
mod defaults;
mod drop_in;
mod faults;
mod fifo;
mod handlers;
mod hosts;
mod in_use;
mod outage;
mod pending;
mod polling;
mod queues;
mod races;
mod shutdown;
mod support;
mod unclaimed;
