//! `sim` and `sim-mutants`: the simulation, and the simulation of faulty code.
//!
//! Owns: how the program is built for either. Does not own: what it does with its arguments.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::step::Step;

/// Set for the compiler's wrapper, which this program is, too.
const WRAPPING: &str = "SQS_RPC_MUTANTS";
const RUN: &str = "run --quiet --profile sim --package sqs-rpc-simulation --";
const REGRESSIONS: &str = "tests/simulation/regressions";

/// Runs the simulation with the user's own arguments.
pub(crate) fn sim(arguments: Vec<String>) -> Step {
    let arguments = arguments
        .into_iter()
        .skip_while(|argument| argument == "--");
    Step::cargo("simulation", RUN).arguments(arguments)
}

/// All regressions, and two minutes of seeds that nobody has run before.
///
/// They follow from the commit: other ones for each, and for the same commit the same, so that a failure comes again.
pub(crate) fn for_ci() -> Vec<Step> {
    let arguments = format!("{RUN} --regressions {REGRESSIONS} --seconds 120 --first commit");
    vec![Step::cargo("simulation", &arguments)]
}

/// Half a minute of seeds that nobody has run before.
pub(crate) fn for_quick() -> Step {
    Step::cargo(
        "30 s of simulation",
        &format!("{RUN} --seconds 30 --first commit"),
    )
}

/// Builds the code with all of its mutants, and lets the simulation find each.
///
/// A mutant is chosen when the program runs, so that one build is enough. `--cfg mutants` is passed by a wrapper around the
/// compiler that cargo uses for members of the workspace only: `RUSTFLAGS` would build every dependency once more.
pub(crate) fn mutants(arguments: Vec<String>) -> Result<Step, String> {
    let this = std::env::current_exe().map_err(|error| format!("who am I? {error}"))?;
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

/// Whether cargo has called this program in the place of the compiler, and how that went.
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
    fn arguments_are_handed_on() {
        let step = sim(vec!["--".to_owned(), "--seeds".to_owned(), "7".to_owned()]);
        assert!(
            step.to_string()
                .ends_with("sqs-rpc-simulation -- --seeds 7"),
            "{step}"
        );
    }

    #[test]
    fn ci_runs_regressions_that_are_there() {
        let step = for_ci().remove(0).to_string();
        assert!(
            step.contains("--regressions") && step.ends_with("--seconds 120 --first commit"),
            "{step}"
        );
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert!(root.join(REGRESSIONS).is_dir());
    }
}
