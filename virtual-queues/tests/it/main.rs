//! Virtual queues over a local SQS, one module per behaviour, under Tokio's paused clock.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the lints spare test functions, but not what these share; the clock is Tokio's, which is paused"
)]

mod contract;
mod drop_in;
mod faults;
mod handlers;
mod pending;
mod polling;
mod queues;
mod races;
mod shutdown;
mod support;
