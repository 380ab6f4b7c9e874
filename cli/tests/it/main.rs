//! Tests of the real binary, over HTTP on this machine.
//!
//! They need a Unix system: a shell, signals, process groups.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helper functions"
)]

mod bench;
mod hosts;
mod local;
mod misuse;
mod request;
mod serve;
mod support;
