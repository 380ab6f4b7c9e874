//! Request-reply RPC and temporary virtual queues over Amazon SQS.
//!
//! Rust services call each other through SQS queues. A queue has no way back, so this crate provides it: a *requester*
//! sends a message that says where its reply goes, and awaits the reply. A *responder* serves a queue with a handler.
//! Both sides need to know only the URL of the request queue.
//!
//! # Add it to a project
//!
//! The crates are not on crates.io yet. Clone the repository beside your project, and add to your `Cargo.toml`:
//!
//! ```toml
//! [dependencies]
//! sqs-rpc = { path = "../sqs-rpc" }
//! aws-config = "1"
//! serde = { version = "1", features = ["derive"] }
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//!
//! # An SQS in memory, for tests and for the examples below.
//! local-sqs = { path = "../sqs-rpc/local-sqs" }
//! ```
//!
//! The examples compile in edition 2021 and later. Edition 2021 needs `use std::future::IntoFuture;` for `into_future`.
//!
//! # A request and its reply
//!
//! Both sides in one process, on a local SQS that needs no account and no network:
//!
//! ```edition2021
//! use std::future::IntoFuture;
//! use std::time::Duration;
//!
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
//!
//! requester.shutdown(Duration::from_secs(5)).await; // deletes the reply queue
//! backend.abort(); // a service ends with `Serve::with_graceful_shutdown` instead
//! # Ok(())
//! # }
//! ```
//!
//! On Amazon SQS the client is
//! `sqs_rpc::aws_sdk_sqs::Client::new(&aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await)`, and the URL is
//! that of an existing queue.
//!
//! # JSON and errors
//!
//! With [`Json`], bodies are values of your own types. A [`ReplyError`] reaches the caller as a [`RequestError`] of the kind
//! [`Remote`](RequestErrorKind::Remote), with the code that the handler chose:
//!
//! ```edition2021
//! use std::future::IntoFuture;
//! use std::time::Duration;
//!
//! use sqs_rpc::{ErrorCode, Json, ReplyError, RequestErrorKind, Requester, Responder};
//!
//! const ODD: ErrorCode = ErrorCode::from_static("halve.odd");
//!
//! async fn halve(Json(n): Json<u64>) -> Result<Json<u64>, ReplyError> {
//!     if n % 2 == 1 {
//!         return Err(ReplyError::new(ODD, "the number is odd"));
//!     }
//!     Ok(Json(n / 2))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let local = local_sqs::LocalSqs::start();
//! # let queue_url = local.create_queue("numbers").await?;
//! # let responder = Responder::builder(local.client()).build()?;
//! # let backend = tokio::spawn(responder.serve(&queue_url, halve).into_future());
//! # let requester = Requester::builder(local.client()).build()?;
//! let request = requester.request(&queue_url, Json(42)).timeout(Duration::from_secs(5));
//! let half: u64 = request.json().await?;
//! assert_eq!(half, 21);
//!
//! let error = requester.request(&queue_url, Json(43)).json::<u64>().await.unwrap_err();
//! assert_eq!(error.kind(), RequestErrorKind::Remote);
//! assert_eq!(error.remote().map(|remote| &remote.code), Some(&ODD));
//! # requester.shutdown(Duration::from_secs(5)).await;
//! # backend.abort();
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | to | look at |
//! |---|---|
//! | send a request and await its reply | [`Requester`], [`RequestBuilder`](requester::RequestBuilder), [`Reply`](requester::Reply), [`RequestError`] |
//! | serve a queue | [`Responder`], [`Serve`](responder::Serve), [`Handler`](responder::Handler), [`ReplyError`] |
//! | handle each request once, in several processes | [`ReplyStore`](responder::ReplyStore) |
//! | have many queues on one SQS queue | [`VirtualQueues`], [`VirtualQueue`] |
//! | have queues that are created on demand and deleted when idle | [`TemporaryQueues`] |
//! | see what happens | [`Stats`], and the spans and events of `tracing` |
//! | speak the protocol from another program | [`protocol`], and `docs/protocol.md` in the repository |
//! | know what a word means | `docs/glossary.md` in the repository |
//!
//! # What is re-exported
//!
//! Crates, each with everything that it has:
//!
//! | module | crate |
//! |---|---|
//! | [`requester`] | `sqs-requester`: requests, replies, errors |
//! | [`responder`] | `sqs-responder`: handlers, replies, the reply store |
//! | [`virtual_queues`] | `sqs-virtual-queues`: virtual queues, and the drop-in client |
//! | [`temporary_queues`] | `sqs-temporary-queues`: queues that are created on demand, and the sweep |
//! | [`transport`] | `sqs-rpc-transport`: the calls to SQS, their errors, clocks, counters |
//! | [`protocol`] | `sqs-rpc-protocol`: names, URLs, header and rules of the wire format |
//! | [`aws_sdk_sqs`] | the AWS SDK's SQS client, in the version that this crate uses |
//!
//! For the requester:
//!
//! | item | what it is |
//! |---|---|
//! | [`Requester`] | sends requests and awaits their replies |
//! | [`RequestError`] | why a request failed, and whether it may have been sent |
//! | [`RequestErrorKind`] | the kinds of [`RequestError`], and what to do about each |
//!
//! For the responder:
//!
//! | item | what it is |
//! |---|---|
//! | [`Responder`] | serves queues with handlers |
//! | [`Body`] | a handler's argument: the body as text |
//! | [`State`] | a handler's argument: what was given to the builder's `state` |
//! | [`Attributes`] | a handler's argument: the user's message attributes |
//! | [`Deadline`] | a handler's argument: how long the requester still waits |
//! | [`ReplyError`] | a handler's error: the code and the message that the caller sees |
//! | [`Drained`] | what a graceful shutdown finished, and what it gave back |
//! | [`ReturnAddressPolicy`] | the queues to which replies may be sent |
//!
//! For both:
//!
//! | item | what it is |
//! |---|---|
//! | [`Json`] | a body in JSON (feature `json`) |
//! | [`ErrorCode`] | the code of an error reply |
//! | [`RequestId`] | identifies a request; a handler's argument, too |
//! | [`TraceContext`] | the W3C trace context of a request; a handler's argument, too |
//! | [`QueueUrl`] | the URL of a host queue or of a virtual queue |
//! | [`HostQueueUrl`] | the URL of a real SQS queue |
//! | [`VirtualQueueUrl`] | the URL of a virtual queue: `<host queue URL>#<name>` |
//! | [`InvalidOption`] | an option of a builder that is out of its range |
//! | [`Stats`] | all counters at one moment |
//!
//! For virtual and temporary queues:
//!
//! | item | what it is |
//! |---|---|
//! | [`VirtualQueues`] | makes virtual queues and sends to them |
//! | [`VirtualQueue`] | a virtual queue of this process |
//! | [`CreateQueue`] | a virtual queue to be created: its name and its retention |
//! | [`OutgoingMessage`] | a message to be sent to a virtual queue |
//! | [`QueueError`] | why an operation on a virtual queue failed |
//! | [`TemporaryQueues`] | makes virtual queues on hosts that are created on demand |
//! | [`CreateTemporary`] | a temporary queue to be created: its name and the attributes of its host |
//! | [`TemporaryError`] | why a temporary queue could not be made |
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `json` | yes | [`Json`] bodies on both sides |
//! | `default-https-client` | yes | the AWS SDK's own HTTPS client; without it, the SDK config must have an HTTP client |
//! | `drop-in` | no | [`VirtualQueues`]`::client` and [`TemporaryQueues`]`::client`: a stock SDK client that understands virtual queues |
//! | `metrics` | no | every counter of [`Stats`] is also in the `metrics` facade |

pub use aws_sdk_sqs;
pub use sqs_requester as requester;
pub use sqs_responder as responder;
pub use sqs_rpc_protocol as protocol;
pub use sqs_rpc_transport as transport;
pub use sqs_temporary_queues as temporary_queues;
pub use sqs_virtual_queues as virtual_queues;

pub use protocol::{
    ErrorCode, HostQueueUrl, Json, QueueUrl, RequestId, ReturnAddressPolicy, TraceContext,
    VirtualQueueUrl,
};
pub use requester::{RequestError, RequestErrorKind, Requester};
pub use responder::{Attributes, Body, Deadline, Drained, ReplyError, Responder, State};
pub use temporary_queues::{CreateTemporary, TemporaryError, TemporaryQueues};
pub use transport::{InvalidOption, Stats};
pub use virtual_queues::{CreateQueue, OutgoingMessage, QueueError, VirtualQueue, VirtualQueues};

/// Runs README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
