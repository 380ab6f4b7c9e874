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
mod contract;
mod documentation;
pub mod foreign;
pub mod install;
mod java;
pub mod local;
pub mod markdown;
pub mod process;
mod table;
mod verdict;
mod virtual_queues;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use arguments::{Arguments, Part};
use clap::Parser as _;

/// A failure, as a text for people.
pub type Failure = String;

/// The folders that are used.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The folder of this package.
    sources: PathBuf,
    /// Cargo's target folder; git ignores it.
    target: PathBuf,
    /// The folder for installed software, below `target`.
    installed: PathBuf,
}

/// Runs the command with the arguments of this process.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let watch = Instant::now();
    match carry_out(&arguments, &Folders::new()).await {
        Ok(()) => {
            println!("\ninterop: passed, took {}", seconds(watch));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("\ninterop: FAILED after {}: {failure}", seconds(watch));
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(arguments: &Arguments, folders: &Folders) -> Result<(), Failure> {
    if arguments.write_docs {
        return table::write_docs(folders);
    }
    let watch = Instant::now();
    let installed = install::all(&arguments.pieces(), folders).await?;
    println!("installed: {}", seconds(watch));
    let mut failures = Vec::new();
    for part in Part::ALL {
        if !arguments.wants(part) {
            continue;
        }
        println!("\n== {part}");
        let watch = Instant::now();
        let outcome = match part {
            Part::Contract => contract::run(arguments, folders, &installed).await,
            Part::VirtualQueues => virtual_queues::run(folders, &installed).await,
            Part::AwsCli => aws_cli::run(folders, &installed).await,
            Part::Java => java::run(folders, &installed).await,
        };
        println!("{part}: {}", seconds(watch));
        if let Err(failure) = outcome {
            eprintln!("{part}: {failure}");
            failures.push(part.to_string());
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join(", "))
    }
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

impl Folders {
    /// The folders of the workspace that this program was built in.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "the folders are found, not default values"
    )]
    pub fn new() -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = sources.ancestors().nth(2).unwrap_or(sources);
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |folder| root.join(folder));
        Self {
            sources: sources.to_owned(),
            installed: target.join("interop"),
            target,
        }
    }

    /// The root folder of the workspace.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.sources.join("../..")
    }

    /// An example of this workspace, built without optimization.
    fn example(&self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target.join("debug/examples").join(file)
    }

    /// A program of this workspace, built in release mode.
    #[must_use]
    pub fn release(&self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target.join("release").join(file)
    }

    /// A file that a run keeps for later runs.
    #[must_use]
    pub fn kept(&self, name: &str) -> PathBuf {
        self.installed.join(name)
    }

    fn docs(&self) -> PathBuf {
        self.sources.join("../../docs/interop.md")
    }
}
