//! Who is measured: both ends of a request, over two queues.
//!
//! Owns: what a contestant can do. Does not own: the load (`load.rs`) and where SQS is (`server.rs`). Invariant: every
//! contestant echoes the body, and each end has an SDK client of its own, as two processes would.

mod bare;
mod framework;

use std::fmt;

use aws_sdk_sqs::Client;
use futures::future::BoxFuture;
use serde::Serialize;

use crate::failure::Failure;

pub(super) use bare::Bare;
pub(super) use framework::Framework;

/// Both ends.
pub(super) trait Contestant: Send + Sync {
    /// Starts both; what they need exists and can be used then.
    fn start(&self) -> BoxFuture<'_, Result<(), Failure>>;

    /// Sends one request and waits for its reply.
    fn call(&self, body: String) -> BoxFuture<'static, Result<(), Failure>>;

    /// Stops both ends, once. What is still pending may fail.
    fn stop(&self) -> BoxFuture<'_, ()>;

    /// Ends both at once, also if they were not quite started, and deletes the queues that they made themselves.
    fn end(&self) -> BoxFuture<'_, ()>;
}

/// What each contestant is made from.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    /// Of the end that asks.
    pub(super) asking: Client,
    /// Of the end that answers.
    pub(super) answering: Client,
    pub(super) request_queue: String,
}

/// The name of a contestant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Name {
    /// This framework.
    SqsRpc,
    /// This framework with every message in a call of its own, as far as it does that.
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
