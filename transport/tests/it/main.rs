//! One process's calls to a local SQS, under Tokio's paused clock.

#![allow(clippy::unwrap_used, reason = "tests fail where they cannot go on")]

mod contact;
