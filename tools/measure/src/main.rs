//! Everything that measures this project: `cargo xtask measure`, `cargo xtask goals`, `cargo xtask bench-java`.
//!
//! | module | question |
//! |---|---|
//! | `goal` | what are P1 to P16, and which figures decide each? |
//! | `source` | which programs are run for them, and which numbers did they say? |
//! | `scenario` | what is measured in this process? |
//! | `java` | how do the Java client, this project and plain SDK calls compare? |
//! | `verdict` | what is reached, and what is the stated reason for the rest? |
//! | `show`, `page` | how is it shown: terminal, JSON, `docs/benchmarks.md`? |
//!
//! Numbers pass between programs as JSON, an object a line. Loads of requests are `sqs-rpc bench rpc --json`, which a
//! user has, too.
//!
//! Invariant: no value is written down here; a figure that cannot be found is a failure, never left out.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command-line tool talks to its terminal and looks at the clock"
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
    about = "Measures what this project wants to reach"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures P1 to P16 and writes the table in docs/benchmarks.md
    ///
    /// Exit code 1: a goal is missed and misses.toml does not say why, or it could not be measured.
    Goals {
        /// These rows alone, as P1,P2; the documentation stays as it is
        #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(GOALS.map(|goal| goal.id)))]
        only: Vec<String>,
        /// Take the last `java` instead of a new one
        #[arg(long)]
        reuse: bool,
        /// Print JSON, a line a goal
        #[arg(long)]
        json: bool,
    },
    /// The Java Temporary Queue Client, this project and plain SDK calls in turn; writes docs/benchmarks.md
    Java {
        /// A tenth of it, to see that it works; the documentation stays as it is
        #[arg(long)]
        quick: bool,
    },
    /// Calls in an hour without a request, in virtual time
    IdleHour,
    /// Calls in ten minutes without an answer, in virtual time
    Outage {
        /// What chance decides, it decides by this
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Memory and threads of 100,000 requests that nobody answers, on `sqs-rpc local`
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

/// Whether all is well.
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
        eprintln!("what `java` says is {minutes} minutes old");
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
    fn the_options_fit_together() {
        Arguments::command().debug_assert();
        let parsed = |line: &str| Arguments::try_parse_from(line.split_whitespace());
        assert!(parsed("measure goals --only P1,P16").is_ok());
        assert!(parsed("measure goals --only P17").is_err());
    }
}
