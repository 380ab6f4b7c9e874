//! The contestants that are measured: both ends of a request, with two queues.
//!
//! Owns: the interface of a contestant. Does not own: the load (`load.rs`) and the server (`server.rs`). Invariant: every
//! contestant echoes the body, and each end has its own SDK client, as two processes would.

mod bare;
mod framework;

use std::fmt;

use aws_sdk_sqs::Client;
use futures::future::BoxFuture;
use serde::Serialize;

use crate::failure::Failure;

pub(super) use bare::Bare;
pub(super) use framework::Framework;

/// A requester and a responder.
pub(super) trait Contestant: Send + Sync {
    /// Starts both ends. Everything that they need exists and is ready when this returns.
    fn start(&self) -> BoxFuture<'_, Result<(), Failure>>;

    /// Sends one request and waits for its reply.
    fn call(&self, body: String) -> BoxFuture<'static, Result<(), Failure>>;

    /// Stops both ends. Called once; pending requests may fail.
    fn stop(&self) -> BoxFuture<'_, ()>;

    /// Stops both ends without waiting, even during their start, and deletes the queues that they created.
    fn end(&self) -> BoxFuture<'_, ()>;
}

/// The parts that each contestant is made of.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    /// The client of the requesting end.
    pub(super) asking: Client,
    /// The client of the answering end.
    pub(super) answering: Client,
    pub(super) request_queue: String,
}

/// The name of a contestant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Name {
    /// This framework.
    SqsRpc,
    /// This framework with, as far as possible, each message in its own call.
    Unbatched,
    /// Plain SDK calls.
    BareSdk,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SqsRpc => "sqs-rpc",
            Self::Unbatched => "unbatched",
            Self::BareSdk => "bare-sdk",
        })
    }
}
