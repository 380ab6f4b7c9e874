//! The programs that measure. Each is run at most once, and only if a goal needs it.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use sqs_rpc_interop::{Failure, Folders};

use crate::java::Report;

/// 256 callers in the model of Amazon's latencies.
pub(crate) const MANY: &str = "sqs-rpc bench rpc --concurrency 256 --payload 1024 --json";
/// One caller in the model, and the same with plain SDK calls.
pub(crate) const ALONE: &str =
    "sqs-rpc bench rpc --concurrency 1 --payload 1024 --requests 2000 --compare bare-sdk --json";
/// A constant rate; the rate follows.
pub(crate) const HALF_LOAD: &str =
    "sqs-rpc bench rpc --concurrency 256 --payload 1024 --compare unbatched --json --rate";
/// An hour without requests, in the model.
pub(crate) const IDLE: &str = "measure idle-hour";
/// Ten minutes without answers from SQS, in the model.
pub(crate) const OUTAGE: &str = "measure outage";
/// Requests without replies, over HTTP.
pub(crate) const PENDING: &str = "measure pending";
/// Tables with a million entries.
pub(crate) const SCALE: &str = "cargo bench --quiet --package sqs-virtual-queues --bench scale";
/// Leases and the ring, in their model.
pub(crate) const RING: &str = "cargo test --quiet --profile sim --package sqs-temporary-queues --lib -- \
     model:: --include-ignored --nocapture --test-threads 1";
/// Java and this project in turn.
pub(crate) const JAVA: &str = "measure java";

/// Builds `sqs-rpc` in release mode.
pub(crate) fn build_sqs_rpc() -> Result<(), Failure> {
    run("cargo build --quiet --release --package sqs-rpc-cli").map(drop)
}

/// Runs programs and keeps their output.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    reuse: bool,
    said: HashMap<String, Result<Vec<Value>, Failure>>,
    report: Option<Result<Report, Failure>>,
}

impl Sources {
    pub(crate) fn new(reuse: bool) -> Self {
        Self {
            reuse,
            ..Self::default()
        }
    }

    /// The object with these members in the output of a program.
    pub(crate) fn said(
        &mut self,
        command: &str,
        with: &[(&str, Value)],
    ) -> Result<Figures, Failure> {
        let said = self.said.entry(command.to_owned());
        let said = said.or_insert_with(|| run(command).map(|printed| objects(&printed)));
        let mut objects = said.as_ref().map_err(Clone::clone)?.iter();
        objects
            .find(|object| with.iter().all(|(name, value)| object[name] == *value))
            .map(|object| Figures(object.clone()))
            .ok_or_else(|| {
                format!("expected an object with {with:?} in the output of `{command}`, found none")
            })
    }

    /// The figures of one contestant in the output of `sqs-rpc bench rpc`.
    pub(crate) fn rpc(&mut self, command: &str, contestant: &str) -> Result<Figures, Failure> {
        self.said(command, &[("contestant", contestant.into())])
    }

    /// The report of Java and this project.
    pub(crate) fn java(&mut self) -> Result<&Report, Failure> {
        let reuse = self.reuse;
        let report = self.report.get_or_insert_with(|| {
            let run = if reuse { Ok(()) } else { run(JAVA).map(drop) };
            run.and_then(|()| Report::read(&Folders::new()))
        });
        report.as_ref().map_err(Clone::clone)
    }

    /// The age of the report of `java`, if it was reused.
    pub(crate) fn age_minutes(&self) -> Option<u64> {
        match &self.report {
            Some(Ok(report)) if self.reuse => Some(report.age_minutes()),
            _ => None,
        }
    }
}

/// Numbers by name.
#[derive(Debug)]
pub(crate) struct Figures(Value);

impl Figures {
    /// A number, by its JSON pointer without the first slash.
    pub(crate) fn of(&self, name: &str) -> Result<f64, Failure> {
        let value = self.0.pointer(&format!("/{name}")).and_then(Value::as_f64);
        value.ok_or_else(|| format!("expected a number {name} in {}, found none", self.0))
    }
}

/// The lines that are JSON objects. A test harness prints other lines in between.
fn objects(printed: &str) -> Vec<Value> {
    // The harness prints the name of a test before the first line of the test's output.
    let lines = printed
        .lines()
        .filter_map(|line| line.find('{').map(|at| &line[at..]));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Runs a program of this workspace to its end, and returns its output.
fn run(command: &str) -> Result<String, Failure> {
    eprintln!("measure: {command}");
    let folders = Folders::new();
    let problem = |error: &dyn std::fmt::Display| format!("`{command}` cannot be run: {error}");
    let mut words = command.split_whitespace();
    let program = match words.next() {
        // The cargo that runs this program, so that the user's choice of a toolchain is kept.
        Some("cargo") => std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        Some("measure") => std::env::current_exe()
            .map_err(|error| problem(&error))?
            .into(),
        _ => {
            build_sqs_rpc()?;
            folders.release("sqs-rpc").into()
        }
    };
    let output = Command::new(program)
        .args(words)
        .current_dir::<&Path>(&folders.root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| problem(&error))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(printed)
    } else {
        Err(format!(
            "`{command}` failed ({}):\n{printed}",
            output.status
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_among_the_lines_of_a_harness() {
        let printed = "running 2 tests\n\
            test a ... {\"hosts\":10,\"each\":1.5}\n\
            {\"hosts\":1000,\"fill\":{\"X\":9}}\nok\n{not JSON}\n";
        let mut sources = Sources::new(false);
        sources.said.insert("x".to_owned(), Ok(objects(printed)));
        let each = sources.said("x", &[("hosts", 10.into())]).unwrap();
        assert_eq!(each.of("each"), Ok(1.5));
        assert!(each.of("fill/X").is_err());
        let fill = sources.said("x", &[("hosts", 1_000.into())]).unwrap();
        assert_eq!(fill.of("fill/X"), Ok(9.0));
        assert!(sources.said("x", &[("hosts", 5.into())]).is_err());
    }
}
