//! Tests of requester and responder together, one module per behaviour. Time is Tokio's paused clock, except where a
//! socket is involved.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the clock that they pause, and fail where they cannot go on"
)]

mod attacks;
mod aws_errors;
mod bursts;
mod crowd;
mod fifo;
mod iam;
mod kill;
mod lifecycle;
mod observability;
mod over_http;
mod round_trip;
mod support;
mod unexpected_messages;
