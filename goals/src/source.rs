//! The commands that measure, each run once and only if a row asks for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sqs_rpc_interop::bench_java::Report;
use sqs_rpc_interop::{Failure, Folders};

/// What is put before the arguments of `sqs-rpc`.
macro_rules! bench {
    ($arguments:literal) => {
        concat!(
            "cargo run --quiet --release --package sqs-rpc-cli -- bench ",
            $arguments,
            " --json"
        )
    };
}

/// 256 callers in the model of Amazon's latencies.
pub(crate) const MANY: &str = bench!("rpc --concurrency 256 --payload 1024");
/// One caller in the model, and the same by plain SDK calls.
pub(crate) const ALONE: &str =
    bench!("rpc --concurrency 1 --payload 1024 --requests 2000 --compare bare-sdk");
/// Half of what 256 callers reach, in the model.
pub(crate) const HALF_LOAD: &str = bench!("half-load");
/// An hour without a request, in the model.
pub(crate) const IDLE: &str = bench!("idle-hour");
/// Ten minutes without an answer, in the model.
pub(crate) const OUTAGE: &str = bench!("outage");
/// Requests that nobody answers, over HTTP.
pub(crate) const PENDING: &str = bench!("pending --on-local");
/// Tables with a million entries.
pub(crate) const SCALE: &str = "cargo bench --quiet --package sqs-virtual-queues --bench scale";
/// Leases and the ring, in their model.
pub(crate) const RING: &str = "cargo test --quiet --profile sim --package sqs-virtual-queues --lib -- \
     watching_and_renewing_cost dead_hosts_cost --include-ignored --nocapture --test-threads 1";
/// Java beside this project.
pub(crate) const BENCH_JAVA: &str = "cargo xtask bench-java";

/// Runs commands and keeps what they print.
#[derive(Debug)]
pub(crate) struct Sources {
    root: PathBuf,
    reuse: bool,
    printed: HashMap<&'static str, Result<String, Failure>>,
    report: Option<Result<Report, Failure>>,
}

impl Sources {
    pub(crate) fn new(root: PathBuf, reuse: bool) -> Self {
        Self {
            root,
            reuse,
            printed: HashMap::new(),
            report: None,
        }
    }

    /// What a command prints.
    pub(crate) fn printed(&mut self, command: &'static str) -> Result<&str, Failure> {
        let Self { root, printed, .. } = self;
        let printed = printed
            .entry(command)
            .or_insert_with(|| capture(command, root));
        printed.as_deref().map_err(Clone::clone)
    }

    /// What Java and this project did beside each other.
    pub(crate) fn java(&mut self) -> Result<&Report, Failure> {
        if self.report.is_none() {
            let run = if self.reuse {
                Ok(())
            } else {
                watch(BENCH_JAVA, &self.root)
            };
            self.report = Some(run.and_then(|()| Report::read(&Folders::new())));
        }
        match &self.report {
            Some(Ok(report)) => Ok(report),
            Some(Err(failure)) => Err(failure.clone()),
            None => Err("bench-java was not run".to_owned()),
        }
    }

    /// How old what bench-java says is, if it was not made anew.
    pub(crate) fn age_minutes(&self) -> Option<u64> {
        match &self.report {
            Some(Ok(report)) if self.reuse => Some(report.age_minutes()),
            _ => None,
        }
    }
}

fn capture(command: &str, root: &Path) -> Result<String, Failure> {
    let output = prepared(command, root)?
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{command}` cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{command}` failed: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("`{command}`: {error}"))
}

fn watch(command: &str, root: &Path) -> Result<(), Failure> {
    // What it prints is for people; the answer may be JSON and keeps stdout for itself.
    let status = prepared(command, root)?
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| format!("`{command}` cannot be run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{command}` failed: {status}"))
    }
}

fn prepared(command: &str, root: &Path) -> Result<Command, Failure> {
    eprintln!("goals: {command}");
    let mut words = command.split_whitespace();
    // The cargo that runs us, so that a toolchain that was chosen by hand stays chosen.
    let cargo = match words.next() {
        Some("cargo") => std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        _ => return Err(format!("`{command}` is not one of cargo's")),
    };
    let mut prepared = Command::new(cargo);
    prepared.args(words).current_dir(root).stdin(Stdio::null());
    Ok(prepared)
}
