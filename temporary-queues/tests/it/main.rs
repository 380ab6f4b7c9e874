//! Tests of temporary queues over a local SQS, with Tokio's paused clock.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the clock that they pause, and fail where they cannot go on"
)]

mod contact;
mod support;
mod temporary;
