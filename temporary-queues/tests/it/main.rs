//! Tests of temporary queues over a local SQS, under Tokio's paused clock.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read the clock that they pause, and panic on unexpected results"
)]

mod outage;
mod support;
mod temporary;
