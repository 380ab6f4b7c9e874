//! Tests of one process's calls to a local SQS, under Tokio's paused clock.

#![allow(clippy::unwrap_used, reason = "tests panic on unexpected results")]

mod outage;
