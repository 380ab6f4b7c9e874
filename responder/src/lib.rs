//! Serve requests that arrive on an Amazon SQS queue.

mod deadline;
mod handler;
mod options;
mod reply;
mod reply_cache;
mod reply_error;
mod request;
mod responder;
mod serve;

pub use deadline::Deadline;
pub use handler::{Attributes, Body, FromRef, FromRequest, Handler, IntoReply, MessageId, State};
pub use options::InvalidOption;
pub use reply::{Reply, SendReplyError, SendReplyErrorKind};
pub use reply_cache::{InMemoryReplyCache, ReplyCache, ReplyKey};
pub use reply_error::ReplyError;
pub use request::Request;
pub use responder::{Responder, ResponderBuilder};
pub use serve::{Drained, Serve, ServeError, ServeErrorKind};
#[cfg(feature = "json")]
pub use sqs_rpc_protocol::Json;
pub use sqs_rpc_protocol::{
    ContentType, ErrorCode, IdempotencyKey, Operation, RequestId, ReturnAddressPolicy, TraceContext,
};
pub use sqs_virtual_queues::{Counter, Stats};
