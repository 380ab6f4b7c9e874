//! All measurements of this project: `cargo xtask measure`, `cargo xtask goals`, `cargo xtask bench-java`.
//!
//! | module | question |
//! |---|---|
//! | `goal` | what are P1 to P16, and which figures decide each? |
//! | `source` | which programs are run for them, and which numbers did they print? |
//! | `scenario` | what is measured in this process? |
//! | `java` | how do the Java client, this project and plain SDK calls compare? |
//! | `verdict` | which goals are reached, and why are the others missed? |
//! | `show`, `page` | how are results shown: terminal, JSON, `docs/benchmarks.md`? |
//!
//! Programs exchange numbers as JSON, one object per line. Loads of requests are run by `sqs-rpc bench rpc --json`,
//! which is also available to users.
//!
//! Invariant: this program contains no measured values; a missing figure is a failure and never skipped.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command-line tool writes to its terminal and reads the clock"
)]

mod goal;
mod java;
mod page;
mod scenario;
mod show;
mod source;
mod verdict;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sqs_rpc_interop::{Failure, Folders};

use goal::GOALS;
use source::Sources;
use verdict::{Misses, Verdict};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask measure",
    about = "Measures this project against its performance goals"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure P1 to P16 and write the table in docs/benchmarks.md
    ///
    /// Exit code 1: a goal is missed without a reason in misses.toml, or could not be measured.
    Goals {
        /// Measure only these goals, such as P1,P2; the documentation is not changed
        #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(GOALS.map(|goal| goal.id)))]
        only: Vec<String>,
        /// Use the last report of `java` instead of a new run
        #[arg(long)]
        reuse: bool,
        /// Print one line of JSON for each goal
        #[arg(long)]
        json: bool,
    },
    /// Measure the Java Temporary Queue Client, this project and plain SDK calls in turn; write docs/benchmarks.md
    Java {
        /// Run a tenth of the load, to see that it works; the documentation is not changed
        #[arg(long)]
        quick: bool,
    },
    /// Count the calls in an hour without requests, in virtual time
    IdleHour,
    /// Count the calls in ten minutes without answers from SQS, in virtual time
    Outage {
        /// Seed of random decisions
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Measure memory and threads of 100,000 requests without replies, on `sqs-rpc local`
    Pending,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("measure: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command; `false` if a goal has a problem.
fn run(command: Command) -> Result<bool, Failure> {
    let figures = match command {
        Command::Goals { only, reuse, json } => return goals(&only, reuse, json),
        Command::Java { quick } => {
            source::build_sqs_rpc()?;
            scenario::runtime()?.block_on(java::run(quick, &Folders::new()))?;
            return Ok(true);
        }
        Command::IdleHour => scenario::idle_hour()?,
        Command::Outage { seed } => scenario::outage(seed)?,
        Command::Pending => {
            source::build_sqs_rpc()?;
            scenario::runtime()?.block_on(scenario::pending())?
        }
    };
    println!("{figures}");
    Ok(true)
}

fn goals(only: &[String], reuse: bool, json: bool) -> Result<bool, Failure> {
    let wants = |id: &str| only.is_empty() || only.iter().any(|only| only == id);
    let misses = Misses::read()?;
    let mut sources = Sources::new(reuse);
    let goals = GOALS.iter().filter(|goal| wants(goal.id));
    let verdicts: Vec<Verdict> = goals
        .map(|goal| Verdict::new(goal, (goal.measure)(&mut sources)))
        .collect();
    if json {
        for verdict in &verdicts {
            println!("{}", show::json(verdict));
        }
    } else {
        println!("\n{}", show::table(&verdicts));
    }
    if let Some(minutes) = sources.age_minutes() {
        eprintln!("the report of `java` is {minutes} minutes old");
    }
    if only.is_empty() {
        page::replace_section("goals", &show::section(&verdicts, &misses))?;
    }
    for note in misses.notes(&verdicts) {
        eprintln!("note: {note}");
    }
    let problems = misses.problems(&verdicts);
    for problem in &problems {
        eprintln!("measure: {problem}");
    }
    Ok(problems.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Arguments::command().debug_assert();
        let parsed = |line: &str| Arguments::try_parse_from(line.split_whitespace());
        assert!(parsed("measure goals --only P1,P16").is_ok());
        assert!(parsed("measure goals --only P17").is_err());
    }
}
