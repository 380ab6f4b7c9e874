//! How many instructions each of the hot paths takes, and whether that is more than it may be: `cargo xtask instructions`.
//!
//! Instructions are counted by valgrind's callgrind, so that the answer does not depend on what else the machine does. Each
//! path is run by a process of its own, once for N times and once for 2 N: the difference is what N cost, without start and
//! preparation. The bounds stand in `instructions.txt`, some 10 % above what was counted when they were written.
//!
//! Exit code 1: a path takes more than its bound, has none, or could not be counted. One that takes less than four fifths of
//! its bound is named, so that the bound is tightened.
//!
//! `cargo bench -p sqs-virtual-queues --bench instructions -- time [NAME]` measures the same list by the clock, for work on
//! one of the paths on a quiet machine.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark talks to its terminal and looks at the clock"
)]

mod paths;
#[allow(dead_code, reason = "shared with other benchmarks")]
mod support;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use paths::{PATHS, Path};

const BOUNDS: &str = include_str!("instructions.txt");
/// Below this part of its bound, a path has become better, and the bound is loose.
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

/// Does it so often, and nothing else.
fn repeat(name: &str, times: &str) -> ExitCode {
    let path = PATHS.iter().find(|path| path.name == name).unwrap();
    let mut step = (path.prepare)();
    for _ in 0..times.parse::<u32>().unwrap() {
        step();
    }
    ExitCode::SUCCESS
}

/// Nanoseconds of doing each path once, the fastest of ten rounds.
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

/// Whether every path keeps to its bound.
fn check() -> Result<bool, String> {
    let bounds = bounds(BOUNDS)?;
    if let Some(stray) = bounds
        .keys()
        .find(|name| !PATHS.iter().any(|path| path.name == **name))
    {
        return Err(format!(
            "instructions.txt has a bound for {stray}, which is no path"
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

/// A name and a number a line.
fn bounds(text: &str) -> Result<BTreeMap<&str, f64>, String> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let parsed = line
                .split_once(' ')
                .and_then(|(name, bound)| Some((name, bound.trim().parse().ok()?)));
            parsed.ok_or_else(|| format!("instructions.txt: {line:?} is not a name and a number"))
        })
        .collect()
}

/// Instructions of doing it once.
fn count(path: &Path) -> Result<f64, String> {
    let once = collected(path, path.times)?;
    let twice = collected(path, 2 * path.times)?;
    Ok((twice as f64 - once as f64) / f64::from(path.times))
}

/// Instructions of a process that does it so often.
fn collected(path: &Path, times: u32) -> Result<u64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["do", path.name, &times.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind cannot be run, install it: {error}"))?;
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
