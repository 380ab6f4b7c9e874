//! `sqs-rpc-sim`: runs seeds. `cargo xtask sim` and `cargo xtask sim-mutants` call it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its terminal"
)]

mod arguments;
mod commit;
mod stopwatch;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Duration;

use clap::Parser;
use sqs_rpc_simulation::campaign::{Campaign, Outcome};
use sqs_rpc_simulation::coverage::{self, Check, Coverage, Fault};
use sqs_rpc_simulation::judge::{Failure, plan, shrink};
use sqs_rpc_simulation::mutants::{self, Mutant};
use sqs_rpc_simulation::regressions::{self, Regression};
use sqs_rpc_simulation::scenarios::{self, Scenario};
use sqs_rpc_simulation::trace::Keep;

use arguments::{Arguments, Numbers};
use stopwatch::Stopwatch;

/// In a campaign of at least this number of seeds, every fault must take place at least `OFTEN` times.
const MANY_SEEDS: u64 = 10_000;
const OFTEN: u64 = 100;
/// In such a campaign, every check must be made this often without an excuse.
const OFTEN_ASKED: u64 = 1_000;
/// The number of lines of a failure's trace that are shown.
const LAST_LINES: usize = 80;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::from(2)
        }
    }
}

/// Carries out the command. Returns whether it succeeded.
fn run(arguments: &Arguments) -> Result<bool, String> {
    if let Some(mutant) = &arguments.mutant {
        mutants::activate(mutant)?;
    }
    if let Some(check) = arguments.leave_out {
        mutants::leave_out(check);
    }
    if arguments.list {
        for scenario in scenarios::ALL {
            println!("{:5} {}", scenario.name, scenario.about);
        }
        return Ok(true);
    }
    if let Some(file) = &arguments.plan {
        return Ok(one(
            arguments,
            &file.display().to_string(),
            Regression::read(file)?,
        ));
    }
    if let Some(seed) = arguments.seed {
        let regression = of_seed(seed, arguments.scenario_of(seed));
        return Ok(one(arguments, &format!("seed {seed}"), regression));
    }
    if arguments.all_mutants {
        return Ok(all_mutants(arguments));
    }
    if arguments.mutant.is_some() {
        return Ok(caught(arguments));
    }
    seeds(arguments)
}

fn of_seed(seed: u64, scenario: Option<&Scenario>) -> Regression {
    Regression::new(scenario, plan(seed, scenario))
}

/// Runs one plan, and prints its trace if the arguments say so.
fn one(arguments: &Arguments, name: &str, regression: Regression) -> bool {
    let regression = match &arguments.without {
        Some(Numbers(items)) => regression.without(items),
        None => regression,
    };
    if arguments.text {
        print!("{regression}");
        return true;
    }
    let keep = if arguments.trace {
        Keep::Lines
    } else {
        Keep::Hash
    };
    let verdict = regression.judge(keep);
    if arguments.trace {
        print!("{}", regression.plan());
        let lines = &verdict.report.lines;
        lines.iter().for_each(|line| println!("{line}"));
    }
    let (hash, events) = verdict.report.trace;
    println!("{name}: {events} events, hash {hash:016x}");
    if let Some(row) = scenarios::counted(&verdict.report) {
        println!("{row}");
    }
    if let Some(failure) = &verdict.failure {
        println!("{}", failure.text);
    }
    verdict.failure.is_none()
}

