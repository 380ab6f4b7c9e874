//! The boundary between this crate and Amazon SQS.
//!
//! Owns: the seam ([`SqsApi`]) and its implementation over an SDK client ([`ClientApi`]), the handle that the layers
//! above call ([`Sqs`]), the classification of errors ([`Fault`]), SQS's digests, time ([`Clock`], [`ServerClock`])
//! and randomness ([`Random`]). Does not own: queues, routing, hosts. It imports nothing from the modules above it.
//!
//! **Invariant:** no other module of this crate reads a clock, draws a random number or calls an SDK client.

mod alarm;
mod api;
mod backoff;
mod causes;
mod client_api;
mod clock;
mod connection;
mod contact;
pub(crate) mod digest;
mod fault;
mod guard;
mod outbox;
mod poll_controller;
mod prefer;
mod random;
mod server_clock;
mod size;
mod task_hook;
mod tasks;

pub use alarm::Alarm;
pub use api::{Answer, Call, SqsApi, Unsupported};
pub use backoff::Backoff;
#[doc(hidden)]
pub use causes::{WithCauses, causes};
pub use client_api::ClientApi;
pub use clock::{Clock, Elapsed, Moment, TimeSource};
pub use connection::{Sqs, SqsBuilder};
pub use contact::{ContactFound, Sign};
pub use fault::{Delivery, Fault, FaultKind};
pub use guard::{Guarded, Panicked, UserCode};
pub use outbox::{BatchOptions, Outbox};
pub use poll_controller::{PollController, PollOptions, RECEIVE_MAX};
pub use prefer::Prefer;
pub use random::Random;
pub use server_clock::{Sample, ServerClock};
pub use size::message_size;
pub use task_hook::TaskHook;
pub use tasks::{NoRuntime, Tasks};
