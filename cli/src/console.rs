//! What is written to stdout and stderr.
//!
//! **Invariant:** a reader that has gone is no failure: a command in a pipe before `head` ends without a word, and nothing
//! that is written panics.

use std::fmt;
use std::io::{self, Write as _};

use crate::failure::Failure;

/// Writes a result to stdout, at once.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::output(&error))
}

/// Writes a line to stderr. A terminal that is gone is no reason to stop.
pub(crate) fn say(line: impl fmt::Display) {
    // In one piece, so that lines of several threads are not mixed.
    let line = format!("{line}\n");
    drop(io::stderr().lock().write_all(line.as_bytes()));
}
