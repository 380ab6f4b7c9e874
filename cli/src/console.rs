//! Writes to stdout and stderr.
//!
//! **Invariant:** a closed pipe is not a failure: a command in a pipe before `head` ends silently, and writing never
//! panics.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::json;

use crate::failure::{Exit, Failure};

/// Writes a result to stdout and flushes it.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::output(&error))
}

/// Writes a line to stderr. Errors are ignored, because a closed terminal must not stop the command.
pub(crate) fn say(line: impl fmt::Display) {
    // One write per line, so that lines of several threads are not mixed.
    let line = format!("{line}\n");
    drop(io::stderr().lock().write_all(line.as_bytes()));
}

/// Prints the failure to stderr, and with `json` also to stdout, and returns the exit code.
pub(crate) fn report(failure: &Failure, json: bool) -> ExitCode {
    if failure.exit != Exit::ReaderGone {
        if json && !failure.in_result {
            // If stdout fails, stderr still has the failure.
            let _ = print(&format!("{}\n", json!({ "error": failure.to_json() })));
        }
        say(format_args!("sqs-rpc: {failure}"));
    }
    ExitCode::from(failure.exit as u8)
}
