//! The project's own commands: `cargo xtask help` lists them.
//!
//! Owns the list of commands and their steps. Does not install anything, which `.ci/run` does, and has no dependencies,
//! so that it is built in seconds.
//!
//! Invariant: exit code 0 means that every step was run and succeeded; a step that cannot be run is a failure.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command-line tool writes to its terminal and reads the clock"
)]

mod circles;
#[cfg(test)]
mod conventions;
mod plan;
mod run;
mod simulation;
mod step;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  quick        formatting, circles, clippy, all tests, 30 s of simulation: a few minutes if all is already built
  check        formatting, circles, clippy with every set of features, documentation; warnings are errors
  circles      finds files and folders that import each other
  systems      clippy of the sqs-rpc command for Windows and macOS (needs their rustup targets)
  deny         licenses, duplicates and sources of the dependencies (needs cargo-deny)
  test         all tests and documentation tests
  examples     runs each example that needs no arguments
  interop      installs third-party software and tests this project with it; see `cargo xtask interop -- --help`
  instructions counts the instructions of the hot paths (needs valgrind), and fails if a bound is exceeded
  ci           all of the above except quick and systems, and two minutes of simulation; stops at the first failure
  sim          the simulation; see `cargo xtask sim --help`
  sim-mutants  the simulation of code with known faults; it must find every fault
  goals        measures P1 to P16, and shows goal, value, and reached or missed; see `cargo xtask goals --help`
  measure      a single measurement; includes `goals` and `bench-java`; see `cargo xtask measure --help`
  bench-java   measures the Java Temporary Queue Client, this project and plain SDK calls in turn; --quick: a tenth of the load
  bench-local  installs a rustack server and compares local-sqs with it; takes minutes
  aws-check    login, timeout and clean-up on a real AWS account; see `cargo xtask aws-check -- --help`";

fn main() -> ExitCode {
    if let Some(exit) = simulation::wraps_compiler() {
        return exit;
    }
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let root = workspace_root();

    let steps = match command.as_deref() {
        Some("--help" | "-h" | "help") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some("circles") if rest.is_empty() => return report_circles(root),
        Some("sim") => return run::hand_over(&simulation::sim(rest), root),
        Some("sim-mutants") => match simulation::mutants(rest) {
            Ok(step) => return run::hand_over(&step, root),
            Err(message) => Err(message),
        },
        Some("aws-check") => return run::hand_over(&plan::aws_check(rest), root),
        Some("measure") => return run::hand_over(&plan::measure(None, rest), root),
        Some("goals") => return run::hand_over(&plan::measure(Some("goals"), rest), root),
        Some("bench-java") => return run::hand_over(&plan::measure(Some("java"), rest), root),
        Some("interop") => return run::hand_over(&plan::interop(rest), root),
        Some(name) if rest.is_empty() => plan::steps(name, root),
        Some(name) => Err(format!("`{name}` takes no arguments")),
        None => Err("expected a command, found none".to_owned()),
    };
    match steps {
        Ok(steps) => run::all(&steps, root),
        Err(message) => {
            eprintln!("xtask: {message}; `cargo xtask help` lists the commands");
            ExitCode::from(2)
        }
    }
}

/// Fails if files or folders import each other.
fn report_circles(root: &Path) -> ExitCode {
    let circles = circles::find(root);
    for circle in &circles {
        println!("{circle}\n");
    }
    if circles.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The commands work from any directory.
fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("xtask is below a folder of the workspace")
}
