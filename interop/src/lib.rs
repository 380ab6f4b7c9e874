//! Runs this project with software that others wrote: `cargo xtask interop`.
//!
//! Owns the installing of that software, its processes, and the table of disagreements. Does not own what is checked of an
//! SQS (that is `local_sqs::contract`) nor the Java and Python programs (`interop/java`, `interop/python`).
//!
//! Everything is installed, with pinned versions, below the folder `target/interop`, and is left there for the next run.
//!
//! Invariant: exit code 0 means that everything was installed, run, and as expected. What cannot be installed or run is a
//! failure, never left out.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command-line tool talks to its terminal and looks at the clock"
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

/// What went wrong, for a person to read.
pub type Failure = String;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The folder of this package.
    sources: PathBuf,
    /// Where Cargo builds; git ignores it.
    target: PathBuf,
    /// Where software is installed, below `target`.
    installed: PathBuf,
}

/// Runs the command; what it shall do stands in this process's own arguments.
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
    /// Those of the workspace that this was built in.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "they are found, not chosen")]
    pub fn new() -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = sources.parent().unwrap_or(sources);
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |folder| root.join(folder));
        Self {
            sources: sources.to_owned(),
            installed: target.join("interop"),
            target,
        }
    }

    /// The folder of the workspace.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.sources.join("..")
    }

    /// An example of this workspace, built without optimisation.
    fn example(&self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target.join("debug/examples").join(file)
    }

    /// A program of this workspace, as it is released.
    #[must_use]
    pub fn release(&self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target.join("release").join(file)
    }

    /// A file that a run leaves for later ones.
    #[must_use]
    pub fn kept(&self, name: &str) -> PathBuf {
        self.installed.join(name)
    }

    fn docs(&self) -> PathBuf {
        self.sources.join("../docs/interop.md")
    }
}
