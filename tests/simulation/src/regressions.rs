//! Plans that failed once, as text, one in each file in `tests/simulation/regressions/`.
//!
//! A seed alone would not be enough, because a seed gives another plan as soon as its scenario changes.
//!
//! The text is [RON](https://docs.rs/ron), which looks like Rust's structs and enums. The comment in the first line
//! describes the defect.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use ron::extensions::Extensions;
use ron::ser::PrettyConfig;
use serde::{Deserialize, Serialize};

use crate::judge::{Verdict, judge};
use crate::plan::Plan;
use crate::scenarios::Scenario;
use crate::trace::Keep;

/// Values at this depth and below are written on one line, so that each item of a plan has its own line.
const LINES: usize = 3;

/// A plan, and the scenario that was run alone, because that scenario has an additional check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// The scenario's name; `None`: a mix.
    #[serde(borrow)]
    scenario: Option<&'static str>,
    plan: Plan,
}

impl Regression {
    /// A regression from this plan of this scenario.
    #[must_use]
    pub fn new(scenario: Option<&Scenario>, plan: Plan) -> Self {
        let scenario = scenario.map(|scenario| scenario.name);
        Self { scenario, plan }
    }

    /// Reads the text that `Display` writes. The text stays in memory, because names in the plan are slices of it.
    ///
    /// # Errors
    /// The position, what was expected and what was found; or the name of an unknown scenario.
    pub fn parse(text: String) -> Result<Self, String> {
        let read: Self = format()
            .from_str(text.leak())
            .map_err(|error| error.to_string())?;
        match read.scenario {
            Some(name) if Scenario::find(name).is_none() => {
                Err(format!("there is no scenario {name}"))
            }
            _ => Ok(read),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The file's name, and the problem.
    pub fn read(file: &Path) -> Result<Self, String> {
        std::fs::read_to_string(file)
            .map_err(|error| error.to_string())
            .and_then(Self::parse)
            .map_err(|error| format!("{}: {error}", file.display()))
    }

    /// The scenario that was run alone.
    #[must_use]
    pub fn scenario(&self) -> Option<&'static Scenario> {
        self.scenario.and_then(Scenario::find)
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A copy without the items with these numbers.
    #[must_use]
    pub fn without(mut self, items: &[usize]) -> Self {
        self.plan = self.plan.without(items);
        self
    }

    /// Runs the plan.
    #[must_use]
    pub fn judge(&self, keep: Keep) -> Verdict {
        judge(&self.plan, self.scenario(), keep)
    }
}

/// The files in a directory, sorted by name.
///
/// # Errors
/// The directory's name, and why it cannot be read, or that it has no files.
pub fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(directory)?;
        entries.map(|entry| Ok(entry?.path())).collect()
    };
    let mut files = read().map_err(|error| format!("{}: {error}", directory.display()))?;
    if files.is_empty() {
        return Err(format!(
            "{}: expected plans, found no file",
            directory.display()
        ));
    }
    files.sort();
    Ok(files)
}

impl fmt::Display for Regression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pretty = PrettyConfig::new().depth_limit(LINES);
        let text = format()
            .to_string_pretty(self, pretty)
            .map_err(|_| fmt::Error)?;
        writeln!(f, "{text}")
    }
}

fn format() -> ron::Options {
    ron::Options::default()
        .with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES | Extensions::IMPLICIT_SOME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios;

    #[test]
    fn plans_are_read_as_they_are_written() {
        for seed in 0..8 {
            for scenario in scenarios::ALL {
                let written = Regression::new(Some(scenario), scenario.plan(seed));
                let text = written.to_string();
                let read = Regression::parse(text.clone());
                assert_eq!(read.as_ref(), Ok(&written), "{text}");
            }
            let mix = Regression::new(None, scenarios::mixed(seed));
            assert_eq!(Regression::parse(mix.to_string()), Ok(mix));
        }
    }

    #[test]
    fn each_item_is_one_line() {
        let regression = Regression::new(None, scenarios::mixed(7));
        let (text, items) = (regression.to_string(), regression.plan.items.len());
        assert!(text.lines().count() < items + 20, "{text}");
    }

    #[test]
    fn an_invalid_plan_is_refused_with_its_position() {
        let text = Regression::new(None, scenarios::mixed(7)).to_string();
        let odd = text.replacen("length", "lenght", 1);
        let error = Regression::parse(odd).expect_err("no plan has that");
        assert!(
            error.contains("lenght") && error.contains("length"),
            "{error}"
        );
        let unknown = text.replacen("scenario: None", "scenario: f99", 1);
        assert!(Regression::parse(unknown).is_err());
        let unknown = text.replacen("scenario: None", "scenario: \"f99\"", 1);
        let error = Regression::parse(unknown).expect_err("there is no such scenario");
        assert_eq!(error, "there is no scenario f99");
    }
}
