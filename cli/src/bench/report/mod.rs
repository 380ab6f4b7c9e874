//! How outcomes are shown.

mod chart;
mod table;

use super::outcome::Outcome;
use crate::console::print;
use crate::failure::Failure;

pub(super) use chart::chart;

/// A line of JSON for each outcome.
pub(super) fn json(outcomes: &[Outcome]) -> Result<(), Failure> {
    for outcome in outcomes {
        let line = serde_json::to_string(outcome).map_err(Failure::other)?;
        print(&format!("{line}\n"))?;
    }
    Ok(())
}

/// A table of all outcomes, with the ratio to what each was compared with.
pub(super) fn table(outcomes: &[Outcome]) -> Result<(), Failure> {
    print(&format!("{}\n", table::render(outcomes)))
}