/// Runs the regressions, then many seeds.
fn seeds(arguments: &Arguments) -> Result<bool, String> {
    if let Some(directory) = &arguments.regressions
        && !run_regressions(directory)?
    {
        return Ok(false);
    }
    let watch = Stopwatch::start();
    let first = arguments.first.unwrap_or_else(|| {
        if arguments.seconds.is_some() {
            stopwatch::fresh_seed()
        } else {
            1
        }
    });
    let campaign = Campaign {
        first,
        seeds: if arguments.seconds.is_some() {
            u64::MAX
        } else {
            arguments.seeds
        },
        scenario: arguments.scenario,
        threads: arguments.threads,
        keep_going: arguments.keep_going,
    };
    println!("seeds from {first} on, {} threads", arguments.threads);
    let told = Mutex::new(Duration::ZERO);
    let outcome = campaign.run(|outcome, new| {
        let elapsed = watch.elapsed();
        if arguments.keep_going
            && let Some((seed, failure)) = new
        {
            println!("seed {seed} fails: {}", failure.text);
        }
        if let Ok(mut told) = told.lock()
            && elapsed >= *told + Duration::from_secs(10)
        {
            *told = elapsed;
            println!("{}", progress(outcome, elapsed));
        }
        arguments
            .seconds
            .is_none_or(|seconds| elapsed < Duration::from_secs(seconds))
    });
    println!("{}", progress(&outcome, watch.elapsed()));
    print_coverage(&outcome.coverage);
    if arguments.keep_going {
        println!("{} seeds failed", outcome.failed.len());
    }
    if let Some((seed, failure)) = outcome.failed.first_key_value() {
        let regression = of_seed(*seed, campaign.scenario_of(*seed));
        explain(&format!("seed {seed}"), &regression, failure);
        return Ok(false);
    }
    if !is_cheap(outcome.ran, arguments.most_cpu) {
        return Ok(false);
    }
    let rare = rare(&outcome);
    rare.iter().for_each(|line| println!("{line}"));
    let never: Vec<_> = coverage::NEVER
        .into_iter()
        .filter(|fault| outcome.coverage.of_fault(*fault) > 0)
        .collect();
    for fault in &never {
        println!(
            "{} took place: expected no call that reads the values that it falsifies",
            fault.name()
        );
    }
    Ok(rare.is_empty() && never.is_empty())
}

fn progress(outcome: &Outcome, elapsed: Duration) -> String {
    let rate = outcome.ran as f64 / elapsed.as_secs_f64().max(0.001);
    format!("{} seeds, {rate:.0} a second", outcome.ran)
}

fn print_coverage(coverage: &Coverage) {
    for fault in Fault::ALL {
        println!("{:>12}  {fault}", coverage.of_fault(*fault));
    }
    println!("checks: how often each could have failed, and how often something excused it");
    for check in Check::ALL {
        let (asked, excused) = (coverage.of_check(*check), coverage.of_excuse(*check));
        println!("{asked:>12} {excused:>12}  {check}");
    }
}

/// Prints the cost of a seed. Returns whether the cost is within the limit.
fn is_cheap(seeds: u64, most_cpu: Option<u64>) -> bool {
    let Some((cpu, memory)) = stopwatch::cpu_time().zip(stopwatch::memory()) else {
        return most_cpu.is_none();
    };
    let each = cpu.as_secs_f64() * 1e3 / seeds.max(1) as f64;
    println!("{each:.0} ms of CPU a seed, {memory} MiB of memory at the end");
    most_cpu.is_none_or(|most| each <= most as f64)
}

/// The faults and checks that took place too rarely, as lines to print.
fn rare(outcome: &Outcome) -> Vec<String> {
    if outcome.ran < MANY_SEEDS {
        return Vec::new();
    }
    let coverage = &outcome.coverage;
    let left_out = |fault: &&Fault| {
        coverage::NEVER
            .iter()
            .chain(&coverage::BY_NAME)
            .all(|other| other != *fault)
    };
    let faults = Fault::ALL.iter().filter(left_out).filter_map(|fault| {
        let count = coverage.of_fault(*fault);
        (count < OFTEN)
            .then(|| format!("{fault} took place {count} times, expected at least {OFTEN}"))
    });
    let checks = Check::ALL.iter().filter_map(|check| {
        let count = coverage.of_check(*check);
        let rare = count < OFTEN_ASKED;
        rare.then(|| {
            format!("{check} could have failed {count} times, expected at least {OFTEN_ASKED}")
        })
    });
    faults.chain(checks).collect()
}

