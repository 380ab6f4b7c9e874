//! The table of disagreements: read from `disagreements.toml`, written to `docs/interop.md`.
//!
//! Invariants, which are tested: each entry names an existing check, a server and a check are in at most one entry,
//! every entry has a deciding sentence or says that there is none, and the document equals the rendered table.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::foreign::Foreign;
use crate::markdown::table;
use crate::{Failure, Folders};

const SOURCE: &str = include_str!("../disagreements.toml");
const INTRODUCTION: &str = include_str!("introduction.md");

/// All known disagreements.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    #[serde(rename = "cause")]
    pub(crate) causes: Vec<Cause>,
}

/// Disagreements with the same cause.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cause {
    /// What local-sqs does.
    rule: String,
    right: Right,
    /// Quotations from Amazon's documentation.
    #[serde(default)]
    pub(crate) words: Vec<Quotation>,
    /// Further explanation; required if no quotation decides.
    note: Option<String>,
    elasticmq: Option<Difference>,
    localstack: Option<Difference>,
}

/// Which behavior agrees with Amazon's documentation.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Right {
    /// Only the behavior of local-sqs.
    LocalSqs,
    /// Both behaviors: the documentation allows them.
    Both,
    /// The documentation does not decide.
    NotDocumented,
}

/// A sentence of Amazon's documentation.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quotation {
    /// The name of the page in its URL: a page of the API reference if it begins with `API_` or is `CommonErrors`, else
    /// a page of the developer guide.
    page: String,
    pub(crate) text: String,
}

/// The different behavior of one server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    does: String,
    /// Each check, with a part of the text of its disagreement.
    checks: BTreeMap<String, String>,
    /// The reason, if the server does not always behave so.
    unsteady: Option<String>,
}

/// The expected disagreement of one check on one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected<'a> {
    pub(crate) seen: &'a str,
    pub(crate) unsteady: bool,
}

impl Table {
    pub(crate) fn read() -> Result<Self, Failure> {
        toml::from_str(SOURCE).map_err(|error| format!("disagreements.toml: {error}"))
    }

    /// The checks that a server is known not to pass.
    pub(crate) fn expected(&self, server: Foreign) -> BTreeMap<&str, Expected<'_>> {
        let differences = self.causes.iter().filter_map(|cause| cause.of(server));
        let checks = differences.flat_map(|difference| {
            let unsteady = difference.unsteady.is_some();
            difference
                .checks
                .iter()
                .map(move |(check, seen)| (check.as_str(), Expected { seen, unsteady }))
        });
        checks.collect()
    }

    /// The table for one server, with a line for each cause. The full table with quotations is in `docs/interop.md`.
    pub(crate) fn lines(&self, server: Foreign) -> impl Iterator<Item = String> {
        self.causes.iter().filter_map(move |cause| {
            let difference = cause.of(server)?;
            let checks = difference.checks.len();
            let (rule, does, right) = (&cause.rule, &difference.does, cause.right.word());
            Some(format!(
                "  {checks} x {rule} | {server}: {does} | right: {right}"
            ))
        })
    }

    fn render(&self) -> String {
        let rows = self.causes.iter().map(|cause| {
            let others: Vec<_> = Foreign::ALL
                .into_iter()
                .filter_map(|server| Some((server, cause.of(server)?)))
                .map(|(server, difference)| difference.render(server))
                .collect();
            let words: Vec<_> = cause.words.iter().map(Quotation::render).collect();
            let words: Vec<_> = words.into_iter().chain(cause.note.clone()).collect();
            [
                cause.rule.clone(),
                others.join("<br>"),
                cause.right.word().to_owned(),
                words.join("<br>"),
            ]
        });
        let table = table(["local-sqs", "others", "right", "Amazon's words"], rows);
        format!("{INTRODUCTION}\n{table}")
    }
}

impl Cause {
    fn of(&self, server: Foreign) -> Option<&Difference> {
        match server {
            Foreign::ElasticMq => self.elasticmq.as_ref(),
            Foreign::LocalStack => self.localstack.as_ref(),
        }
    }
}

impl Difference {
    fn render(&self, server: Foreign) -> String {
        let checks: Vec<_> = self
            .checks
            .keys()
            .map(|check| format!("`{check}`"))
            .collect();
        let unsteady = self
            .unsteady
            .iter()
            .map(|why| format!("; not always: {why}"));
        let unsteady: String = unsteady.collect();
        format!(
            "**{server}** {}{unsteady} ({})",
            self.does,
            checks.join(", ")
        )
    }
}

impl Quotation {
    /// Whether the quotation is from the part of the API reference that every SDK contains.
    pub(crate) fn is_of_the_reference(&self) -> bool {
        self.page.starts_with("API_")
    }

    fn render(&self) -> String {
        let guide = if self.is_of_the_reference() || self.page == "CommonErrors" {
            "APIReference"
        } else {
            "SQSDeveloperGuide"
        };
        let Self { page, text } = self;
        let name = page.trim_start_matches("API_");
        format!(
            "\"{text}\" ([{name}](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/{guide}/{page}.html))"
        )
    }
}

impl Right {
    fn word(self) -> &'static str {
        match self {
            Self::LocalSqs => "local-sqs",
            Self::Both => "both",
            Self::NotDocumented => "not documented",
        }
    }
}

/// Writes the document.
pub(crate) fn write_docs(folders: &Folders) -> Result<(), Failure> {
    let file = folders.docs();
    std::fs::write(&file, Table::read()?.render())
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use local_sqs::contract::CHECKS;
    use std::collections::BTreeSet;

    #[test]
    fn entries_name_existing_checks_at_most_once() {
        let checks: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
        let table = Table::read().unwrap();
        for server in Foreign::ALL {
            let mut named = BTreeSet::new();
            for difference in table.causes.iter().filter_map(|cause| cause.of(server)) {
                for (check, seen) in &difference.checks {
                    assert!(checks.contains(check.as_str()), "there is no check {check}");
                    assert!(named.insert(check), "{server} has {check} more than once");
                    assert!(
                        !seen.is_empty(),
                        "{server}, {check}: expected a part of the disagreement, found none"
                    );
                }
            }
        }
    }

    #[test]
    fn each_entry_is_decided_or_explained() {
        for cause in Table::read().unwrap().causes {
            let decided = !cause.words.is_empty();
            let explained = cause.right == Right::NotDocumented && cause.note.is_some();
            assert!(decided || explained, "{}", cause.rule);
            assert!(
                Foreign::ALL.iter().any(|&it| cause.of(it).is_some()),
                "{}",
                cause.rule
            );
        }
    }

    #[test]
    fn the_document_equals_the_rendered_table() {
        let shown = std::fs::read_to_string(Folders::new().docs()).unwrap();
        let hint = "run `cargo xtask interop --write-docs`";
        assert!(shown == Table::read().unwrap().render(), "{hint}");
    }
}
