//! One step of a command: a program with its arguments.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

/// One program to run; it succeeds if the program exits with 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The name of the step in logs.
    pub(crate) name: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, OsString)>,
    /// Printed in addition to the step's own output if the step fails.
    pub(crate) hint: Option<&'static str>,
}

impl Step {
    /// A step that runs cargo; the arguments are one text, separated by spaces.
    pub(crate) fn cargo(name: impl Into<String>, arguments: &str) -> Self {
        Self {
            name: name.into(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            environment: Vec::new(),
            hint: None,
        }
    }

    pub(crate) fn arguments(mut self, more: impl IntoIterator<Item = String>) -> Self {
        self.arguments.extend(more);
        self
    }

    pub(crate) fn environment(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The command to run in `root`. Its input is closed, so that it cannot wait for a person.
    pub(crate) fn command(&self, root: &Path) -> Command {
        // The cargo that runs this program, so that the user's choice of a toolchain is kept.
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(root)
            .stdin(Stdio::null());
        command
    }
}

/// The command line as a person would type it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}='{}' ", value.to_string_lossy())?;
        }
        write!(f, "cargo {}", self.arguments.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shown_as_its_command_line() {
        let step = Step::cargo("docs", "doc --no-deps").environment("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            step.to_string(),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
        );
    }
}
