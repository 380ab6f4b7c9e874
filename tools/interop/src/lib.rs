//! Tests this project with third-party software: `cargo xtask interop`.
//!
//! Owns the installation of the software, its processes, and the table of disagreements. Does not own the checks of an
//! SQS (`local_sqs::contract`) and the Java and Python programs (`tools/interop/java`, `tools/interop/python`).
//!
//! All software is installed with pinned versions below the folder `target/interop`, and stays there for the next run.
//!
//! Invariant: exit code 0 means that all software was installed and run, and behaved as expected. Software that cannot be
//! installed or run is a failure and never skipped.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command-line tool writes to its terminal and reads the clock"
)]

mod arguments;
mod aws_cli;
mod command;
mod contract;
mod documentation;
mod folders;
pub mod foreign;
pub mod install;
mod java;
pub mod local;
pub mod markdown;
pub mod process;
mod table;
mod verdict;
mod virtual_queues;

pub use command::run;
pub use folders::Folders;

/// A failure, as a text for people.
pub type Failure = String;