/// Prints a failure: the smallest plan that still fails, as text, and the end of its trace.
fn explain(name: &str, whole: &Regression, failure: &Failure) {
    println!("\n{name} fails: {}\nreducing the plan ..", failure.text);
    let left_out = shrink(whole.plan(), whole.scenario(), failure);
    let small = whole.clone().without(&left_out);
    let verdict = small.judge(Keep::Lines);
    let lines = &verdict.report.lines;
    let from = lines.len().saturating_sub(LAST_LINES);
    println!(
        "the end of its trace ({} lines of {}):",
        lines.len() - from,
        lines.len()
    );
    lines[from..].iter().for_each(|line| println!("{line}"));
    let text = verdict
        .failure
        .map_or_else(String::new, |failure| failure.text);
    println!(
        "{text}\n\n{} of {} items are needed. To repeat the failure, write this to a file in `tests/simulation/regressions/` \
         and run `cargo xtask sim --plan FILE --trace`:\n\n// {text}\n{small}",
        small.plan().items.len(),
        whole.plan().items.len()
    );
}

/// Runs all plans in a directory, sorted by name.
fn run_regressions(directory: &Path) -> Result<bool, String> {
    let files = regressions::files(directory)?;
    println!("{} regressions", files.len());
    for file in files {
        let regression = Regression::read(&file)?;
        if let Some(failure) = regression.judge(Keep::Nothing).failure {
            explain(&file.display().to_string(), &regression, &failure);
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether one of the seeds finds the active mutant.
fn caught(arguments: &Arguments) -> bool {
    let campaign = Campaign {
        first: arguments.first.unwrap_or(1),
        seeds: arguments.seeds,
        scenario: arguments.scenario,
        threads: arguments.threads,
        keep_going: false,
    };
    let outcome = campaign.run(|_, _| true);
    match outcome.failed.first_key_value() {
        Some((seed, failure)) => {
            println!("seed {seed}, {}: {}", failure.check, failure.text);
            true
        }
        None => {
            println!("survived {} seeds", outcome.ran);
            false
        }
    }
}

/// Runs each mutant in its own process: at the seed that is known to find it, or in the first seeds of its scenario.
fn all_mutants(arguments: &Arguments) -> bool {
    let mut survivors = 0;
    for mutant in mutants::ALL {
        let (text, caught) = if arguments.whole {
            let seeds = arguments.seeds.to_string();
            let threads = arguments.threads.to_string();
            run_mutant(mutant, &["--seeds", &seeds, "--threads", &threads])
        } else {
            at_known_seed(mutant)
        };
        let verdict = if caught { "caught  " } else { "SURVIVED" };
        println!("{verdict} {:26} {:11} {text}", mutant.name, mutant.scenario);
        survivors += u32::from(!caught);
    }
    println!("{} mutants, {survivors} survived", mutants::ALL.len());
    survivors == 0
}

/// Whether the known seed finds a mutant by the check that the list names, and by no other check if the list says so.
fn at_known_seed(mutant: &Mutant) -> (String, bool) {
    let seed = mutant.seed.to_string();
    let one = ["--first", &seed, "--seeds", "1", "--threads", "1"];
    let (text, caught) = run_mutant(mutant, &one);
    if !caught || !text.contains(mutant.check) {
        return (
            format!("expected the check {}, found: {text}", mutant.check),
            false,
        );
    }
    if mutant.only {
        let without = [&one[..], &["--leave-out", mutant.check]].concat();
        let (other, caught) = run_mutant(mutant, &without);
        if caught {
            return (
                format!("expected only one check to find it, found another: {other}"),
                false,
            );
        }
    }
    (text, true)
}

/// Runs this program with a mutant in its scenario. Returns its output, and whether it has found the mutant.
fn run_mutant(mutant: &Mutant, arguments: &[&str]) -> (String, bool) {
    let run = std::env::current_exe().and_then(|program| {
        Command::new(program)
            .args(["--mutant", mutant.name, "--scenario", mutant.scenario])
            .args(arguments)
            .output()
    });
    match run {
        Ok(output) => (
            String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            output.status.success(),
        ),
        Err(error) => (error.to_string(), false),
    }
}
