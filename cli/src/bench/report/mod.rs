//! How outcomes are shown.

mod chart;
mod table;

use std::io::{self, Write as _};

use super::outcome::Outcome;
use crate::failure::Failure;

pub(super) use chart::chart;

/// A line of JSON for each outcome.
pub(super) fn json(outcomes: &[Outcome]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    for outcome in outcomes {
        let line = serde_json::to_string(outcome).map_err(Failure::other)?;
        writeln!(stdout, "{line}").map_err(Failure::other)?;
    }
    stdout.flush().map_err(Failure::other)
}

/// A table of all outcomes, with the ratio to what each was compared with.
pub(super) fn table(outcomes: &[Outcome]) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{}", table::render(outcomes)).map_err(Failure::other)
}
