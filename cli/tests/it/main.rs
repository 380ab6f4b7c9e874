//! The command as people run it: the real binary, over HTTP on this machine.
//!
//! It needs a Unix: a shell, signals, process groups.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod bench;
mod hosts;
mod local;
mod misuse;
mod request;
mod serve;
mod support;
