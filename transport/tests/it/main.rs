//! Tests of one process's calls to a local SQS, with Tokio's paused clock.

#![allow(clippy::unwrap_used, reason = "a test panics if it cannot continue")]

mod contact;
