//! What needs both sides, one module per behaviour. Time is Tokio's paused clock, except where a socket is involved.

mod attacks;
mod aws_errors;
mod crowd;
mod lifecycle;
mod observability;
mod over_http;
mod round_trip;
mod support;
mod unexpected_messages;
