//! `sim` and `sim-mutants`: the simulation, and the simulation of code with known faults.
//!
//! Owns: the build of the program for both. Does not own: the meaning of its arguments.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::step::Step;

/// The variable that makes this program act as the compiler's wrapper.
const WRAPPING: &str = "SQS_RPC_MUTANTS";
const RUN: &str = "run --quiet --profile sim --package sqs-rpc-simulation --";
const REGRESSIONS: &str = "tests/simulation/regressions";

/// Runs the simulation with the user's arguments.
pub(crate) fn sim(arguments: Vec<String>) -> Step {
    let arguments = arguments
        .into_iter()
        .skip_while(|argument| argument == "--");
    Step::cargo("simulation", RUN).arguments(arguments)
}

/// All regressions, and two minutes of new seeds.
///
/// The seeds are derived from the commit: they differ for each commit, and are the same for the same commit, so that a
/// failure can be reproduced.
pub(crate) fn for_ci() -> Vec<Step> {
    let arguments = format!("{RUN} --regressions {REGRESSIONS} --seconds 120 --first commit");
    vec![Step::cargo("simulation", &arguments)]
}

/// Half a minute of new seeds.
pub(crate) fn for_quick() -> Step {
    Step::cargo(
        "30 s of simulation",
        &format!("{RUN} --seconds 30 --first commit"),
    )
}

/// Builds the code with all its mutants, and checks that the simulation finds each.
///
/// The mutant is chosen at run time, so that one build is enough. A compiler wrapper, which cargo uses only for workspace
/// members, passes `--cfg mutants`, because `RUSTFLAGS` would build every dependency again.
pub(crate) fn mutants(arguments: Vec<String>) -> Result<Step, String> {
    let this = std::env::current_exe()
        .map_err(|error| format!("cannot find the path of this program: {error}"))?;
    let arguments = arguments
        .into_iter()
        .skip_while(|argument| argument == "--");
    Ok(
        Step::cargo("simulation of mutants", &format!("{RUN} --all-mutants"))
            .arguments(arguments)
            .environment(WRAPPING, "1")
            .environment("RUSTC_WORKSPACE_WRAPPER", this),
    )
}

/// If cargo has called this program as the compiler's wrapper, runs the compiler and returns its result.
pub(crate) fn wraps_compiler() -> Option<ExitCode> {
    std::env::var_os(WRAPPING)?;
    let mut given = std::env::args_os().skip(1);
    let compiler = given.next()?;
    if !Path::new(&compiler)
        .file_stem()?
        .to_str()?
        .starts_with("rustc")
    {
        return None;
    }
    let status = Command::new(compiler)
        .args(given)
        .args(["--cfg", "mutants"])
        .status();
    Some(match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_passed_on() {
        let step = sim(vec!["--".to_owned(), "--seeds".to_owned(), "7".to_owned()]);
        assert!(
            step.to_string()
                .ends_with("sqs-rpc-simulation -- --seeds 7"),
            "{step}"
        );
    }

    #[test]
    fn the_folder_of_regressions_exists() {
        let step = for_ci().remove(0).to_string();
        assert!(
            step.contains("--regressions") && step.ends_with("--seconds 120 --first commit"),
            "{step}"
        );
        assert!(crate::workspace_root().join(REGRESSIONS).is_dir());
    }
}
