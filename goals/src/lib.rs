//! What this project wants to reach, P1 to P16, and whether it does: `cargo xtask goals`.
//!
//! | module | question |
//! |---|---|
//! | `goal` | what are the rows, and which figures decide each? |
//! | `source` | which commands are run, and what did they print? |
//! | `reading` | which figures are in that? |
//! | `verdict` | what is reached, and what is the excuse? |
//! | `show` | how is it shown: terminal, JSON, `docs/benchmarks.md`? |
//!
//! Owns the goals. Does not own the measuring: each figure is read from what a command printed that anybody can run.
//!
//! Invariant: no value is written down here; a figure that cannot be found is a miss, never left out.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its terminal"
)]

mod goal;
mod reading;
mod show;
mod source;
mod verdict;

use std::process::ExitCode;

use sqs_rpc_interop::bench_java::{page, replace_section};
use sqs_rpc_interop::{Failure, Folders};

use goal::GOALS;
use source::Sources;
use verdict::{Misses, Verdict};

const USAGE: &str = "\
usage: cargo xtask goals [OPTION ...]

Runs what measures P1 to P16, takes some 20 minutes, prints goal, value, and reached or missed, and writes the table in
docs/benchmarks.md. Exit code 1: a goal is missed, or goals/misses.toml is out of date.

  --json          print JSON, a line a goal
  --reuse         take the last `cargo xtask bench-java` instead of a new one; its age is shown
  --only P1,P2    these rows alone; the documentation stays as it is
  --help";

/// What the command was given.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    json: bool,
    reuse: bool,
    help: bool,
    /// Empty: all.
    only: Vec<String>,
}

/// Runs the command; its arguments are those after `cargo xtask goals`.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments = match Arguments::parse(arguments) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("goals: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if arguments.help {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match carry_out(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("goals: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
fn carry_out(arguments: &Arguments) -> Result<bool, Failure> {
    let folders = Folders::new();
    let misses = Misses::read()?;
    let mut sources = Sources::new(folders.root(), arguments.reuse);
    let verdicts: Vec<Verdict> = GOALS
        .iter()
        .filter(|goal| arguments.wants(goal.id))
        .map(|goal| Verdict::new(goal, (goal.measure)(&mut sources)))
        .collect();
    if arguments.json {
        println!("{}", show::json(&verdicts)?);
    } else {
        println!("\n{}", show::table(&verdicts));
    }
    if let Some(minutes) = sources.age_minutes() {
        eprintln!("what bench-java says is {minutes} minutes old");
    }
    let mut problems = misses.problems(&verdicts);
    if arguments.only.is_empty() {
        replace_section(&page(&folders), "goals", &show::section(&verdicts, &misses))?;
    } else {
        // Of rows that were not measured nothing is known.
        problems.retain(|(goal, _)| arguments.wants(goal));
    }
    for (_, problem) in &problems {
        eprintln!("goals: {problem}");
    }
    Ok(problems.is_empty() && verdicts.iter().all(Verdict::is_reached))
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => parsed.json = true,
                "--reuse" => parsed.reuse = true,
                "--help" | "-h" => parsed.help = true,
                "--only" => {
                    let given = arguments.next().ok_or("--only needs rows")?;
                    for id in given.split(',') {
                        if !GOALS.iter().any(|goal| goal.id == id) {
                            return Err(format!("there is no row {id:?}"));
                        }
                        parsed.only.push(id.to_owned());
                    }
                }
                other => return Err(format!("{other:?} is not known")),
            }
        }
        Ok(parsed)
    }

    fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn all_rows_are_wanted_unless_some_are_named() {
        let all = parse("--json").unwrap();
        assert!(GOALS.iter().all(|goal| all.wants(goal.id)));
        let two = parse("--only P1,P16").unwrap();
        assert!(two.wants("P16") && !two.wants("P2"));
        for wrong in ["--only P17", "--only", "P1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
