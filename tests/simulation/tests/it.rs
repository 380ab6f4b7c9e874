//! Tests of the program and of its documentation.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use sqs_rpc_simulation::coverage::Check;
use sqs_rpc_simulation::judge::{judge, plan};
use sqs_rpc_simulation::regressions::{self, Regression};
use sqs_rpc_simulation::trace::Keep;
use sqs_rpc_simulation::{mutants, scenarios};

const DOCUMENT: &str = include_str!("../../../docs/simulation.md");

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sqs-rpc-sim"))
        .args(arguments)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn two_processes_write_the_same_trace_of_a_seed() {
    for seed in ["1", "8", "17", "64"] {
        let arguments = ["--seed", seed, "--trace"];
        let (one, other) = (run(&arguments), run(&arguments));
        assert!(one.lines().count() > 100, "{one}");
        assert_eq!(one, other, "seed {seed}");
    }
}

#[test]
fn different_seeds_give_different_runs() {
    assert_ne!(run(&["--seed", "2"]), run(&["--seed", "4"]));
}

#[test]
fn every_scenario_runs_alone() {
    for scenario in scenarios::ALL {
        let verdict = judge(&plan(1, Some(scenario)), Some(scenario), Keep::Nothing);
        assert_eq!(verdict.failure, None, "{}", scenario.name);
    }
}

/// The first cell of each row of the table under a heading.
fn rows(heading: &str) -> Vec<&'static str> {
    let (_, section) = DOCUMENT
        .split_once(&format!("## {heading}\n"))
        .expect("the heading is there");
    let section = section.split("\n##").next().expect("it has a body");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| row.split('|').next().unwrap_or_default().trim());
    cells.skip(1).map(|cell| cell.trim_matches('`')).collect()
}

#[test]
fn the_document_lists_all_scenarios_and_no_others() {
    let listed: BTreeSet<_> = rows("Rows").into_iter().map(str::to_lowercase).collect();
    let known: BTreeSet<_> = scenarios::ALL.iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(listed, known);
}

#[test]
fn the_document_lists_all_mutants_and_no_others() {
    let listed: BTreeSet<_> = rows("Mutants").into_iter().collect();
    let known: BTreeSet<_> = mutants::ALL.iter().map(|it| it.name).collect();
    assert_eq!(listed, known);
}

#[test]
fn each_check_has_a_mutant_that_only_it_finds() {
    let alone = mutants::ALL.iter().filter(|mutant| mutant.only);
    let found: BTreeSet<_> = alone.map(|mutant| mutant.check).collect();
    let checks: BTreeSet<_> = Check::ALL.iter().map(|check| check.name()).collect();
    assert_eq!(found, checks);
}

#[test]
fn regressions_are_written_as_they_are_printed() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    for file in regressions::files(&directory).expect("there are some") {
        let text = std::fs::read_to_string(&file).expect("it can be read");
        let (why, plan) = text.split_once('\n').expect("it has lines");
        assert!(why.starts_with("// "), "{}: {why}", file.display());
        let read = Regression::read(&file).expect("it is a plan");
        assert_eq!(read.to_string(), plan, "{}", file.display());
    }
}
