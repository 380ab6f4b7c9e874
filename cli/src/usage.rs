//! Reports arguments that clap refuses: clap's text on stderr, and with `--json` an object on stdout.

use std::ffi::OsStr;
use std::process::ExitCode;

use crate::console::print;
use crate::failure::{Exit, Failure};

/// Prints the error. Help and version, which clap returns as errors, go to stdout with exit code 0.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    // Write errors are ignored, because a closed terminal must not cause a panic.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if wants_json(std::env::args_os()) {
        let failure = Failure::usage(message(&error.render().to_string()));
        let object = serde_json::json!({ "error": failure.to_json() });
        let _ = print(&format!("{object}\n"));
    }
    ExitCode::from(Exit::Usage as u8)
}

/// Whether `--json` was given. Arguments after `--` belong to another command.
fn wants_json(arguments: impl Iterator<Item = impl AsRef<OsStr>>) -> bool {
    arguments
        .take_while(|argument| argument.as_ref() != "--")
        .any(|argument| argument.as_ref() == "--json")
}

/// Clap's text in one line, without the usage part.
fn message(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let first = text.split("\n\n").next().unwrap_or(text);
    let lines: Vec<_> = first.lines().map(str::trim).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_after_two_hyphens_are_ignored() {
        assert!(wants_json(["request", "--json", "--", "x"].iter()));
        assert!(!wants_json(["serve", "--", "jq", "--json"].iter()));
    }

    #[test]
    fn the_text_of_clap_becomes_one_line_without_usage() {
        let text = "error: these are missing:\n  --queue-url <URL>\n\nUsage: sqs-rpc request\n";
        assert_eq!(message(text), "these are missing: --queue-url <URL>");
    }
}
