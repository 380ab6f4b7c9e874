//! One process's calls to Amazon SQS. This crate knows queues and messages, and nothing of RPC.
//!
//! Owns: the seam ([`SqsApi`]) and its implementation over an SDK client ([`ClientApi`]), the handle that the layers
//! above call ([`Sqs`]), the classification of errors ([`Fault`]), SQS's digests, time ([`Clock`], [`ServerClock`])
//! and randomness ([`Random`]). Does not own: queues, routing, hosts.
//!
//! **Invariant:** no other crate of the framework reads a clock, draws a random number or calls an SDK client.

mod alarm;
mod api;
mod backoff;
mod causes;
mod client_api;
mod clock;
mod connection;
mod digest;
mod fault;
#[doc(hidden)]
pub mod hashing;
mod invalid_option;
#[doc(hidden)]
pub mod mutants;
mod outage;
mod outbox;
mod poll_controller;
mod prefer;
mod random;
mod server_clock;
mod size;
mod stats;
mod task_hook;
mod tasks;
mod user_code;

pub use alarm::Alarm;
pub use api::{Answer, Call, SqsApi, Unsupported};
pub use backoff::Backoff;
#[doc(hidden)]
pub use causes::{WithCauses, causes};
pub use client_api::ClientApi;
pub use clock::{Clock, Elapsed, Moment, TimeSource};
pub use connection::{Sqs, SqsBuilder};
pub use digest::is_intact;
#[doc(hidden)]
pub use digest::md5_of_attributes;
pub use fault::{Delivery, Fault, FaultKind};
pub use invalid_option::InvalidOption;
pub use outage::{Recoveries, Recovery};
pub use outbox::{BatchOptions, Outbox};
pub use poll_controller::{PollController, PollOptions, Use};
pub use prefer::Prefer;
pub use random::Random;
pub use server_clock::{Sample, ServerClock};
pub use size::message_size;
pub use stats::{Action, Calls, Counter, Counters, Stats};
pub use task_hook::TaskHook;
pub use tasks::{NoRuntime, Tasks};
pub use user_code::{Guarded, Panicked, UserCode};
