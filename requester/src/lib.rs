//! Send a request through Amazon SQS and await its reply.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use sqs_requester::{RequestErrorKind, Requester};
//!
//! # mod responder { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/echo.rs")); }
//! # let local = local_sqs::LocalSqs::start();
//! # let sqs: aws_sdk_sqs::Client = local.client();
//! # let queue_url = local.create_queue("login").await?;
//! # tokio::spawn(responder::echo(local.client(), queue_url.clone()));
//! let requester = Requester::new(&sqs);
//!
//! let reply = requester.request(&queue_url, "ada").timeout(Duration::from_secs(20)).await;
//! match reply {
//!     Ok(reply) => assert_eq!(reply.body(), "ada"),
//!     Err(error) if error.kind() == RequestErrorKind::Timeout => eprintln!("nobody answers: {error}"),
//!     Err(error) => return Err(error.into()),
//! }
//!
//! let report = requester.shutdown(Duration::from_secs(5)).await;
//! assert!(report.is_clean());
//! # Ok(())
//! # }
//! ```
//!
//! # Tour
//!
//! | question | answer |
//! |---|---|
//! | Where do I begin? | [`Requester::new`] with an SDK client, [`Requester::builder`] for options |
//! | How do I send a request? | [`Requester::request`], then [`RequestBuilder`]'s options, then `.await` |
//! | What does it return? | [`Reply`], or [`RequestError`]: its [kinds](RequestErrorKind) and what to do about each |
//! | How do I send JSON? | [`Json`], [`RequestBuilder::json`], [`Reply::json`] |
//! | How do I give a queue its types? | [`Requester::typed`] |
//! | How do I use tower's layers? | [`Requester`] is a service of [`Request`], [`TypedService`] a service of your type |
//! | How do I shut down? | [`Requester::shutdown`] and its [`ShutdownReport`] |
//!
//! # How a request runs
//!
//! 1. The requester checks the whole request. A request that SQS or the protocol would refuse fails before any call.
//! 2. The requester makes its *reply queue* on its first request: a queue with a random name. It keeps the queue alive
//!    by a lease, and deletes the queue at the shutdown and when idle.
//! 3. A correlation id of 192 bits, 128 of them random for this request alone, becomes part of the return address,
//!    `<reply queue>#<correlation id>`. From now on the requester polls the reply queue.
//! 4. The request is sent, in one call with other messages that go to the same queue at the time. It carries the return
//!    address, its id and how long the requester will wait.
//! 5. The future ends with the reply, at the deadline, or with an error that says what happened and
//!    [whether the request may have been sent](RequestError::delivery). The reply's message is deleted afterwards.
//!
//! A pending request costs a slot in a table: no task, no thread. Dropping its future frees the slot at once.
//!
//! # Observability
//!
//! Each request is a span `request` of `tracing` with the fields `queue`, `correlation_id` and `request_id`.
//! [`Requester::stats`] has all counters and API calls. Bodies, values of attributes and receipt handles are neither in
//! logs nor in errors nor in any `Debug` output.

mod body;
mod builder;
mod error;
mod exchange;
#[cfg(feature = "json")]
mod json;
mod options;
mod reply;
mod reply_queue;
mod request;
mod request_builder;
mod requester;
mod shared;
mod shutdown;
mod slots;
#[cfg(feature = "json")]
mod typed;

pub use body::{Body, IntoBody};
pub use builder::RequesterBuilder;
pub use error::{RemoteError, RequestError, RequestErrorKind};
pub use reply::Reply;
pub use request::Request;
#[cfg(feature = "json")]
pub use request_builder::JsonRequest;
pub use request_builder::RequestBuilder;
pub use requester::Requester;
pub use shutdown::ShutdownReport;
pub use sqs_rpc_protocol as protocol;
#[cfg(feature = "json")]
pub use sqs_rpc_protocol::Json;
pub use sqs_rpc_transport::{Action, Delivery, InvalidOption, Stats};
#[cfg(feature = "json")]
pub use typed::TypedService;
