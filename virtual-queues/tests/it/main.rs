//! The multiplexer over a local SQS, one module per behaviour, under Tokio's paused clock.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the clock that they pause, and fail where they cannot go on"
)]

mod faults;
mod pending;
mod polling;
mod queues;
mod shutdown;
mod support;
