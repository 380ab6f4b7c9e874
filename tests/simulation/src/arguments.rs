//! The command line.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use sqs_rpc_simulation::coverage::Check;
use sqs_rpc_simulation::plan::read_numbers;
use sqs_rpc_simulation::scenarios::{self, Scenario};

use crate::commit;

/// Runs whole requesters, responders and virtual queues in virtual time; a seed decides everything.
///
/// See `docs/simulation.md`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim")]
pub(crate) struct Arguments {
    /// Run this number of seeds.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) seeds: u64,
    /// Run fresh seeds for this time instead.
    #[arg(long, value_name = "SECONDS", conflicts_with = "seeds")]
    pub(crate) seconds: Option<u64>,
    /// The first seed: a number, or `commit` for a seed that depends on the checked-out commit.
    /// Default: 1, or with --seconds a seed that depends on the time.
    #[arg(long, value_name = "SEED", value_parser = first)]
    pub(crate) first: Option<u64>,
    /// Run this scenario alone. Default: every other seed is a mix, the others run the scenarios in turn.
    #[arg(long, value_name = "NAME", value_parser = scenario)]
    pub(crate) scenario: Option<&'static Scenario>,
    /// The number of threads.
    #[arg(long, value_name = "N", default_value_t = std::thread::available_parallelism().map_or(1, Into::into))]
    pub(crate) threads: usize,
    /// Fail if a seed costs more than this on average, in milliseconds of user CPU (Linux only).
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) most_cpu: Option<u64>,
    /// Continue after a failure, and list all seeds that fail.
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// First run the plans in this directory, one in each file.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) regressions: Option<PathBuf>,
    /// Run this seed only.
    #[arg(long, conflicts_with_all = ["seeds", "seconds", "first"])]
    pub(crate) seed: Option<u64>,
    /// Run the plan in this file only.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "seconds", "first", "scenario"])]
    pub(crate) plan: Option<PathBuf>,
    /// Leave these items of the plan out, for example `1,4..7`. With --seed or --plan.
    #[arg(long, value_name = "ITEMS", value_parser = numbers)]
    pub(crate) without: Option<Numbers>,
    /// Show the plan and everything that happens. With --seed or --plan.
    #[arg(long)]
    pub(crate) trace: bool,
    /// Print the plan as text for a file in `tests/simulation/regressions/`, and run nothing. With --seed or --plan.
    #[arg(long)]
    pub(crate) text: bool,
    /// Leave this check out.
    #[arg(long, value_name = "CHECK", value_parser = check(), hide_possible_values = true)]
    pub(crate) leave_out: Option<Check>,
    /// Activate this mutant, and succeed if a seed finds it. Needs a build with mutants.
    #[arg(long, value_name = "NAME")]
    pub(crate) mutant: Option<String>,
    /// Run each mutant at the seed that is known to find it. Needs a build with mutants.
    #[arg(long, conflicts_with = "mutant")]
    pub(crate) all_mutants: bool,
    /// Search for each mutant in the first seeds of its scenario instead. With --all-mutants.
    #[arg(long, requires = "all_mutants")]
    pub(crate) whole: bool,
    /// List the scenarios.
    #[arg(long)]
    pub(crate) list: bool,
}

/// The numbers of items of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Numbers(pub(crate) Vec<usize>);

fn numbers(text: &str) -> Result<Numbers, String> {
    let read = read_numbers(text).map(Numbers);
    read.map_err(|part| format!("expected numbers and ranges as `1,4..7`, found `{part}`"))
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    Scenario::find(name).ok_or_else(|| "there is no such scenario; --list lists them".to_owned())
}

fn check() -> impl clap::builder::TypedValueParser<Value = Check> {
    let names = Check::ALL.iter().map(|check| check.name());
    PossibleValuesParser::new(names).try_map(|name| {
        let found = Check::ALL.iter().find(|check| check.name() == name);
        found.copied().ok_or("there is no such check")
    })
}

fn first(text: &str) -> Result<u64, String> {
    match text {
        "commit" => Ok(commit::first_seed()),
        number => number
            .parse()
            .map_err(|_| "expected a number, or `commit`".to_owned()),
    }
}

impl Arguments {
    pub(crate) fn scenario_of(&self, seed: u64) -> Option<&'static Scenario> {
        self.scenario.or_else(|| scenarios::of_seed(seed))
    }
}
