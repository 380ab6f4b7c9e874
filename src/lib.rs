//! Request-reply RPC and temporary virtual queues over Amazon SQS.
//!
//! Rust services call each other through SQS queues. A queue has no way back, so this crate builds it: a requester
//! sends a message that says where its reply goes, and awaits the reply; a responder serves a queue with a handler.
//! Neither knows more of the other than the URL of a request queue.
//!
//! # Examples
//!
//! Both sides in one process, on a local SQS that needs no account and no network:
//!
//! ```
//! use sqs_rpc::{Body, Requester, Responder};
//!
//! async fn greet(Body(name): Body) -> String {
//!     format!("hello, {name}")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let local = local_sqs::LocalSqs::start();
//! let queue_url = local.create_queue("greetings").await?;
//!
//! let responder = Responder::builder(local.client()).build()?;
//! let backend = tokio::spawn(responder.serve(&queue_url, greet).into_future());
//!
//! let requester = Requester::builder(local.client()).build()?;
//! let reply = requester.request(&queue_url, "Ada").await?;
//! assert_eq!(reply.body(), "hello, Ada");
//! # requester.shutdown(std::time::Duration::from_secs(1)).await;
//! # backend.abort();
//! # Ok(())
//! # }
//! ```
//!
//! On Amazon SQS the client is `aws_sdk_sqs::Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await)`.
//!
//! # Where to look
//!
//! | you want to | look at |
//! |---|---|
//! | send a request and await its reply | [`Requester`], [`RequestBuilder`](requester::RequestBuilder), [`RequestError`] |
//! | serve a queue | [`Responder`], [`Handler`](responder::Handler), [`ReplyError`] |
//! | have many queues in one | [`VirtualQueues`], [`VirtualQueue`] |
//! | see what is going on | [`Stats`] |
//! | speak the protocol from elsewhere | [`protocol`] |
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `json` | yes | [`Json`] bodies on both sides |
//! | `default-https-client` | yes | the SDK's own HTTPS client |
//! | `drop-in` | no | [`VirtualQueues`]`::client`, a stock SDK client that understands virtual queues |
//! | `metrics` | no | every counter of [`Stats`] in the `metrics` facade, too |

pub use aws_sdk_sqs;
pub use sqs_requester as requester;
pub use sqs_responder as responder;
pub use sqs_rpc_protocol as protocol;
pub use sqs_virtual_queues as virtual_queues;

pub use protocol::{
    ErrorCode, HostQueueUrl, Json, QueueUrl, RequestId, ReturnAddressPolicy, TraceContext,
    VirtualQueueUrl,
};
pub use requester::{RequestError, RequestErrorKind, Requester};
pub use responder::{Attributes, Body, Deadline, Drained, ReplyError, Responder, State};
pub use virtual_queues::{
    CreateQueue, CreateTemporary, InvalidOption, OutgoingMessage, QueueError, Stats,
    TemporaryError, TemporaryQueues, VirtualQueue, VirtualQueues,
};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
