//! Runs steps one after the other, and reports the results.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::step::Step;

/// Runs the steps in order and stops at the first failure. The last line is `N passed, M failed`.
pub(crate) fn all(steps: &[Step], root: &Path) -> ExitCode {
    let total = steps.len();
    let whole = Instant::now();
    let mut durations: Vec<Duration> = Vec::with_capacity(total);
    let mut failure = None;

    for (index, step) in steps.iter().enumerate() {
        println!("\n==> [{}/{total}] {}: {step}", index + 1, step.name);
        let watch = Instant::now();
        let outcome = outcome(step, root);
        let took = watch.elapsed();
        // Printed at once, because the table is not printed if the run is interrupted.
        println!("<== {} took {}", step.name, seconds(took));
        durations.push(took);
        if let Err(reason) = outcome {
            failure = Some((step, reason));
            break;
        }
    }

    println!("\n{}", table(steps, &durations, failure.is_some()));
    println!("took {}", seconds(whole.elapsed()));
    match failure {
        None => {
            println!("{total} passed, 0 failed");
            ExitCode::SUCCESS
        }
        Some((step, reason)) => {
            println!("{}: {reason}", step.name);
            if let Some(hint) = step.hint {
                println!("{hint}");
            }
            println!("to run this step alone: {step}");
            println!("{} passed, 1 failed", durations.len() - 1);
            ExitCode::FAILURE
        }
    }
}

/// Runs one step on the user's terminal, including input, and returns its exit code.
pub(crate) fn hand_over(step: &Step, root: &Path) -> ExitCode {
    match step.command(root).stdin(Stdio::inherit()).status() {
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("xtask: cannot run `{step}`: {error}");
            ExitCode::FAILURE
        }
    }
}

fn outcome(step: &Step, root: &Path) -> Result<(), String> {
    match step.command(root).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(format!("cannot be run: {error}")),
    }
}

/// One line for each step: its result and its duration. `durations` has the steps that were run; if `failed`, the last
/// of them failed.
fn table(steps: &[Step], durations: &[Duration], failed: bool) -> String {
    let lines = steps
        .iter()
        .enumerate()
        .map(|(index, step)| match durations.get(index) {
            Some(duration) => {
                let word = if failed && index + 1 == durations.len() {
                    "FAILED"
                } else {
                    "ok"
                };
                format!("{word:>7} {:>9}  {}", seconds(*duration), step.name)
            }
            None => format!("not run {:>9}  {}", "", step.name),
        });
    lines.collect::<Vec<_>>().join("\n")
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_ok_failed_and_not_run() {
        let steps = ["a", "b", "c"].map(|name| Step::cargo(name, "x"));
        let durations = [Duration::from_millis(1_500), Duration::from_secs(70)];
        let expected = "     ok     1.5 s  a\n FAILED    70.0 s  b\nnot run            c";
        assert_eq!(table(&steps, &durations, true), expected);
    }

    #[test]
    fn a_table_without_failure_has_only_ok() {
        let steps = ["a", "b"].map(|name| Step::cargo(name, "x"));
        let table = table(&steps, &[Duration::ZERO, Duration::ZERO], false);
        assert_eq!(table.matches("ok").count(), 2);
        assert!(!table.contains("FAILED"));
    }
}
