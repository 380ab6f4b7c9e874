//! Serve requests that arrive on an Amazon SQS queue.
//!
//! A responder receives requests from a queue, calls a handler for each, sends the reply to the request's return
//! address, and deletes the request. The requester may be `sqs-requester`, or the Java *Amazon SQS Temporary Queue
//! Client*.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use serde::{Deserialize, Serialize};
//! use sqs_responder::{ErrorCode, Json, ReplyError, Responder, State};
//! use std::collections::HashMap;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! type Users = Arc<HashMap<String, u32>>;
//!
//! #[derive(Deserialize)]
//! struct Find { name: String }
//!
//! #[derive(Serialize)]
//! struct Found { id: u32 }
//!
//! async fn find(State(users): State<Users>, Json(find): Json<Find>) -> Result<Json<Found>, ReplyError> {
//!     let unknown = || ReplyError::new(ErrorCode::from_static("users.unknown"), "there is no such user");
//!     let id = *users.get(&find.name).ok_or_else(unknown)?;
//!     Ok(Json(Found { id }))
//! }
//!
//! # let local = local_sqs::LocalSqs::start();
//! # let client = local.client();
//! # let queue_url = local.create_queue("users").await?;
//! # let replies = local.create_queue("sqs-rpc-0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a-1").await?;
//! # let address = aws_sdk_sqs::types::MessageAttributeValue::builder()
//! #     .data_type("String").string_value(&replies).build()?;
//! # client.send_message().queue_url(&queue_url).message_body(r#"{"name":"ada"}"#)
//! #     .message_attributes("ResponseQueueUrl", address).send().await?;
//! # let other = client.clone();
//! # let (stop, signal) = tokio::sync::oneshot::channel::<()>();
//! # let signal = async { drop(signal.await) };
//! # let asks = tokio::spawn(async move {
//! #     let reply = other.receive_message().queue_url(&replies).wait_time_seconds(20).send().await;
//! #     drop(stop);
//! #     reply.unwrap().messages.unwrap_or_default().remove(0).body
//! # });
//! let users: Users = Arc::new(HashMap::from([("ada".to_owned(), 1815)]));
//! let responder = Responder::builder(client).state(users).concurrency(64).build()?;
//! let drained = responder
//!     .serve(&queue_url, find)
//!     .drain(Duration::from_secs(25))
//!     .with_graceful_shutdown(signal) // ctrl-c, say
//!     .await?;
//! assert!(drained.is_clean());
//! assert_eq!(responder.stats().replies_sent, 1);
//! # assert_eq!(asks.await?.as_deref(), Some(r#"{"id":1815}"#));
//! # Ok(())
//! # }
//! ```
//!
//! # Tour
//!
//! | question | answer |
//! |---|---|
//! | How do I serve a queue? | [`Responder::serve`], [`Serve`], with the table of what happens to a request |
//! | Which options are there? | [`ResponderBuilder`], with all defaults |
//! | What is a handler? | [`Handler`], or any tower service: [`Responder::serve_service`] |
//! | Which arguments can a handler have? | [`State`], `Json`, [`Body`], [`Attributes`], [`Deadline`], [`Request`], [`MessageId`], and values of the header: [`RequestId`], [`IdempotencyKey`], [`TraceContext`] (also in `Option`); your own: [`FromRequest`] |
//! | What can a handler return? | [`IntoReply`], [`Reply`], [`ReplyError`] |
//! | What does the requester see of an error? | [`ReplyError`]: only the code and message that you give it explicitly |
//! | Is a request handled twice? | One responder handles a request once. Two responders may both handle it unless they share a [`ReplyStore`] |
//! | How do I write a store? | [`ReplyStore`], with checks to run against it: [`store::contract`] |
//! | Where may replies go? | [`ReturnAddressPolicy`] |
//! | How does serving stop? | [`Serve::with_graceful_shutdown`], [`Drained`] |
//! | What if I receive messages by myself? | [`Responder::reply`] |
//! | How do I see what happens? | [`Responder::stats`]; a `tracing` span `handle request` for each request |
//!
//! # Delivery
//!
//! SQS delivers at least once, and so does a responder: it deletes a request after the reply was sent, never before. If
//! the process dies in between, another process handles the request again. Handlers should be idempotent, or all
//! processes should share a [`ReplyStore`].
//!
//! # What is logged
//!
//! Spans and events have ids, queues, codes and counts. They never have bodies, user attributes or receipt handles. The
//! text of an error that a handler returns goes to the log, and not to the requester. The 1st, 2nd, 4th, 8th and so on
//! bad message is logged, so that many bad messages do not flood the log.
//!
//! # Features
//!
//! `json` (default): bodies in JSON, with serde.

mod deadline;
mod direct_reply;
mod handler;
mod options;
mod reply;
mod reply_error;
mod request;
mod responder;
mod serve;
pub mod store;

pub use deadline::Deadline;
pub use direct_reply::{SendReplyError, SendReplyErrorKind};
pub use handler::{Attributes, Body, FromRef, FromRequest, Handler, IntoReply, MessageId, State};
pub use options::HandlerTimeout;
pub use reply::Reply;
pub use reply_error::ReplyError;
pub use request::Request;
pub use responder::{Responder, ResponderBuilder};
pub use serve::{Drained, Serve, ServeError, ServeErrorKind};
pub use store::{Begun, Completed, Fingerprint, Holder, InMemoryReplyStore, ReplyKey, ReplyStore};

#[cfg(feature = "json")]
pub use sqs_rpc_protocol::Json;
pub use sqs_rpc_protocol::{
    ContentType, ErrorCode, IdempotencyKey, Operation, RequestId, ReturnAddressPolicy, TraceContext,
};
pub use sqs_rpc_transport::{Counter, InvalidOption, Stats};
