//! What the command line says.

use std::ffi::OsStr;
use std::path::PathBuf;

use lexopt::prelude::*;
use sqs_rpc_simulation::coverage::Check;
use sqs_rpc_simulation::plan::read_numbers;
use sqs_rpc_simulation::scenarios::{self, Scenario};

use crate::commit;

pub(crate) const USAGE: &str = "\
usage: cargo xtask sim [OPTIONS]

  --seeds N         run so many seeds (1,000)
  --seconds N       run fresh seeds for so long instead
  --first SEED      begin with this one (1; with --seconds: one that follows from the time);
                    `commit`: one that follows from the commit that is checked out
  --scenario NAME   this scenario alone, as f17; else every other seed is a mix
  --threads N       (as many as there are cores)
  --most-cpu MS     fails if a seed costs more on average, in milliseconds of user CPU (Linux)
  --keep-going      list all seeds that fail, not the first
  --regressions FILE   run the seeds in this file before
  --seed SEED       run this one
    --without A,B..C   without these items of its plan
    --trace            show the plan and all that happens
  --leave-out CHECK without this check
  --mutant NAME     with a fault in the code; succeeds if a seed finds it. Needs a build with mutants
  --all-mutants     each mutant in turn, at the seed that is known to find it
    --whole            in the first seeds of its scenario instead
  --list            list the scenarios";

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) mode: Mode,
    pub(crate) seeds: u64,
    pub(crate) seconds: Option<u64>,
    pub(crate) first: Option<u64>,
    pub(crate) scenario: Option<&'static Scenario>,
    pub(crate) threads: usize,
    pub(crate) keep_going: bool,
    /// In milliseconds a seed.
    pub(crate) most_cpu: Option<u64>,
    pub(crate) regressions: Option<PathBuf>,
    pub(crate) trace: bool,
    pub(crate) mutant: Option<String>,
    pub(crate) leave_out: Option<Check>,
    /// Mutants are searched, and not only looked for where they are known to be.
    pub(crate) whole: bool,
}

#[derive(Debug)]
pub(crate) enum Mode {
    Seeds,
    One { seed: u64, without: Vec<usize> },
    AllMutants,
    List,
    Help,
}

impl Arguments {
    pub(crate) fn scenario_of(&self, seed: u64) -> Option<&'static Scenario> {
        self.scenario.or_else(|| scenarios::of_seed(seed))
    }
}

pub(crate) fn read() -> Result<Arguments, String> {
    parse(lexopt::Parser::from_env()).map_err(|error| error.to_string())
}

fn parse(mut parser: lexopt::Parser) -> Result<Arguments, lexopt::Error> {
    let mut read = Arguments {
        mode: Mode::Seeds,
        seeds: 1_000,
        seconds: None,
        first: None,
        scenario: None,
        threads: std::thread::available_parallelism().map_or(1, Into::into),
        keep_going: false,
        most_cpu: None,
        regressions: None,
        trace: false,
        mutant: None,
        leave_out: None,
        whole: false,
    };
    let (mut one, mut without) = (None, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seeds") => read.seeds = parser.value()?.parse()?,
            Long("seconds") => read.seconds = Some(parser.value()?.parse()?),
            Long("first") => read.first = Some(first(&parser.value()?)?),
            Long("scenario") => {
                let name = parser.value()?.string()?;
                let found = Scenario::find(&name);
                let none = || format!("there is no scenario {name}; --list lists them");
                read.scenario = Some(found.ok_or_else(none)?);
            }
            Long("threads") => read.threads = parser.value()?.parse()?,
            Long("most-cpu") => read.most_cpu = Some(parser.value()?.parse()?),
            Long("keep-going") => read.keep_going = true,
            Long("regressions") => read.regressions = Some(parser.value()?.into()),
            Long("seed") => one = Some(parser.value()?.parse()?),
            Long("without") => without = read_numbers(&parser.value()?.string()?)?,
            Long("trace") => read.trace = true,
            Long("mutant") => read.mutant = Some(parser.value()?.string()?),
            Long("leave-out") => {
                let name = parser.value()?.string()?;
                let found = Check::ALL.iter().find(|check| check.name() == name);
                let none = || format!("there is no check {name}");
                read.leave_out = Some(*found.ok_or_else(none)?);
            }
            Long("whole") => read.whole = true,
            Long("all-mutants") => read.mode = Mode::AllMutants,
            Long("list") => read.mode = Mode::List,
            Long("help") | Short('h') => read.mode = Mode::Help,
            other => return Err(other.unexpected()),
        }
    }
    if let Some(seed) = one {
        read.mode = Mode::One { seed, without };
    }
    Ok(read)
}

fn first(value: &OsStr) -> Result<u64, lexopt::Error> {
    if value == "commit" {
        Ok(commit::first_seed())
    } else {
        value.to_owned().parse()
    }
}
