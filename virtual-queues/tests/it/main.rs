//! The multiplexer over a local SQS, one module per behaviour, under Tokio's paused clock.

mod faults;
mod pending;
mod polling;
mod queues;
mod shutdown;
mod support;
