//! The deterministic simulation of sqs-rpc: whole requesters, responders and multiplexers of many processes in one
//! runtime. One seed decides everything.
//!
//! See `docs/simulation.md`.

pub mod campaign;
pub mod coverage;
pub mod dice;
mod exchange;
pub mod judge;
pub mod link;
pub mod mutants;
pub mod network;
pub mod oracle;
pub mod owners;
pub mod plan;
pub mod process;
pub mod regressions;
pub mod scenarios;
mod temporary_user;
pub mod time;
pub mod trace;
mod users;
pub mod weather;
pub mod world;
