//! The deterministic simulation of sqs-rpc: whole requesters, responders and multiplexers of many processes in one
//! runtime, and a seed that decides everything.
//!
//! See `docs/simulation.md`.

pub mod coverage;
pub mod dice;
pub mod network;
pub mod oracle;
pub mod plan;
pub mod process;
pub mod scenarios;
pub mod time;
pub mod trace;
mod users;
pub mod world;
