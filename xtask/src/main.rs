//! The project's own commands: `cargo xtask help` lists them.
//!
//! Owns the list of commands and what each consists of. Does not install anything (that is `.ci/run`) and has no
//! dependencies, so that it is there in seconds.
//!
//! Invariant: exit code 0 means that each step was run and succeeded; a step that cannot run is a failure.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command-line tool talks to its terminal and looks at the clock"
)]

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

  quick        formatting, clippy, all tests, 30 s of simulation: a few minutes once all is built
  check        formatting, clippy with every set of features, documentation; warnings are errors
  systems      clippy of the command for Windows and macOS (needs their targets of rustup)
  deny         licences, duplicates and sources of the dependencies (needs cargo-deny)
  test         all tests and documentation tests
  examples     runs each example that needs no arguments
  interop      runs it with software of others, which it installs; see `cargo xtask interop -- --help`
  instructions counts the instructions of the hot paths (needs valgrind), and fails above a bound
  ci           all of the above, and two minutes of simulation, up to the first failure
  sim          the simulation; see `cargo xtask sim --help`
  sim-mutants  the simulation of faulty code: it must find every fault
  goals        measures P1 to P16, tells goal, value, and reached or missed; see `cargo xtask goals --help`
  measure      one measurement by itself; `goals` and `bench-java` are two of them; see `cargo xtask measure --help`
  bench-java   measures the Java Temporary Queue Client, this project and plain SDK calls in turn; --quick: a tenth of it
  bench-local  installs a rustack server and measures local-sqs beside it; takes minutes
  aws-check    login, time-out and clean-up on a real AWS account; see `cargo xtask aws-check -- --help`";

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
        None => Err("a command is needed".to_owned()),
    };
    match steps {
        Ok(steps) => run::all(&steps, root),
        Err(message) => {
            eprintln!("xtask: {message}; `cargo xtask help` lists the commands");
            ExitCode::from(2)
        }
    }
}

/// The commands work from any directory.
fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
}
