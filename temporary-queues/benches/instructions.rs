//! Counts the instructions of each hot path and compares them with bounds: `cargo xtask instructions`.
//!
//! Valgrind's callgrind counts the instructions, so that the result does not depend on other load of the machine. Each path
//! runs in its own process, once with N repetitions and once with 2 N. The difference is the cost of N repetitions without
//! start and preparation. The bounds are in `instructions.txt`, about 10 % above the counts at the time of writing.
//!
//! Exit code 1: a path exceeds its bound, has no bound, or could not be counted. A path below four fifths of its bound is
//! reported, so that the bound can be tightened.
//!
//! `cargo bench -p sqs-temporary-queues --bench instructions -- time [NAME]` measures the time of the same paths, for work
//! on one of them on a quiet machine.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark talks to its terminal and looks at the clock"
)]

#[allow(dead_code, reason = "a private part of virtual-queues")]
#[path = "../../virtual-queues/src/multiplexer/routing/deadlines.rs"]
mod deadlines;
#[allow(dead_code, unused_imports, reason = "a private part of this package")]
#[path = "../src/lease/mod.rs"]
mod lease;
mod paths;
#[allow(dead_code, unused_imports, reason = "a private part of this package")]
#[path = "../src/ring/mod.rs"]
mod ring;
#[allow(dead_code, reason = "shared with other benchmarks")]
#[path = "../../virtual-queues/benches/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use paths::{PATHS, Path};

const BOUNDS: &str = include_str!("instructions.txt");
/// A bound is loose if its path takes less than this part of it.
const LOOSE: f64 = 0.8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo adds `--bench`.
    let words = arguments.iter().map(String::as_str);
    let words: Vec<_> = words.filter(|word| *word != "--bench").collect();
    match words.as_slice() {
        ["do", name, times] => return repeat(name, times),
        ["time", names @ ..] => return time(names),
        _ => {}
    }
    match check() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("instructions: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a path the given number of times, and nothing else.
fn repeat(name: &str, times: &str) -> ExitCode {
    let path = PATHS.iter().find(|path| path.name == name).unwrap();
    let mut step = (path.prepare)();
    for _ in 0..times.parse::<u32>().unwrap() {
        step();
    }
    ExitCode::SUCCESS
}

/// Prints the nanoseconds that each path takes once, in the fastest of ten rounds.
fn time(names: &[&str]) -> ExitCode {
    let wanted = |path: &&Path| names.is_empty() || names.iter().any(|it| path.name.contains(it));
    for path in PATHS.iter().filter(wanted) {
        let mut step = (path.prepare)();
        let rounds = (0..10).map(|_| {
            let start = Instant::now();
            (0..path.times).for_each(|_| step());
            start.elapsed() / path.times
        });
        let fastest = rounds.min().unwrap_or_default().as_nanos();
        println!("{:<28} {fastest:>10} ns", path.name);
    }
    ExitCode::SUCCESS
}

/// Whether every path has a bound and stays within it.
fn check() -> Result<bool, String> {
    let bounds = bounds(BOUNDS)?;
    if let Some(stray) = bounds
        .keys()
        .find(|name| !PATHS.iter().any(|path| path.name == **name))
    {
        return Err(format!(
            "instructions.txt has a bound for {stray}, which is not the name of a path"
        ));
    }
    let mut kept = true;
    println!("{:<28} {:>10} {:>10}", "path", "counted", "bound");
    for path in PATHS {
        let counted = count(&path)?;
        let bound = bounds.get(path.name).copied();
        let verdict = match bound {
            None => "HAS NO BOUND",
            Some(bound) if counted > bound => "TOO MANY",
            Some(bound) if counted < bound * LOOSE => "the bound is loose: tighten it",
            Some(_) => "",
        };
        kept &= bound.is_some_and(|bound| counted <= bound);
        let bound = bound.map_or_else(String::new, |bound| format!("{bound:.0}"));
        println!("{:<28} {counted:>10.0} {bound:>10} {verdict}", path.name);
    }
    Ok(kept)
}

/// Parses the bounds: one name and one number on each line.
fn bounds(text: &str) -> Result<BTreeMap<&str, f64>, String> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let parsed = line
                .split_once(' ')
                .and_then(|(name, bound)| Some((name, bound.trim().parse().ok()?)));
            parsed.ok_or_else(|| {
                format!("instructions.txt: expected a name and a number, found {line:?}")
            })
        })
        .collect()
}

/// The number of instructions that the path takes once.
fn count(path: &Path) -> Result<f64, String> {
    let once = collected(path, path.times)?;
    let twice = collected(path, 2 * path.times)?;
    Ok((twice as f64 - once as f64) / f64::from(path.times))
}

/// The number of instructions of a process that runs the path the given number of times.
fn collected(path: &Path, times: u32) -> Result<u64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["do", path.name, &times.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run valgrind (is it installed?): {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said
        .lines()
        .filter_map(|line| line.split_once("Collected :"))
        .find_map(|(_, number)| number.trim().parse().ok());
    match counted {
        Some(counted) if output.status.success() => Ok(counted),
        _ => Err(format!(
            "{} was not counted ({}):\n{said}",
            path.name, output.status
        )),
    }
}
