//! An in-memory Amazon SQS for development and tests: in process, or over HTTP.
//!
//! - [`LocalSqs::start`] starts a complete SQS in this process. Its [`client`](LocalSqs::client) is an unmodified
//!   [`aws_sdk_sqs::Client`] that needs no socket, no container and no account.
//! - [`Server`] serves it on a port, for other processes and other languages.
//! - [`engine`] is the SQS itself: a plain state machine that takes the time as an argument, for simulations. [`Desk`] adds
//!   waiting long polls.
//!
//! It is meant to be as strict as the real SQS: every request that it accepts, SQS accepts, too.

#[cfg(feature = "contract")]
pub mod contract;
pub mod engine;

mod calls;
mod clock;
mod desk;
mod driver;
mod in_process;
mod local;
mod rights;
mod server;
mod service;
mod trace;
mod wire;

pub use calls::Calls;
pub use desk::{Desk, Look};
pub use engine::behaviour::{Behaviour, Date, Latency};
pub use local::{Builder, LocalSqs};
pub use rights::AccessKey;
pub use server::{AllowedOrigin, NotAnOrigin, Server, ServerBuilder};
pub use trace::Trace;

/// Runs the README's examples as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
